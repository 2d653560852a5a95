"""Keep the windows that an operator wants to be read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from reelkeep.catalog.database import Database
from reelkeep.catalog.tables import backfill
from reelkeep.core.model import ProviderName, Window
from reelkeep.ports import Clock, Wanted


class SqlBackfills:
    """See `ports.Backfills`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def want(self, names: Sequence[ProviderName], window: Window) -> None:
        """Let `window` be read again at each of `names`; asking twice is harmless."""
        now = self._clock()

        def work(connection: Connection) -> None:
            same = (backfill.c.since == window.since) & (backfill.c.until == window.until)
            known = set(connection.execute(select(backfill.c.provider).where(same)).scalars())
            rows = [
                {"provider": name, "since": window.since, "until": window.until, "asked_at": now}
                for name in names
                if name not in known
            ]
            if rows:
                connection.execute(insert(backfill), rows)

        await self._database.write(work)

    async def next(self, name: ProviderName) -> Wanted | None:
        query = (
            select(backfill).where(backfill.c.provider == name).order_by(backfill.c.row).limit(1)
        )
        row = await self._database.read(lambda c: c.execute(query).mappings().first())
        return None if row is None else Wanted(row["row"], Window(row["since"], row["until"]))

    async def advance(self, wanted: Wanted, until: datetime) -> None:
        mine = backfill.c.row == wanted.row
        change = (
            delete(backfill).where(mine)
            if until >= wanted.window.until
            else update(backfill).where(mine).values(since=until)
        )
        await self._database.write(lambda c: c.execute(change))
