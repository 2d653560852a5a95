"""Keep the state of recordings equal to what their files and provider say, and log changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    exists,
    func,
    select,
    update,
)

from reelkeep.catalog.tables import NEVER, chunks, file, recording, write_rows
from reelkeep.core.instants import LONGEST_SPARED, TOLERANCE, settled_at
from reelkeep.core.lifecycle import FINAL, FileState, RecordingState, Standing, recording_state
from reelkeep.core.model import ProviderName, Readiness, RecordingId
from reelkeep.ports import Report

_DONE = frozenset({RecordingState.ARCHIVED, RecordingState.ACKNOWLEDGED})
_TROUBLED = frozenset({FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE})
_TOLD_OF = _TROUBLED | {FileState.STORED}

# Statements that every outcome needs are built once: that takes longer than to run them.
_NAMED: BindParameter[Any] = bindparam("rows", expanding=True)
_RECORDINGS = select(
    *(
        recording.c[name]
        for name in (
            "row", "provider", "id", "state", "folder", "readiness", "described", "unfinished",
            "settles", "overdue_at", "told", "revision", "published", "behind", "moves_at",
            "archived_at", "started", "first_seen",
        )
    )
).where(recording.c.row.in_(_NAMED))  # fmt: skip
_KINDS = (file.c.recording, file.c.state, file.c.reason)
_FILES = (
    select(*_KINDS, func.coalesce(func.sum(file.c.size), 0).label("bytes"))
    .where(file.c.recording.in_(_NAMED))
    .group_by(*_KINDS)
)
_REVISED = (
    update(recording).where(recording.c.row.in_(_NAMED)).values(revision=recording.c.revision + 1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A recording that came into another state."""

    row: int
    provider: ProviderName
    id: RecordingId
    before: RecordingState
    after: RecordingState
    folder: str | None
    bytes: int
    troubles: tuple[str, ...]  #: Distinct reason codes of what is not here.


def restate(connection: Connection, rows: Iterable[int], now: datetime) -> list[Step]:
    """Set anew what follows from other columns; return the recordings whose state changed."""
    steps: list[Step] = []
    for some in chunks(set(rows)):
        files = _files(connection, some)
        changed: list[dict[str, Any]] = []
        for row in connection.execute(_RECORDINGS, {"rows": some}).mappings():
            mine = files.get(row["row"], [])
            derived = _derived(row, {FileState(found["state"]) for found in mine}, now)
            if any(row[name] != value for name, value in derived.items()):
                changed.append({"row": row["row"], **derived})
            if row["state"] != derived["state"]:
                steps.append(_step(row, mine, RecordingState(derived["state"])))
        write_rows(connection, recording, changed)
    return steps


def revise(connection: Connection, rows: Iterable[int]) -> None:
    """Note that the manifests of `rows` no longer say all; `restate` them afterwards."""
    for some in chunks(set(rows)):
        connection.execute(_REVISED, {"rows": some})


def tellable(now: datetime) -> ColumnElement[bool]:
    """Return whether a recording's provider may be told now that it is archived.

    Not if nothing of it was kept, and not if it was adopted and not seen since: what the provider
    has of it may be more than what an earlier catalog knew, and telling may mean deleting.
    """
    kept = [FileState.STORED, FileState.WAIVED]
    after = recording.c.acknowledge_after
    latest = now + LONGEST_SPARED + TOLERANCE
    return (
        (recording.c.state == RecordingState.ARCHIVED)
        & recording.c.fingerprint.is_not(None)
        & (after.is_(None) | (after <= now) | ((after > latest) & (after < NEVER)))
        & exists().where(file.c.recording == recording.c.row, file.c.state.in_(kept))
    )


def _files(connection: Connection, rows: list[int]) -> dict[int, list[RowMapping]]:
    found: dict[int, list[RowMapping]] = {}
    for row in connection.execute(_FILES, {"rows": rows}).mappings():
        found.setdefault(row["recording"], []).append(row)
    return found


def _derived(row: RowMapping, files: set[FileState], now: datetime) -> dict[str, Any]:
    shown = bool(files & _TOLD_OF) or row["folder"] is not None
    unsaid = row["revision"] > row["published"] and shown
    settles = _settles(row)
    state = recording_state(
        Standing(
            readiness=Readiness(row["readiness"]),
            files=files,
            described=row["described"],
            unfinished=row["unfinished"],
            settled=settles is None or settles <= now,
            overdue=row["overdue_at"] is not None and row["overdue_at"] <= now,
            published=not unsaid,
            told=row["told"],
        )
    )
    fresh = state in _DONE and RecordingState(row["state"]) not in _DONE
    return {
        "state": state.value,
        "behind": unsaid and files <= FINAL,
        "moves_at": _moves_at(row, state, files, now),
        "archived_at": now if fresh else row["archived_at"],
    }


def _settles(row: RowMapping) -> datetime | None:
    return settled_at(row["settles"], row["started"], row["first_seen"])


def _moves_at(
    row: RowMapping, state: RecordingState, files: set[FileState], now: datetime
) -> datetime | None:
    """Return when time alone changes the state."""
    moment: datetime | None = None
    if state is RecordingState.WAITING:
        moment = row["overdue_at"]
    elif state is RecordingState.OPEN and files <= FINAL:
        moment = _settles(row)
    return moment if moment is not None and moment > now else None


def _step(row: RowMapping, files: list[RowMapping], after: RecordingState) -> Step:
    codes = {str(found["reason"]) for found in files if found["state"] in _TROUBLED}
    return Step(
        row=row["row"],
        provider=ProviderName(row["provider"]),
        id=RecordingId(row["id"]),
        before=RecordingState(row["state"]),
        after=after,
        folder=row["folder"],
        bytes=sum(found["bytes"] for found in files if found["state"] == FileState.STORED),
        troubles=tuple(sorted(codes)),
    )


def announce(report: Report, steps: Iterable[Step]) -> None:
    """Report the recordings that became archived or incomplete."""
    for step in steps:
        if step.after is RecordingState.ARCHIVED and step.before is not RecordingState.ACKNOWLEDGED:
            report(
                "recording.archived",
                provider=step.provider,
                recording=step.id,
                folder=step.folder,
                bytes=step.bytes,
            )
        elif step.after is RecordingState.INCOMPLETE:
            report(
                "recording.incomplete",
                provider=step.provider,
                recording=step.id,
                reason=", ".join(step.troubles) or "the provider does not finish it",
            )
