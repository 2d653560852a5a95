"""Point out what its provider is about to delete, and see what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, exists, func, select, update

from reelkeep.catalog.rows import FRESH, write_rows
from reelkeep.catalog.standing import Step, restate, revise
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import ProviderName, RecordingId

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
