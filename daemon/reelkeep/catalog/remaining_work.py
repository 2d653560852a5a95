"""See what is left to do, and what its provider is about to delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, select, update

from reelkeep.catalog.database import Database
from reelkeep.catalog.queue import DEFAULT, claimable, due, fitting, latest_due
from reelkeep.catalog.recording_state import Step, restate, revise, tellable
from reelkeep.catalog.tables import FRESH, file, recording, write_rows
from reelkeep.core.file_system import PLENTY, Room
from reelkeep.core.instants import Longest
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import ProviderName, Readiness, RecordingId
from reelkeep.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RemainingWork:
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
) -> RemainingWork:
    """Return what is left for `names`; of those, `telling` take acknowledgements.

    Files that do not fit in `room` can not be fetched now, nor later in the same pass.
    """
    now = clock()
    latest = latest_due(now, longest)

    def work(connection: Connection) -> RemainingWork:
        return RemainingWork(
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


MOST = 500
"""Recordings that are pointed out at a time; the others follow at a later poll."""

_POINTED_OUT, _ASKED_AGAIN = 1, 2
_UNDONE = [RecordingState.WAITING, RecordingState.OPEN, RecordingState.INCOMPLETE]
_TO_COME = [FileState.DUE, FileState.ACTIVE, FileState.FAILED, FileState.UNAVAILABLE]


def _instant(name: str) -> Any:
    return bindparam(name, type_=recording.c.deadline.type)


def _has_files(*states: FileState) -> Any:
    return exists().where(file.c.recording == recording.c.row, file.c.state.in_(states))


_AT_RISK = (
    recording.c.provider == bindparam("name"),
    recording.c.state.in_(_UNDONE),
    recording.c.deadline < _instant("until"),
    (recording.c.state == RecordingState.WAITING)
    | (recording.c.unfinished > 0)
    | _has_files(*_TO_COME),
)
_HOW_MANY = select(func.count()).select_from(recording).where(*_AT_RISK)
_ENDANGERED = (
    select(recording.c.row, recording.c.id, recording.c.deadline)
    .where(*_AT_RISK, recording.c.warned == 0)
    .limit(MOST)
)
_OVER = (
    select(recording.c.row)
    .where(
        recording.c.provider == bindparam("name"),
        recording.c.state == RecordingState.INCOMPLETE,
        recording.c.deadline <= _instant("now"),
        recording.c.warned == _POINTED_OUT,
        _has_files(FileState.FAILED),
    )
    .limit(MOST)
)


@dataclass(frozen=True, slots=True)
class Endangered:
    """A recording that is not here, and when its provider deletes it."""

    id: RecordingId
    deadline: datetime


def at_risk(connection: Connection, name: ProviderName, until: datetime) -> int:
    """Return how many recordings are deleted before `until` and are not here."""
    return int(connection.execute(_HOW_MANY, {"name": name, "until": until}).scalar_one())


def endangered(connection: Connection, name: ProviderName, until: datetime) -> list[Endangered]:
    """Return what is deleted before `until` and was not pointed out; it is now."""
    rows = connection.execute(_ENDANGERED, {"name": name, "until": until}).mappings().all()
    write_rows(connection, recording, [{"row": r["row"], "warned": _POINTED_OUT} for r in rows])
    return [Endangered(RecordingId(row["id"]), row["deadline"]) for row in rows]


def ask_again(connection: Connection, name: ProviderName, now: datetime) -> list[Step] | None:
    """Make due what had failed of recordings whose deadline is over, once; None if there is none.

    So it is known whether it is gone, rather than supposed.
    """
    rows = list(connection.execute(_OVER, {"name": name, "now": now}).scalars())
    if not rows:
        return None
    failed = file.c.recording.in_(rows) & (file.c.state == FileState.FAILED)
    values = {"state": FileState.DUE, "reason": None, **FRESH}
    connection.execute(update(file).where(failed).values(values))
    write_rows(connection, recording, [{"row": row, "warned": _ASKED_AGAIN} for row in rows])
    revise(connection, rows)
    return restate(connection, rows, now)
