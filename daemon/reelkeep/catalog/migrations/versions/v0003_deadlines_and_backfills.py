"""Deadlines are pointed out once, and windows can be wanted again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is noted of deadlines, and the windows to be read again."""
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
