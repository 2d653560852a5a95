"""Recordings are found by the meeting number, and in the order in which they began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    has_number = sa.text("meeting_id <> ''")
    op.create_index("recording_number", "recording", ["meeting_id"], sqlite_where=has_number)
    op.create_index("recording_began", "recording", [sa.text("coalesce(started, first_seen)")])
