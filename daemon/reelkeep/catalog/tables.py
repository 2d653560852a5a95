"""The catalog's tables as they are now, and how their rows are read and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    RowMapping,
    Select,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    Update,
    bindparam,
    false,
    select,
    text,
    true,
    update,
)

from reelkeep.core.model import FileId, HeldFile, Holding, ProviderName, RecordingId

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for «no deadline» where an index must sort."""

metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite knows none, so the offset is implied."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 (the signature is SQLAlchemy's)
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002 (the signature is SQLAlchemy's)
        return None if value is None else value.replace(tzinfo=UTC)


provider = Table(
    "provider",
    metadata,
    Column("name", String, primary_key=True),
    Column("polled_at", Instant),
    Column("deep_at", Instant),
    Column("covered_until", Instant),
    Column("scope", String, nullable=False, server_default=""),
    Column("filter", String, nullable=False, server_default=""),
    Column("broken_since", Instant),
    Column("reason", String),
    Column("partly", Boolean, nullable=False, server_default=false()),
)

recording = Table(
    "recording",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("provider", String, nullable=False),
    Column("id", String, nullable=False),
    Column("key", String, nullable=False),
    Column("state", String, nullable=False),
    Column("readiness", String, nullable=False),
    Column("described", Boolean, nullable=False, server_default=true()),
    Column("fingerprint", String),
    Column("title", String, nullable=False, server_default=""),
    Column("user", String, nullable=False, server_default=""),
    Column("meeting_id", String, nullable=False, server_default=""),
    Column("started", Instant),
    Column("duration", Float),
    Column("deadline", Instant, nullable=False),
    Column("settles", Instant),
    Column("unfinished", Integer, nullable=False, server_default="0"),
    Column("facts", JSON, nullable=False),
    Column("told", Boolean, nullable=False, server_default=false()),
    Column("folder", String),
    Column("revision", Integer, nullable=False, server_default="0"),
    Column("published", Integer, nullable=False, server_default="0"),
    Column("behind", Boolean, nullable=False, server_default=false()),
    Column("moves_at", Instant),
    Column("first_seen", Instant, nullable=False),
    Column("transcode_asked", Instant),
    Column("overdue_at", Instant),
    Column("archived_at", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledge_after", Instant),
    Column("warned", Integer, nullable=False, server_default="0"),
    Column("reason", String),
    Column("reviewed_at", Instant),
    Column("session_key", String, nullable=False, server_default=""),
    UniqueConstraint("id", "provider"),
    Index("recording_urgency", "provider", "state", "deadline", "started"),
    Index("recording_key", "key"),
    Index("recording_moves", "moves_at"),
    Index("recording_folder", "folder"),
    Index("recording_number", "meeting_id", sqlite_where=text("meeting_id <> ''")),
    Index("recording_session_key", "session_key", sqlite_where=text("session_key <> ''")),
    Index("recording_began", "provider", text("coalesce(started, first_seen)")),
)
"""`behind`: its folder or manifest is to be written; `moves_at`: when time alone moves it on. Both
follow from the rest, as `state` does, and are kept by `standing.restate`. A recording without a
`fingerprint` was adopted, and not seen at its provider since. `warned`: 0; 1 once its deadline was
pointed out; 2 once what had failed was asked for again after it. `reason`: why it could not be
described when it was last tried. `reviewed_at`: when the provider was asked for it because
something of it is unavailable; None: never, or an operator wants it to be asked."""

Index(
    "recording_behind",
    recording.c.row,
    sqlite_where=recording.c.behind.is_(true()),  # naming PostgreSQL would import all its drivers
)

file = Table(
    "file",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("recording", ForeignKey("recording.row", ondelete="CASCADE"), nullable=False),
    Column("id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("file_type", String, nullable=False, server_default=""),
    Column("recording_type", String, nullable=False, server_default=""),
    Column("obstacle", String),
    Column("promised", BigInteger),
    Column("state", String, nullable=False),
    Column("due_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("reason", String),
    Column("detail", String),
    Column("size", BigInteger),
    Column("sha256", String),
    Column("verified", String),
    Column("source", String),
    Column("stored_at", Instant),
    Column("checked_at", Instant),
    Column("fault", String),
    Column("waits", Integer, nullable=False, server_default="0"),
    Column("waits_since", Instant),
    Column("seen", String),
    Column("accepts", String),
    Column("facts", JSON(none_as_null=True)),
    Column("addressed", Boolean, nullable=False, server_default=false()),
    Column("asked_as", String),
    Column("distrusted", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("recording", "id"),
    UniqueConstraint("recording", "name"),
    Index("file_of_recording", "recording", "state"),
    Index("file_due", "state", "due_at"),
)

Index(
    "file_checked",
    file.c.checked_at,
    sqlite_where=file.c.checked_at.is_not(None),  # only what is stored, so that claims are spared
)
"""`waits`: how often in a row the provider had not finished it, since `waits_since`;
`checked_at`: when a stored file was last read, or written; `fault`: what was found then. `seen`:
the SHA-256 of bytes that came whole and were not believed; `accepts`: what the operator accepts.
`distrusted`: what lies on disk of it, unfinished, is not to be built on."""

attempt = Table(
    "attempt",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("file", ForeignKey("file.row", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("code", String, nullable=False),
    Column("detail", String, nullable=False),
    Index("attempt_of_file", "file"),
)

backfill = Table(
    "backfill",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("provider", String, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Index("backfill_of_provider", "provider", "row"),
)
"""What is still to be read of the windows that an operator wants to be read again."""

unread = Table(
    "unread",
    metadata,
    Column("row", Integer, primary_key=True),
    Column("provider", String, nullable=False),
    Column("part", String, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Index("unread_of_provider", "provider", "row"),
)
"""Windows of single parts of an account, such as a user, that could not be read yet."""

milestone = Table(
    "milestone",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", Instant, nullable=False),
)
"""What happens once in the life of a catalog."""

ADOPTED = "adopted"
"""The milestone that all the archive held was taken over."""


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
