"""The steps from each version of the catalog to the next one; a step is never changed later.

The tables as they are now are in `tables`. A new column is written there, and added here in a new
step at the end. `schema.migrate` runs the steps. Alembic, whose operations they use, takes a fifth
of a second to import: so does this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant


def _first_catalog() -> None:
    """Create every table."""
    op.create_table(
        "provider",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("polled_at", Instant(), nullable=True),
        sa.Column("deep_at", Instant(), nullable=True),
        sa.Column("covered_until", Instant(), nullable=True),
        sa.Column("scope", sa.String(), server_default="", nullable=False),
        sa.Column("filter", sa.String(), server_default="", nullable=False),
        sa.Column("broken_since", Instant(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "milestone",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    _recording()
    _file()
    _attempt()


def _recording() -> None:
    op.create_table(
        "recording",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("readiness", sa.String(), nullable=False),
        sa.Column("described", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=True),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("user", sa.String(), server_default="", nullable=False),
        sa.Column("meeting_id", sa.String(), server_default="", nullable=False),
        sa.Column("started", Instant(), nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.Column("deadline", Instant(), nullable=False),
        sa.Column("settles", Instant(), nullable=True),
        sa.Column("unfinished", sa.Integer(), server_default="0", nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("told", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("folder", sa.String(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("published", sa.Integer(), server_default="0", nullable=False),
        sa.Column("behind", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("moves_at", Instant(), nullable=True),
        sa.Column("first_seen", Instant(), nullable=False),
        sa.Column("transcode_asked", Instant(), nullable=True),
        sa.Column("overdue_at", Instant(), nullable=True),
        sa.Column("archived_at", Instant(), nullable=True),
        sa.Column("acknowledged_at", Instant(), nullable=True),
        sa.Column("acknowledge_after", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("id", "provider"),
    )
    op.create_index("recording_key", "recording", ["key"], unique=False)
    op.create_index("recording_moves", "recording", ["moves_at"], unique=False)
    op.create_index(
        "recording_behind",
        "recording",
        ["row"],
        unique=False,
        sqlite_where=sa.column("behind").is_(sa.true()),
    )
    op.create_index(
        "recording_urgency", "recording", ["provider", "state", "deadline", "started"], unique=False
    )


def _file() -> None:
    op.create_table(
        "file",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("recording", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("file_type", sa.String(), server_default="", nullable=False),
        sa.Column("recording_type", sa.String(), server_default="", nullable=False),
        sa.Column("obstacle", sa.String(), nullable=True),
        sa.Column("promised", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", Instant(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("verified", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("stored_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["recording"], ["recording.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row"),
        sa.UniqueConstraint("recording", "id"),
        sa.UniqueConstraint("recording", "name"),
    )
    op.create_index("file_due", "file", ["state", "due_at"], unique=False)
    op.create_index("file_of_recording", "file", ["recording", "state"], unique=False)


def _attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("file", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["file"], ["file.row"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("attempt_of_file", "attempt", ["file"], unique=False)


def _checked_files() -> None:
    """Add when each stored file was last read, and how it was found."""
    op.add_column("file", sa.Column("checked_at", Instant(), nullable=True))
    op.add_column("file", sa.Column("fault", sa.String(), nullable=True))
    file = sa.table("file", sa.column("checked_at"), sa.column("stored_at"), sa.column("state"))
    op.execute(sa.update(file).where(file.c.state == "stored").values(checked_at=file.c.stored_at))
    op.create_index(
        "file_checked",
        "file",
        ["checked_at"],
        unique=False,
        sqlite_where=sa.column("checked_at").is_not(None),
    )
    op.create_index("recording_folder", "recording", ["folder"], unique=False)


def _deadlines_and_backfills() -> None:
    """Add which deadlines were reported, and the requested backfills."""
    warned = sa.Column("warned", sa.Integer(), server_default="0", nullable=False)
    op.add_column("recording", warned)
    op.create_table(
        "backfill",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("backfill_of_provider", "backfill", ["provider", "row"], unique=False)


def _waiting_files() -> None:
    """Add how long files wait for their provider, and why recordings wait."""
    waits = sa.Column("waits", sa.Integer(), server_default="0", nullable=False)
    op.add_column("file", waits)
    op.add_column("file", sa.Column("waits_since", Instant(), nullable=True))
    op.add_column("recording", sa.Column("reason", sa.String(), nullable=True))


def _refused_bytes() -> None:
    """Add the digest of bytes that were refused, and which bytes the operator accepts."""
    op.add_column("file", sa.Column("seen", sa.String()))
    op.add_column("file", sa.Column("accepts", sa.String()))


def _unread_windows() -> None:
    """Add the windows of single listings that are still to be read."""
    op.create_table(
        "unread",
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("part", sa.String(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("row"),
    )
    op.create_index("unread_of_provider", "unread", ["provider", "row"], unique=False)


_IN_STORAGE = (
    "it is in the account's own storage, and there is no address to download it from; copy it "
    "from there, or waive it"
)
_IN_TRASH = (
    "it is in the provider's trash, which gives no address to download from; recover it in "
    "Zoom's trash, and it is fetched"
)
_FORMER = {
    "external storage": ("external_storage", _IN_STORAGE),
    "in the trash, without an address to download from": ("in_trash", _IN_TRASH),
}
_MOVED = (
    "UPDATE file SET state = 'unavailable', reason = :code, detail = :detail, obstacle = :code "
    "WHERE state = 'skipped' AND obstacle = :former"
)
_ON_PREMISE = "UPDATE file SET obstacle = 'on_premise' WHERE obstacle LIKE 'on-premise:%'"
_OPENED = (
    "UPDATE recording SET state = 'incomplete', revision = revision + 1, behind = :yes, "
    "moves_at = NULL WHERE state IN ('open', 'archived', 'acknowledged') "
    "AND row IN (SELECT recording FROM file WHERE state = 'unavailable') "
    "AND row NOT IN (SELECT recording FROM file WHERE state IN ('due', 'active'))"
)


def _unavailable_files() -> None:
    """Give `skipped` files with an obstacle the state `unavailable`; keep what was said of each."""
    op.add_column("file", sa.Column("facts", sa.JSON(), nullable=True))
    addressed: sa.Column[bool] = sa.Column(
        "addressed", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("file", addressed)
    connection = op.get_bind()
    for former, (code, detail) in _FORMER.items():
        values = {"code": code, "detail": detail, "former": former}
        connection.execute(sa.text(_MOVED), values)
    connection.execute(sa.text(_ON_PREMISE))
    connection.execute(sa.text(_OPENED), {"yes": True})


def _reviews() -> None:
    """Add what a provider calls a file now, and when it was asked about unavailable ones."""
    op.add_column("file", sa.Column("asked_as", sa.String(), nullable=True))
    op.add_column("recording", sa.Column("reviewed_at", Instant(), nullable=True))


def _meeting_numbers() -> None:
    """Index recordings by meeting number, and by when they began."""
    has_number = sa.text("meeting_id <> ''")
    op.create_index("recording_number", "recording", ["meeting_id"], sqlite_where=has_number)
    op.create_index("recording_began", "recording", [sa.text("coalesce(started, first_seen)")])


def _distrusted_parts() -> None:
    """Add which parts must not be resumed because they could not be removed."""
    op.add_column(
        "file", sa.Column("distrusted", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def _session_keys() -> None:
    """Add the session keys, and whether a poll failed in part only."""
    op.add_column(
        "provider", sa.Column("partly", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column(
        "recording", sa.Column("session_key", sa.String(), server_default="", nullable=False)
    )
    op.execute(
        "UPDATE recording SET session_key = json_extract(facts, '$.session_key') "
        "WHERE json_type(facts, '$.session_key') = 'text'"
    )
    has_key = sa.text("session_key <> ''")
    op.create_index("recording_session_key", "recording", ["session_key"], sqlite_where=has_key)


def _newest_of_a_provider() -> None:
    """Index the newest recordings of each provider, in order."""
    op.drop_index("recording_began", "recording")
    began = sa.text("coalesce(started, first_seen)")
    op.create_index("recording_began", "recording", ["provider", began])


STEPS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        "0001": _first_catalog,
        "0002": _checked_files,
        "0003": _deadlines_and_backfills,
        "0004": _waiting_files,
        "0005": _refused_bytes,
        "0006": _unread_windows,
        "0007": _unavailable_files,
        "0008": _reviews,
        "0009": _meeting_numbers,
        "0010": _distrusted_parts,
        "0011": _session_keys,
        "0012": _newest_of_a_provider,
    }
)
"""What makes each version from the one before it, oldest first."""
