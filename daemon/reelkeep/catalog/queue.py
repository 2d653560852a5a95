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
    case,
    exists,
    func,
    select,
    update,
)

from reelkeep.catalog.database import Database
from reelkeep.catalog.tables import chunks, deadline, file, recording
from reelkeep.core.file_system import PLENTY, URGENT, Room, is_urgent
from reelkeep.core.instants import TOLERANCE, Longest
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import Claim, Download, FileId, ProviderName, RecordingId
from reelkeep.core.unavailable import read_obstacle
from reelkeep.errors import DiskFull
from reelkeep.ports import Clock, PassedOver


def claimable(*providers: ProviderName | BindParameter[str]) -> ColumnElement[bool]:
    """Return whether a recording of `providers` may have files that can be fetched."""
    return (
        recording.c.provider.in_(providers)
        & (recording.c.state == RecordingState.OPEN)
        & recording.c.described
    )


def due(
    now: datetime | BindParameter[datetime], latest: datetime | BindParameter[datetime]
) -> ColumnElement[bool]:
    """Return whether a file can be fetched now; what is due after `latest` was never put off."""
    at = file.c.due_at
    return (file.c.state == FileState.DUE) & (at.is_(None) | (at <= now) | (at > latest))


# Statements that dispatchers need all the time are built once: that takes longer than to run them.
_NAME: BindParameter[str] = bindparam("name")
_NOW: BindParameter[datetime] = bindparam("now", type_=file.c.due_at.type)
_LATEST: BindParameter[datetime] = bindparam("latest", type_=file.c.due_at.type)
_AT_ONCE = file.c.due_at.is_(None) | (file.c.due_at > _LATEST)
_URGENT: BindParameter[datetime] = bindparam("urgent_until", type_=recording.c.deadline.type)
_AT: BindParameter[datetime] = bindparam("room_at", type_=recording.c.deadline.type)
_LIMIT = case(
    (
        (recording.c.deadline > _AT) & (recording.c.deadline <= _URGENT),
        bindparam("urgent_room", type_=file.c.promised.type),
    ),
    else_=bindparam("other_room", type_=file.c.promised.type),
)
_FITS = func.coalesce(file.c.promised, 0) <= _LIMIT
_NEXT_DUE = (
    select(func.min(case((_AT_ONCE, _NOW), else_=file.c.due_at), type_=file.c.due_at.type))
    .select_from(recording)
    .join(file, file.c.recording == recording.c.row)
    .where(claimable(_NAME), file.c.state == FileState.DUE, _FITS)
)


def _chosen(files: ColumnElement[bool]) -> Select[Any]:
    mine = exists().where(file.c.recording == recording.c.row, due(_NOW, _LATEST), files, _FITS)
    return (
        select(recording.c.row, recording.c.id, recording.c.key, recording.c.deadline)
        .where(claimable(_NAME), mine)
        .order_by(recording.c.deadline, recording.c.started)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True, of=recording)  # SQLite has locked all by now
    )


_WAITS = file.c.waits > 0
_CHOSEN = (_chosen(~_WAITS), _chosen(_WAITS))
"""What the provider has not finished so far comes behind what can be had."""

_MINE = (
    file.c.recording.in_(bindparam("rows", expanding=True))
    & due(_NOW, _LATEST)
    & (func.coalesce(file.c.promised, 0) <= bindparam("room", type_=file.c.promised.type))
)
_FOUND = select(file).where(_MINE).order_by(file.c.row)
_TAKEN = update(file).where(_MINE).values(state=FileState.ACTIVE)


DEFAULT = Longest()


def latest_due(now: datetime, longest: Longest) -> datetime:
    """Return the latest time at which a file can be due if the clock was right when it was set."""
    return now + longest.delay + TOLERANCE


def fitting(room: Room, now: datetime) -> ColumnElement[bool]:
    """Return whether a file, joined with its recording, fits in `room`."""
    limit = case((_endangered(now), room.urgent), else_=room.other)
    return func.coalesce(file.c.promised, 0) <= limit


def _endangered(now: datetime) -> ColumnElement[bool]:
    """Return whether room is kept for the files of a recording; see `is_urgent`."""
    return (recording.c.deadline > now) & (recording.c.deadline <= now + URGENT)


def _values(room: Room, now: datetime, longest: Longest) -> dict[str, Any]:
    return {
        "now": now,
        "latest": latest_due(now, longest),
        "room_at": now,
        "urgent_until": now + URGENT,
        "urgent_room": room.urgent,
        "other_room": room.other,
    }


class SqlQueue:
    """See `ports.Queue`."""

    def __init__(self, database: Database, clock: Clock, longest: Longest = DEFAULT) -> None:
        self._database = database
        self._clock = clock
        self.longest = longest  #: The longest delays; may be replaced at any time.

    async def recover(self) -> int:
        """Make what an earlier process held due again; only for the holder of the lock.

        What found no room is due at once, too: there may be room by now.
        """
        held = update(file).where(file.c.state == FileState.ACTIVE).values(state=FileState.DUE)
        waits = (file.c.state == FileState.DUE) & (file.c.reason == DiskFull.code)
        again = update(file).where(waits, file.c.due_at.is_not(None)).values(due_at=None)

        def work(connection: Connection) -> int:
            connection.execute(again)
            return connection.execute(held).rowcount

        return await self._database.write(work)

    async def release(self, claims: Sequence[Claim], until: datetime | None = None) -> None:
        """Make files that were claimed, and that nobody has begun on, due again.

        With `until`, there was no room for them: they are due then, or at the next start.
        """
        rows = [download.row for claim in claims for download in claim.downloads]
        if rows:
            await self._database.write(lambda c: _release(c, rows, until))

    async def claim(
        self, provider: ProviderName, limit: int, room: Room = PLENTY
    ) -> Sequence[Claim]:
        """Take up to `limit` recordings with files that are due now and fit in `room`."""
        now = self._clock()
        values = _values(room, now, self.longest)
        return await self._database.write(lambda c: _claim(c, provider, limit, room, values))

    async def next_due(self, provider: ProviderName, room: Room = PLENTY) -> datetime | None:
        """Return when the next waiting file becomes due; now or the past if one is due already.

        What does not fit in `room` is left out.
        """
        values = {"name": provider, **_values(room, self._clock(), self.longest)}
        return await self._database.read(lambda c: c.execute(_NEXT_DUE, values).scalar())

    async def endangered(self, names: Sequence[ProviderName], most: int) -> int:
        """Return the bytes promised of files that are due and deleted within `URGENT`.

        Of files with more than `most` bytes nothing is counted: no disk will ever hold them.
        """
        now = self._clock()
        query = (
            select(func.coalesce(func.sum(file.c.promised), 0))
            .select_from(recording)
            .join(file, file.c.recording == recording.c.row)
            .where(claimable(*names), _endangered(now))
            .where(file.c.state == FileState.DUE, file.c.promised <= most)
        )
        return await self._database.read(lambda c: int(c.execute(query).scalar_one()))

    async def too_large(
        self, names: Sequence[ProviderName], room: Room, limit: int
    ) -> Sequence[PassedOver]:
        """Return up to `limit` due files that do not fit in `room`, the most endangered first."""
        now = self._clock()
        query = (
            select(
                file.c.row, recording.c.provider, recording.c.id, file.c.name, file.c.promised,
                recording.c.deadline,
            )
            .select_from(recording)
            .join(file, file.c.recording == recording.c.row)
            .where(claimable(*names), file.c.state == FileState.DUE, ~fitting(room, now))
            .order_by(recording.c.deadline, recording.c.started, file.c.row)
            .limit(limit)
        )  # fmt: skip

        def work(connection: Connection) -> list[PassedOver]:
            return [
                PassedOver(
                    row=row["row"],
                    provider=ProviderName(row["provider"]),
                    recording=RecordingId(row["id"]),
                    name=row["name"],
                    size=row["promised"] or 0,
                    missing=room.missing(row["promised"], row["deadline"], now),
                )
                for row in connection.execute(query).mappings()
            ]

        return await self._database.read(work)


def _release(connection: Connection, rows: Sequence[int], until: datetime | None) -> None:
    values: dict[str, Any] = {"state": FileState.DUE}
    if until is not None:
        values |= {"due_at": until, "reason": DiskFull.code}
    for some in chunks(rows):
        mine = file.c.row.in_(some) & (file.c.state == FileState.ACTIVE)
        connection.execute(update(file).where(mine).values(values))


def _claim(
    connection: Connection,
    provider: ProviderName,
    limit: int,
    room: Room,
    values: Mapping[str, Any],
) -> list[Claim]:
    chosen: list[RowMapping] = []
    for query in _CHOSEN:
        most = limit - len(chosen)
        if most > 0:
            mine = {"name": provider, "most": most, **values}
            known = {row["row"] for row in chosen}
            found = connection.execute(query, mine).mappings()
            chosen += [row for row in found if row["row"] not in known]
    now = values["now"]
    urgent = [row["row"] for row in chosen if is_urgent(row["deadline"], now)]
    others = [row["row"] for row in chosen if not is_urgent(row["deadline"], now)]
    files = _take(connection, urgent, values, room.urgent)
    files |= _take(connection, others, values, room.other)
    return [
        Claim(
            row=row["row"],
            provider=provider,
            recording=RecordingId(row["id"]),
            downloads=tuple(_download(provider, row, found) for found in files[row["row"]]),
            deadline=deadline(row),
        )
        for row in chosen
    ]


def _take(
    connection: Connection, rows: Sequence[int], times: Mapping[str, Any], room: int
) -> dict[int, list[Any]]:
    """Claim what is due, and fits, of the recordings `rows`; return it in the order of sight."""
    found: dict[int, list[Any]] = {row: [] for row in rows}
    for some in chunks(rows):
        now, latest = times["now"], times["latest"]
        values = {"rows": some, "now": now, "latest": latest, "room": room}
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
        asked_as=found["asked_as"],
        attempts=found["attempts"],
        tries=found["tries"],
        waits=found["waits"],
        waits_since=found["waits_since"],
        reason=found["reason"],
        seen=found["seen"],
        accepts=found["accepts"],
        distrusted=found["distrusted"],
    )
