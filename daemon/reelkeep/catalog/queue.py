"""Hand out what is due, the most endangered first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, select, update

from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import chunks
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import Claim, Download, FileId, ProviderName, RecordingId
from reelkeep.ports import Clock


class SqlQueue:
    """See `ports.Queue`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recover(self) -> int:
        """Make what an earlier process held due again; only for the holder of the lock."""
        held = update(file).where(file.c.state == FileState.ACTIVE).values(state=FileState.DUE)
        return await self._database.write(lambda c: c.execute(held).rowcount)

    async def claim(self, provider: ProviderName, limit: int) -> Sequence[Claim]:
        """Take up to `limit` recordings with files that are due now."""
        now = self._clock()
        return await self._database.write(lambda c: _claim(c, provider, limit, now))

    async def release(self, rows: Sequence[int]) -> None:
        """Give back files that were claimed and not attempted."""

        def work(connection: Connection) -> None:
            for some in chunks(rows):
                mine = file.c.row.in_(some) & (file.c.state == FileState.ACTIVE)
                connection.execute(update(file).where(mine).values(state=FileState.DUE))

        await self._database.write(work)

    async def next_due(self, provider: ProviderName) -> datetime | None:
        """Return when the next waiting file becomes due; the past if one is due already."""
        at_once = func.coalesce(file.c.due_at, recording.c.first_seen)
        query = (
            select(func.min(at_once, type_=file.c.due_at.type))
            .join(recording, recording.c.row == file.c.recording)
            .where(
                file.c.state == FileState.DUE,
                recording.c.provider == provider,
                recording.c.described,
            )
        )
        return await self._database.read(lambda c: c.execute(query).scalar())


def _due(now: datetime) -> ColumnElement[bool]:
    return (file.c.state == FileState.DUE) & (file.c.due_at.is_(None) | (file.c.due_at <= now))


def _claim(
    connection: Connection, provider: ProviderName, limit: int, now: datetime
) -> list[Claim]:
    query = (
        select(recording.c.row, recording.c.id, recording.c.key)
        .where(
            recording.c.provider == provider,
            recording.c.state == RecordingState.OPEN,
            recording.c.described,
            exists().where(file.c.recording == recording.c.row, _due(now)),
        )
        .order_by(recording.c.deadline, recording.c.started)
        .limit(limit)
    )
    chosen = list(connection.execute(query).mappings())
    downloads: dict[int, list[Download]] = {row["row"]: [] for row in chosen}
    for row in chosen:
        known = (provider, RecordingId(row["id"]), row["key"])
        downloads[row["row"]] = list(_downloads(connection, row["row"], known, now))
    taken = [download.row for files in downloads.values() for download in files]
    for some in chunks(taken):
        connection.execute(update(file).where(file.c.row.in_(some)).values(state=FileState.ACTIVE))
    return [
        Claim(
            row=row["row"],
            provider=provider,
            recording=RecordingId(row["id"]),
            downloads=tuple(downloads[row["row"]]),
        )
        for row in chosen
    ]


def _downloads(
    connection: Connection, row: int, known: tuple[ProviderName, RecordingId, str], now: datetime
) -> Iterable[Download]:
    provider, id_, key = known
    query = select(file).where(file.c.recording == row, _due(now)).order_by(file.c.row)
    for found in connection.execute(query).mappings():
        yield Download(
            row=found["row"],
            provider=provider,
            recording=id_,
            file=FileId(found["id"]),
            key=key,
            name=found["name"],
            file_type=found["file_type"],
            size=found["promised"],
            attempts=found["attempts"],
            tries=found["tries"],
        )
