"""What is done for recordings later on: windows read again, reviews, moves to the trash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from reelkeep.catalog.database import Database
from reelkeep.catalog.recording_state import Step, restate, revise, tellable
from reelkeep.catalog.tables import (
    FRESH,
    all_of_recording,
    backfill,
    chunks,
    file,
    holdings,
    recording,
    write_rows,
)
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import FileId, Holding, ProviderName, RecordingId, Window
from reelkeep.ports import Clock, Missed, Wanted


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


MOST = 2000
"""Recordings that are looked at in one poll."""

_ABSENT = "the provider has it no longer: neither among its recordings nor in its trash"


def missed(connection: Connection, name: ProviderName) -> list[Missed]:
    """Return recordings with unavailable files, those longest not asked for first.

    Files whose address was tried are left out: they wait for an operator, or a changed listing.
    """
    rows = connection.execute(
        select(recording.c.row, recording.c.id, recording.c.reviewed_at, file.c.id.label("file"))
        .join(file, file.c.recording == recording.c.row)
        .where(recording.c.provider == name, file.c.state == FileState.UNAVAILABLE)
        .where(file.c.tries == 0)
        .order_by(recording.c.reviewed_at.is_not(None), recording.c.reviewed_at, recording.c.row)
        .limit(MOST)
    ).mappings()
    found: dict[int, tuple[RecordingId, bool, set[FileId]]] = {}
    for row in rows:
        id_, is_new = RecordingId(row["id"]), row["reviewed_at"] is None
        found.setdefault(row["row"], (id_, is_new, set()))[2].add(FileId(row["file"]))
    return [
        Missed(recording=id_, files=frozenset(files), asked=not is_new)
        for id_, is_new, files in found.values()
    ]


def note_asked(connection: Connection, rows: Sequence[int], now: datetime) -> None:
    """Note that the provider was asked for the recordings `rows`."""
    write_rows(connection, recording, [{"row": row, "reviewed_at": now} for row in rows])


def vanish(
    connection: Connection, rows: Sequence[int], now: datetime
) -> tuple[list[tuple[int, str]], list[Step]]:
    """Mark what was unavailable of the recordings `rows` as gone; return those files."""
    lost: list[tuple[int, str]] = []
    values: dict[str, Any] = {
        **FRESH, "state": FileState.GONE.value, "reason": "not_found", "detail": _ABSENT,
    }  # fmt: skip
    for some in chunks(rows):
        mine = file.c.recording.in_(some) & (file.c.state == FileState.UNAVAILABLE)
        found = connection.execute(select(file.c.recording, file.c.name).where(mine))
        lost += [(row.recording, row.name) for row in found]
        connection.execute(update(file).where(mine).values(values))
    revise(connection, [row for row, _ in lost])
    return lost, restate(connection, rows, now)


class SqlDisposals:
    """See `ports.Disposals`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def disposable(self, name: ProviderName, limit: int) -> Sequence[Holding]:
        mine = file.c.recording == recording.c.row
        query = (
            all_of_recording()
            .where(
                recording.c.provider == name,
                tellable(self._clock()),
                recording.c.folder.is_not(None),
                ~exists().where(mine, file.c.state != FileState.STORED),
            )
            .order_by(recording.c.deadline, recording.c.started)
            .limit(limit)
        )
        return await self._database.read(lambda c: holdings(c, query))

    async def disposed(self, holding: Holding) -> None:
        now = self._clock()

        def work(connection: Connection) -> None:
            mark = {"row": holding.row, "told": True, "acknowledged_at": now}
            write_rows(connection, recording, [mark])
            restate(connection, [holding.row], now)

        await self._database.write(work)

    async def spared(self, holding: Holding, until: datetime) -> None:
        later = {"row": holding.row, "acknowledge_after": until}
        await self._database.write(lambda c: write_rows(c, recording, [later]))
