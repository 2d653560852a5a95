"""What could not be read of single parts of an account is kept until it is read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the windows that are still to be read."""
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
