"""See whether anything is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, select

from reelkeep.catalog.database import Database
from reelkeep.catalog.queue import DEFAULT, claimable, due, fitting, latest_due
from reelkeep.catalog.standing import tellable
from reelkeep.catalog.tables import file, recording
from reelkeep.core.instants import Longest
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import ProviderName, Readiness
from reelkeep.core.room import PLENTY, Room
from reelkeep.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is left to do for some providers."""

    active: bool  #: Files are claimed, under way or waiting to be recorded.
    due: bool  #: Files could be fetched now.
    next_due: datetime | None  #: When the next of the other waiting files may be tried.
    next_wait: datetime | None  #: The same of files that their provider has not finished.
    unpublished: frozenset[int]  #: Up to 100 rows of recordings whose folder is behind.
    untold: bool  #: Recordings are archived and to be acknowledged.
    transcoding: frozenset[ProviderName]  #: Providers that have yet to finish recordings.
    unready: frozenset[ProviderName]  #: Those that list recordings which cannot be described yet.


async def look(
    database: Database,
    clock: Clock,
    *,
    names: Sequence[ProviderName],
    telling: Sequence[ProviderName],
    room: Room = PLENTY,
    longest: Longest = DEFAULT,
) -> Outlook:
    """Return what is left for `names`; of those, `telling` take acknowledgements.

    Files that do not fit in `room` can not be fetched now, nor later in the same pass.
    """
    now = clock()
    latest = latest_due(now, longest)

    def work(connection: Connection) -> Outlook:
        return Outlook(
            active=_any(connection, _active(names)),
            due=_any(connection, _due_now(names, now, latest, room)),
            next_due=connection.execute(_due_later(names, now, room, file.c.waits == 0)).scalar(),
            next_wait=connection.execute(_due_later(names, now, room, file.c.waits > 0)).scalar(),
            unpublished=frozenset(connection.execute(_unpublished(names)).scalars()),
            untold=any(_any(connection, _untold(name, now)) for name in telling),
            transcoding=frozenset(n for n in names if _any(connection, _unfinished(n))),
            unready=frozenset(n for n in names if _any(connection, _unready(n))),
        )

    return await database.read(work)


def _any(connection: Connection, query: Select[Any]) -> bool:
    return connection.execute(query.limit(1)).first() is not None


def _active(names: Sequence[ProviderName]) -> Select[Any]:
    mine = exists().where(recording.c.row == file.c.recording, recording.c.provider.in_(names))
    return select(file.c.row).where(file.c.state == FileState.ACTIVE, mine)


def _due_now(
    names: Sequence[ProviderName], now: datetime, latest: datetime, room: Room
) -> Select[Any]:
    mine = file.c.recording == recording.c.row
    found = exists().where(mine, due(now, latest), fitting(room, now))
    return select(recording.c.row).where(claimable(*names), found)


def _due_later(
    names: Sequence[ProviderName], now: datetime, room: Room, which: ColumnElement[bool]
) -> Select[Any]:
    mine = exists().where(
        recording.c.row == file.c.recording, claimable(*names), fitting(room, now)
    )
    waiting = (file.c.state == FileState.DUE) & (file.c.due_at > now)
    return select(file.c.due_at).where(waiting, which, mine).order_by(file.c.due_at).limit(1)


def _unpublished(names: Sequence[ProviderName]) -> Select[Any]:
    behind = recording.c.behind.is_(True) & recording.c.provider.in_(names)
    return select(recording.c.row).where(behind).limit(100)


def _untold(name: ProviderName, now: datetime) -> Select[Any]:
    return select(recording.c.row).where(recording.c.provider == name, tellable(now))


def _unfinished(name: ProviderName) -> Select[Any]:
    return _waiting(name).where(~_UNREADY)


def _unready(name: ProviderName) -> Select[Any]:
    return _waiting(name).where(_UNREADY)


def _waiting(name: ProviderName) -> Select[Any]:
    waits = recording.c.state == RecordingState.WAITING
    return select(recording.c.row).where(recording.c.provider == name, waits)


_UNREADY = (recording.c.readiness == Readiness.READY.value) & recording.c.described.is_(False)
