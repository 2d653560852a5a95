"""Write what a sighting of recordings changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, insert, select

from reelkeep.catalog.recording_state import Step, restate, revise
from reelkeep.catalog.tables import (
    CHUNK,
    FRESH,
    NEVER,
    chunks,
    file,
    held_files,
    recording,
    write_rows,
)
from reelkeep.core.admission import FILTERED, Arrival, Revision, changes, fingerprint, refiltered
from reelkeep.core.filters import Filter, wanted
from reelkeep.core.instants import settled_at
from reelkeep.core.layout import FileNames
from reelkeep.core.lifecycle import FileState, RecordingState, sources
from reelkeep.core.model import File, ProviderName, Recording, RecordingId
from reelkeep.core.naming import key
from reelkeep.core.unavailable import EXPLANATIONS, read_obstacle
from reelkeep.ports import Traits

_KNOWN = select(
    *(recording.c[column] for column in ("row", "id", "fingerprint", "told", "described")),
    *(recording.c[column] for column in ("overdue_at", "acknowledge_after", "archived_at")),
    *(recording.c[column] for column in ("transcode_asked", "reason")),
    *(recording.c[column] for column in ("deadline", "warned", "first_seen")),
).where(
    recording.c.provider == bindparam("name"),
    recording.c.id.in_(bindparam("ids", expanding=True)),
)


@dataclass(frozen=True, slots=True)
class Later:
    """A later version of a stored file."""

    recording: RecordingId
    arrival: Arrival


def mark(traits: Traits, found: Recording) -> str:
    """Return what tells a changed sighting; also that an operator now wants descriptions."""
    return fingerprint(found) + ("+" if traits.describes else "")


def known(
    connection: Connection, name: ProviderName, ids: Sequence[RecordingId]
) -> dict[RecordingId, RowMapping]:
    """Return, in one query for 500, what tells whether a recording changed or was refused."""
    found: dict[RecordingId, RowMapping] = {}
    for some in chunks(ids):
        rows = connection.execute(_KNOWN, {"name": name, "ids": some}).mappings()
        found |= {row["id"]: row for row in rows}
    return found


def new_row(name: ProviderName, traits: Traits, found: Recording, now: datetime) -> dict[str, Any]:
    """Return the row of a recording that was not known."""
    return {
        "provider": name,
        "id": found.id,
        "key": key(name, found.id),
        "state": RecordingState.WAITING.value,
        "first_seen": now,
        "fingerprint": mark(traits, found),
        "described": not traits.describes,
        "told": found.told,
        "overdue_at": _overdue_at(traits, found, now),
        **_details(found),
    }


def _overdue_at(traits: Traits, found: Recording, now: datetime) -> datetime:
    """Return until when the provider may be at work on a recording that is new, or news.

    However old it is, it has to be asked for first where it is described by itself.
    """
    patience = now + traits.transcode_timeout
    settles = settled_at(found.settles, found.started, now)
    if settles is None:
        return patience
    return max(settles, patience) if traits.describes else settles


def changed_row(
    traits: Traits, before: RowMapping, found: Recording, now: datetime
) -> dict[str, Any]:
    """Return what a changed sighting of the recording `before` writes.

    Where a listing says little (`traits.describes`), it must not wipe out what is known already.
    """
    written = {"row": before["row"], "fingerprint": mark(traits, found)}
    if not traits.describes:
        return {**written, **described_row(before, found)}
    readiness, unfinished = found.readiness.value, found.unfinished
    overdue = before["overdue_at"] if not before["described"] else _overdue_at(traits, found, now)
    told = {"readiness": readiness, "unfinished": unfinished, "overdue_at": overdue}
    return {**written, **told, "described": False}


def described_row(before: RowMapping, found: Recording) -> dict[str, Any]:
    """Return what a description of the recording `before` writes."""
    return {
        "row": before["row"],
        "described": True,
        "reason": None,
        "overdue_at": settled_at(found.settles, found.started, before["first_seen"])
        or before["overdue_at"],
        "warned": before["warned"] if before["deadline"] == (found.deadline or NEVER) else 0,
        **_details(found),
    }


def _details(found: Recording) -> dict[str, Any]:
    seconds = None if found.duration is None else found.duration.total_seconds()
    return {
        "readiness": found.readiness.value,
        "title": found.title,
        "user": found.user,
        "meeting_id": found.meeting_id,
        "session_key": found.session_key,
        "started": found.started,
        "duration": seconds,
        "deadline": found.deadline or NEVER,
        "settles": found.settles,
        "unfinished": found.unfinished,
        "facts": dict(found.facts),
    }


def merge(
    connection: Connection,
    rows: Mapping[RecordingId, int],
    touched: Mapping[RecordingId, Recording],
    rules: Filter,
    *,
    whole: bool,
    naming: FileNames,
) -> list[Later]:
    """Write what `touched` says of its files, `rows` being where; to be restated afterwards.

    `whole`: nothing of them is left to be described. Return the later versions of stored files.
    """
    mine = {rows[id_]: found for id_, found in touched.items()}
    held = held_files(connection, mine)
    arrivals: list[dict[str, Any]] = []
    revisions: list[Revision] = []
    settled: list[int] = []
    later: list[Later] = []
    for row, found in mine.items():
        change = changes(found, held.get(row, []), rules, whole=whole, naming=naming)
        arrivals += [_arrival(row, arrival) for arrival in change.arrivals]
        revisions += change.revisions
        settled += change.settled
        later += [Later(found.id, each) for each in change.arrivals if each.supersedes is not None]
    for some in chunks(settled):
        connection.execute(delete(file).where(file.c.row.in_(some)))
    if arrivals:
        connection.execute(insert(file), arrivals)
    write_rows(connection, file, [_word(r) for r in revisions if not r.is_stored])
    write_rows(connection, file, [_late_word(r) for r in revisions if r.is_stored])
    moves = [_move(r.row, r.state, r.reason, r.detail) for r in revisions if r.state is not None]
    write_rows(connection, file, moves)
    revise(connection, mine)
    return later


def _arrival(row: int, arrival: Arrival) -> dict[str, Any]:
    return {
        "recording": row,
        "id": arrival.file.id,
        "name": arrival.name,
        "state": arrival.state.value,
        "reason": arrival.reason,
        "detail": arrival.detail,
        "asked_as": arrival.asked_as,
        **_said(arrival.file),
    }


def _word(revision: Revision) -> dict[str, Any]:
    return {"row": revision.row, "asked_as": revision.asked_as, **_said(revision.file)}


def _late_word(revision: Revision) -> dict[str, Any]:
    facts = dict(revision.file.facts) or None
    return {"row": revision.row, "asked_as": revision.asked_as, "facts": facts}


def _said(said: File) -> dict[str, Any]:
    return {
        "promised": said.size,
        "file_type": said.file_type,
        "recording_type": said.recording_type,
        "obstacle": None if said.obstacle is None else said.obstacle.value,
        "addressed": said.addressed,
        "facts": dict(said.facts) or None,
    }


def _move(row: int, state: FileState, reason: str | None, detail: str | None) -> dict[str, Any]:
    return {"row": row, "state": state.value, "reason": reason, **FRESH, "detail": detail}


def refilter(
    connection: Connection, *, name: ProviderName, rules: Filter, now: datetime
) -> tuple[int, list[Step]]:
    """Apply `rules` to every file of the provider that they may concern.

    What was adopted is left until it is seen again: only then all is known of it.
    """
    open_to_it = [FileState.SKIPPED, *sources(FileState.SKIPPED)]
    query = (
        select(
            file.c.row, file.c.recording, file.c.state, file.c.obstacle, file.c.addressed,
            file.c.file_type, file.c.recording_type,
            recording.c.meeting_id, recording.c.title, recording.c.duration, recording.c.started,
        )
        .join(recording, recording.c.row == file.c.recording)
        .where(
            recording.c.provider == name,
            recording.c.fingerprint.is_not(None),
            file.c.state.in_(open_to_it),
        )
        .execution_options(yield_per=CHUNK)
    )  # fmt: skip
    moves: list[dict[str, Any]] = []
    touched: set[int] = set()
    for row in connection.execute(query).mappings():
        state = refiltered(
            FileState(row["state"]),
            is_wanted=_wanted(rules, row),
            obstacle=None if row["addressed"] else read_obstacle(row["obstacle"]),
        )
        if state is not None:
            moves.append(_move(row["row"], state, *_why(state, row["obstacle"])))
            touched.add(row["recording"])
    write_rows(connection, file, moves)
    revise(connection, touched)
    return len(moves), restate(connection, touched, now)


def _why(state: FileState, obstacle: str | None) -> tuple[str | None, str | None]:
    """Return reason and detail of a file that a filter moves."""
    if state is FileState.SKIPPED:
        return FILTERED, None
    found = read_obstacle(obstacle) if state is FileState.UNAVAILABLE else None
    return (None, None) if found is None else (found.value, EXPLANATIONS[found])


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
