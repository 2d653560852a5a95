"""How long files wait for their provider, and why recordings do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; whatever waits begins to wait now."""
    waits = sa.Column("waits", sa.Integer(), server_default="0", nullable=False)
    op.add_column("file", waits)
    op.add_column("file", sa.Column("waits_since", Instant(), nullable=True))
    op.add_column("recording", sa.Column("reason", sa.String(), nullable=True))
