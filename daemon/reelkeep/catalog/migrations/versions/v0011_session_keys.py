"""Recordings of sessions are found by their key; a poll may have failed in part only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the keys of known sessions are among what was said of them."""
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
