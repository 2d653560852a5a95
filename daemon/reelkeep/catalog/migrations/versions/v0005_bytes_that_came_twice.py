"""Bytes that were not believed are remembered, and what the operator accepts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is noted of files that a check refuses."""
    op.add_column("file", sa.Column("seen", sa.String()))
    op.add_column("file", sa.Column("accepts", sa.String()))
