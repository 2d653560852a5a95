"""What a provider calls a file now, and when it was asked for what is unavailable."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is unavailable is asked for at the next polls."""
    op.add_column("file", sa.Column("asked_as", sa.String(), nullable=True))
    op.add_column("recording", sa.Column("reviewed_at", Instant(), nullable=True))
