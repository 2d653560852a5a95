"""Turn rows of the catalog into the model's nouns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from reelkeep.catalog.tables import NEVER, file, recording
from reelkeep.core.model import FileId, HeldFile, Holding, ProviderName, RecordingId

CHUNK = 500
"""Rows named in one statement: SQLite's limit on variables is far above, on any build."""


def chunks(rows: Iterable[Any]) -> Iterable[list[Any]]:
    """Yield `rows` in lists of at most CHUNK."""
    pending = list(rows)
    for start in range(0, len(pending), CHUNK):
        yield pending[start : start + CHUNK]


def held_files(connection: Connection, rows: Iterable[int]) -> dict[int, list[HeldFile]]:
    """Return the files of the recordings `rows`, oldest first."""
    found: dict[int, list[HeldFile]] = {}
    for some in chunks(rows):
        query = select(file).where(file.c.recording.in_(some)).order_by(file.c.row)
        for row in connection.execute(query).mappings():
            found.setdefault(row["recording"], []).append(_held(row))
    return found


def holdings(connection: Connection, query: Select[Any]) -> list[Holding]:
    """Return the recordings that `query` selects (all columns of `recording`), with files."""
    rows = list(connection.execute(query).mappings())
    files = held_files(connection, (row["row"] for row in rows))
    return [_holding(row, files.get(row["row"], [])) for row in rows]


def all_of_recording() -> Select[Any]:
    """Return a query of all columns of `recording`, to be narrowed."""
    return select(recording)


def _held(row: RowMapping) -> HeldFile:
    return HeldFile(
        row=row["row"],
        id=FileId(row["id"]),
        name=row["name"],
        state=row["state"],
        file_type=row["file_type"],
        recording_type=row["recording_type"],
        promised=row["promised"],
        size=row["size"],
        sha256=row["sha256"],
        verified=row["verified"],
        source=row["source"],
        stored_at=row["stored_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        tries=row["tries"],
        reason=row["reason"],
        detail=row["detail"],
    )


def _holding(row: RowMapping, files: list[HeldFile]) -> Holding:
    return Holding(
        row=row["row"],
        provider=ProviderName(row["provider"]),
        id=RecordingId(row["id"]),
        key=row["key"],
        state=row["state"],
        title=row["title"],
        user=row["user"],
        started=row["started"],
        duration=None if row["duration"] is None else timedelta(seconds=row["duration"]),
        deadline=deadline(row),
        settles=row["settles"],
        folder=row["folder"],
        first_seen=row["first_seen"],
        archived_at=row["archived_at"],
        acknowledged_at=row["acknowledged_at"],
        unfinished=row["unfinished"],
        revision=row["revision"],
        facts=row["facts"],
        files=tuple(files),
    )


def deadline(row: Mapping[Any, Any]) -> datetime | None:
    """Return the deadline of a recording's row; the catalog keeps a far day for «none»."""
    found: datetime = row["deadline"]
    return None if found >= NEVER else found
