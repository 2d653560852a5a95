"""Hand out what is due, the most endangered first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    bindparam,
    exists,
    func,
    select,
    update,
)

from reelkeep.catalog.database import Database
from reelkeep.catalog.rows import chunks
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import Claim, Download, FileId, ProviderName, RecordingId
from reelkeep.core.obstacles import read_obstacle
from reelkeep.ports import Clock


def claimable(*providers: ProviderName | BindParameter[str]) -> ColumnElement[bool]:
    """Return whether a recording of `providers` may have files that can be fetched."""
    return (
        recording.c.provider.in_(providers)
        & (recording.c.state == RecordingState.OPEN)
        & recording.c.described
    )


def due(now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Return whether a file can be fetched now."""
    return (file.c.state == FileState.DUE) & (file.c.due_at.is_(None) | (file.c.due_at <= now))


# Statements that dispatchers need all the time are built once: that takes longer than to run them.
_NAME: BindParameter[str] = bindparam("name")
_NOW: BindParameter[datetime] = bindparam("now", type_=file.c.due_at.type)
_NEXT_DUE = (
    select(func.min(func.coalesce(file.c.due_at, recording.c.first_seen), type_=file.c.due_at.type))
    .select_from(recording)
    .join(file, file.c.recording == recording.c.row)
    .where(claimable(_NAME), file.c.state == FileState.DUE)
)


def _chosen(files: ColumnElement[bool]) -> Select[Any]:
    mine = exists().where(file.c.recording == recording.c.row, due(_NOW), files)
    return (
        select(recording.c.row, recording.c.id, recording.c.key)
        .where(claimable(_NAME), mine)
        .order_by(recording.c.deadline, recording.c.started)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=recording)  # SQLite has locked all by now
    )


_WAITS = file.c.waits > 0
_CHOSEN = (_chosen(~_WAITS), _chosen(_WAITS))
"""What the provider has not finished so far comes behind what can be had."""

_MINE = file.c.recording.in_(bindparam("rows", expanding=True)) & due(_NOW)
_FOUND = select(file).where(_MINE).order_by(file.c.row)
_TAKEN = update(file).where(_MINE).values(state=FileState.ACTIVE)


class SqlQueue:
    """See `ports.Queue`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recover(self) -> int:
        """Make what an earlier process held due again; only for the holder of the lock."""
        held = update(file).where(file.c.state == FileState.ACTIVE).values(state=FileState.DUE)
        return await self._database.write(lambda c: c.execute(held).rowcount)

    async def release(self, claims: Sequence[Claim]) -> None:
        """Make files that were claimed, and that nobody has begun on, due again."""
        rows = [download.row for claim in claims for download in claim.downloads]
        if rows:
            await self._database.write(lambda c: _release(c, rows))

    async def claim(self, provider: ProviderName, limit: int) -> Sequence[Claim]:
        """Take up to `limit` recordings with files that are due now."""
        now = self._clock()
        return await self._database.write(lambda c: _claim(c, provider, limit, now))

    async def next_due(self, provider: ProviderName) -> datetime | None:
        """Return when the next waiting file becomes due; the past if one is due already."""
        values = {"name": provider}
        return await self._database.read(lambda c: c.execute(_NEXT_DUE, values).scalar())


def _release(connection: Connection, rows: Sequence[int]) -> None:
    for some in chunks(rows):
        mine = file.c.row.in_(some) & (file.c.state == FileState.ACTIVE)
        connection.execute(update(file).where(mine).values(state=FileState.DUE))


def _claim(
    connection: Connection, provider: ProviderName, limit: int, now: datetime
) -> list[Claim]:
    chosen: list[RowMapping] = []
    for query in _CHOSEN:
        most = limit - len(chosen)
        if most > 0:
            values = {"name": provider, "most": most, "now": now}
            known = {row["row"] for row in chosen}
            found = connection.execute(query, values).mappings()
            chosen += [row for row in found if row["row"] not in known]
    files = _take(connection, [row["row"] for row in chosen], now)
    return [
        Claim(
            row=row["row"],
            provider=provider,
            recording=RecordingId(row["id"]),
            downloads=tuple(_download(provider, row, found) for found in files[row["row"]]),
        )
        for row in chosen
    ]


def _take(connection: Connection, rows: Sequence[int], now: datetime) -> dict[int, list[Any]]:
    """Claim what is due of the recordings `rows`; return it in the order of first sight."""
    found: dict[int, list[Any]] = {row: [] for row in rows}
    for some in chunks(rows):
        values = {"rows": some, "now": now}
        for row in connection.execute(_FOUND, values).mappings():
            found[row["recording"]].append(row)
        connection.execute(_TAKEN, values)
    return found


def _download(provider: ProviderName, row: Mapping[Any, Any], found: Mapping[Any, Any]) -> Download:
    return Download(
        row=found["row"],
        provider=provider,
        recording=RecordingId(row["id"]),
        file=FileId(found["id"]),
        key=row["key"],
        name=found["name"],
        file_type=found["file_type"],
        size=found["promised"],
        obstacle=read_obstacle(found["obstacle"]),
        attempts=found["attempts"],
        tries=found["tries"],
        waits=found["waits"],
        waits_since=found["waits_since"],
        reason=found["reason"],
        seen=found["seen"],
        accepts=found["accepts"],
    )
