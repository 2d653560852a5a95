"""Files whose unfinished bytes are not to be built on are remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is noted of a part that could not be removed: of none so far."""
    op.add_column(
        "file", sa.Column("distrusted", sa.Boolean(), nullable=False, server_default=sa.false())
    )
