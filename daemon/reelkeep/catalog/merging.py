"""Write what a sighting of recordings changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, insert, select, update

from reelkeep.catalog.rows import chunks, held_files
from reelkeep.catalog.standing import Step, restate, revise
from reelkeep.catalog.tables import NEVER, file, recording
from reelkeep.core.admission import FILTERED, Changes, changes, refiltered
from reelkeep.core.filters import Filter, wanted
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import ProviderName, Recording, RecordingId
from reelkeep.core.naming import key
from reelkeep.ports import Traits


def known(
    connection: Connection, name: ProviderName, ids: Sequence[RecordingId]
) -> dict[RecordingId, RowMapping]:
    """Return, in one query for 500, what is needed to see whether a recording changed."""
    found: dict[RecordingId, RowMapping] = {}
    columns = (recording.c.row, recording.c.id, recording.c.fingerprint)
    for some in chunks(ids):
        query = select(*columns, recording.c.told, recording.c.described).where(
            recording.c.provider == name, recording.c.id.in_(some)
        )
        found |= {row["id"]: row for row in connection.execute(query).mappings()}
    return found


def new_row(
    name: ProviderName, traits: Traits, found: Recording, mark: str, now: datetime
) -> dict[str, Any]:
    """Return the row of a recording that was not known."""
    return {
        "provider": name,
        "id": found.id,
        "key": key(name, found.id),
        "state": RecordingState.WAITING.value,
        "first_seen": now,
        "fingerprint": mark,
        "described": not traits.describes,
        "told": found.told,
        **_details(found),
    }


def changed_values(traits: Traits, found: Recording, mark: str, now: datetime) -> dict[str, Any]:
    """Return what a changed sighting writes.

    Where a listing says little (`traits.describes`), it must not wipe out what is known already.
    """
    values: dict[str, Any] = {
        "fingerprint": mark,
        "readiness": found.readiness.value,
        "unfinished": found.unfinished,
    }
    if found.told:
        values |= {"told": True, "acknowledged_at": now}
    if traits.describes:
        return values | {"described": False}
    return values | _details(found)


def described_values(found: Recording) -> dict[str, Any]:
    """Return what a description writes."""
    return {"described": True, **_details(found)}


def _details(found: Recording) -> dict[str, Any]:
    seconds = None if found.duration is None else found.duration.total_seconds()
    return {
        "readiness": found.readiness.value,
        "title": found.title,
        "user": found.user,
        "meeting_id": found.meeting_id,
        "started": found.started,
        "duration": seconds,
        "deadline": found.deadline or NEVER,
        "settles": found.settles,
        "overdue_at": found.settles,
        "unfinished": found.unfinished,
        "facts": dict(found.facts),
    }


def merge(
    connection: Connection,
    name: ProviderName,
    traits: Traits,
    touched: Mapping[RecordingId, Recording],
    now: datetime,
) -> list[Step]:
    """Write what `touched` says of its files; return the recordings that changed state."""
    rows = {id_: row["row"] for id_, row in known(connection, name, list(touched)).items()}
    held = held_files(connection, rows.values())
    for id_, found in touched.items():
        change = changes(found, held.get(rows[id_], []), traits.filter)
        _write(connection, rows[id_], change)
    revise(connection, rows.values())
    return restate(connection, rows.values(), now)


def _write(connection: Connection, row: int, change: Changes) -> None:
    if change.arrivals:
        connection.execute(
            insert(file),
            [
                {
                    "recording": row,
                    "id": arrival.file.id,
                    "name": arrival.name,
                    "file_type": arrival.file.file_type,
                    "recording_type": arrival.file.recording_type,
                    "obstacle": arrival.file.obstacle,
                    "promised": arrival.file.size,
                    "state": arrival.state.value,
                    "reason": arrival.reason,
                }
                for arrival in change.arrivals
            ],
        )
    for revision in change.revisions:
        values: dict[str, Any] = {
            "promised": revision.file.size,
            "file_type": revision.file.file_type,
            "recording_type": revision.file.recording_type,
            "obstacle": revision.file.obstacle,
        }
        if revision.state is not None:
            values |= _into(revision.state, revision.reason)
        pending = (file.c.row == revision.row) & (file.c.state != FileState.STORED)
        connection.execute(update(file).where(pending).values(values))


def _into(state: FileState, reason: str | None) -> dict[str, Any]:
    return {"state": state.value, "reason": reason, "due_at": None, "attempts": 0, "tries": 0}


def refilter(
    connection: Connection, *, name: ProviderName, rules: Filter, now: datetime
) -> tuple[int, list[Step]]:
    """Apply `rules` to every file of the provider that they may concern."""
    open_to_it = [FileState.SKIPPED, FileState.DUE, FileState.FAILED]
    query = (
        select(
            file.c.row, file.c.recording, file.c.state, file.c.obstacle,
            file.c.file_type, file.c.recording_type,
            recording.c.meeting_id, recording.c.title, recording.c.duration, recording.c.started,
        )
        .join(recording, recording.c.row == file.c.recording)
        .where(recording.c.provider == name, file.c.state.in_(open_to_it))
    )  # fmt: skip
    moves: list[dict[str, Any]] = []
    touched: set[int] = set()
    for row in connection.execute(query).mappings():
        state = refiltered(
            FileState(row["state"]),
            is_wanted=_wanted(rules, row),
            obstructed=row["obstacle"] is not None,
        )
        if state is not None:
            reason = FILTERED if state is FileState.SKIPPED else None
            moves.append({"at": row["row"], "to": state.value, "why": reason})
            touched.add(row["recording"])
    if moves:
        connection.execute(
            update(file)
            .where(file.c.row == bindparam("at"))
            .values(
                state=bindparam("to"), reason=bindparam("why"), due_at=None, attempts=0, tries=0
            ),
            moves,
        )
        revise(connection, touched)
    return len(moves), restate(connection, touched, now)


def _wanted(rules: Filter, row: RowMapping) -> bool:
    duration = None if row["duration"] is None else timedelta(seconds=row["duration"])
    return wanted(
        rules,
        file_type=row["file_type"],
        recording_type=row["recording_type"],
        meeting_id=row["meeting_id"],
        topic=row["title"],
        duration=duration,
        started=row["started"],
    )
