"""Find archived recordings that may be moved to their provider's trash, and note what became."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, exists

from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import all_of_recording, holdings, write_rows
from reelkeep.catalog.standing import restate, tellable
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding, ProviderName
from reelkeep.ports import Clock


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
