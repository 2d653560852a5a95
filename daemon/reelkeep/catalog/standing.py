"""Keep the state of recordings equal to what their files and their provider say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, func, select, update

from reelkeep.catalog.rows import chunks
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState, RecordingState, Standing, recording_state
from reelkeep.core.model import ProviderName, Readiness, RecordingId


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
    troubles: tuple[str, ...]  #: Distinct reason codes of its failed files.


def restate(connection: Connection, rows: Iterable[int], now: datetime) -> list[Step]:
    """Set the state of the recordings `rows` anew; return those that changed."""
    steps: list[Step] = []
    for some in chunks(set(rows)):
        query = select(recording).where(recording.c.row.in_(some))
        files = _files(connection, some)
        for row in connection.execute(query).mappings():
            step = _step(row, files.get(row["row"], []), now)
            if step is not None:
                steps.append(step)
    _write(connection, steps, now)
    return steps


def revise(connection: Connection, rows: Iterable[int]) -> None:
    """Note that the manifests of `rows` no longer say all."""
    for some in chunks(set(rows)):
        connection.execute(
            update(recording)
            .where(recording.c.row.in_(some))
            .values(revision=recording.c.revision + 1)
        )


def _files(connection: Connection, rows: list[int]) -> dict[int, list[RowMapping]]:
    kinds = (file.c.recording, file.c.state, file.c.reason)
    size = func.coalesce(func.sum(file.c.size), 0).label("bytes")
    query = select(*kinds, size).where(file.c.recording.in_(rows)).group_by(*kinds)
    found: dict[int, list[RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["recording"], []).append(row)
    return found


def _step(row: RowMapping, files: list[RowMapping], now: datetime) -> Step | None:
    states = {FileState(found["state"]) for found in files}
    after = recording_state(
        Standing(
            readiness=Readiness(row["readiness"]),
            files=states,
            described=row["described"],
            unfinished=row["unfinished"],
            settled=row["settles"] is None or row["settles"] <= now,
            overdue=row["overdue_at"] is not None and row["overdue_at"] <= now,
            published=row["revision"] <= row["published"] or FileState.STORED not in states,
            told=row["told"],
        )
    )
    before = RecordingState(row["state"])
    if after is before:
        return None
    troubled = {FileState.FAILED, FileState.GONE}
    codes = {str(f["reason"]) for f in files if FileState(f["state"]) in troubled}
    return Step(
        row=row["row"],
        provider=ProviderName(row["provider"]),
        id=RecordingId(row["id"]),
        before=before,
        after=after,
        folder=row["folder"],
        bytes=sum(f["bytes"] for f in files if f["state"] == FileState.STORED),
        troubles=tuple(sorted(codes)),
    )


def _write(connection: Connection, steps: list[Step], now: datetime) -> None:
    if not steps:
        return
    connection.execute(
        update(recording).where(recording.c.row == bindparam("at")).values(state=bindparam("to")),
        [{"at": step.row, "to": step.after.value} for step in steps],
    )
    archived = [step.row for step in steps if step.after is RecordingState.ARCHIVED]
    if archived:
        connection.execute(
            update(recording).where(recording.c.row.in_(archived)).values(archived_at=now)
        )
