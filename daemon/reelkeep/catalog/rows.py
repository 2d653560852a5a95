"""Read rows of the catalog as the model's nouns, and write many at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, Update, bindparam, select, update

from reelkeep.catalog.tables import NEVER, file, recording
from reelkeep.core.model import FileId, HeldFile, Holding, ProviderName, RecordingId

CHUNK = 500
"""Rows named in one statement: SQLite's limit on variables is far above, on any build."""


_FILES = (
    select(file).where(file.c.recording.in_(bindparam("rows", expanding=True))).order_by(file.c.row)
)


def chunks(rows: Iterable[Any]) -> Iterable[list[Any]]:
    """Yield `rows` in lists of at most CHUNK."""
    pending = list(rows)
    for start in range(0, len(pending), CHUNK):
        yield pending[start : start + CHUNK]


FRESH: Mapping[str, Any] = {
    "due_at": None,
    "attempts": 0,
    "tries": 0,
    "waits": 0,
    "waits_since": None,
    "detail": None,
    "seen": None,
    "accepts": None,
}
"""The columns of a file of which no attempt is remembered."""


def write_rows(connection: Connection, table: Table, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write `changes`, each naming its `row` and the same columns, as one statement."""
    if not changes:
        return
    statement = _update(table, tuple(name for name in changes[0] if name != "row"))
    connection.execute(
        statement,
        [{f"to_{name}": value for name, value in change.items()} for change in changes],
    )


@lru_cache(maxsize=64)
def _update(table: Table, names: tuple[str, ...]) -> Update:
    """Return the statement that writes these columns of one row; building it takes its time."""
    values = {name: bindparam(f"to_{name}", type_=table.c[name].type) for name in names}
    return update(table).where(table.c.row == bindparam("to_row")).values(values)


def held_files(connection: Connection, rows: Iterable[int]) -> dict[int, list[HeldFile]]:
    """Return the files of the recordings `rows`, oldest first."""
    found: dict[int, list[HeldFile]] = {}
    for some in chunks(rows):
        for row in connection.execute(_FILES, {"rows": some}).mappings():
            found.setdefault(row["recording"], []).append(_held(row))
    return found


def holdings(
    connection: Connection, query: Select[Any], values: Mapping[str, Any] | None = None
) -> list[Holding]:
    """Return the recordings that `query` selects (all columns of `recording`), with files."""
    rows = list(connection.execute(query, values).mappings())
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
        checked_at=row["checked_at"],
        fault=row["fault"],
        due_at=row["due_at"],
        waits=row["waits"],
        waits_since=row["waits_since"],
        attempts=row["attempts"],
        tries=row["tries"],
        reason=row["reason"],
        detail=row["detail"],
        facts=row["facts"],
        asked_as=row["asked_as"],
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
        number=_number(row),
        session_key=row["session_key"],
        started=row["started"],
        duration=None if row["duration"] is None else timedelta(seconds=row["duration"]),
        deadline=deadline(row),
        settles=row["settles"],
        folder=row["folder"],
        first_seen=row["first_seen"],
        archived_at=row["archived_at"],
        acknowledged_at=row["acknowledged_at"],
        unfinished=row["unfinished"],
        reason=row["reason"],
        revision=row["revision"],
        published=row["published"],
        fingerprint=row["fingerprint"],
        facts=row["facts"],
        files=tuple(files),
    )


def _number(row: RowMapping) -> str:
    """Return the number that people dial; a session has none, and is filtered by its id."""
    return "" if row["meeting_id"] == row["id"] else str(row["meeting_id"])


def deadline(row: Mapping[Any, Any]) -> datetime | None:
    """Return the deadline of a recording's row; the catalog keeps a far day for «none»."""
    found: datetime = row["deadline"]
    return None if found >= NEVER else found
