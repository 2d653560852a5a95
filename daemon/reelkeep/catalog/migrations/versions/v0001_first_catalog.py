"""The first catalog."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
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
