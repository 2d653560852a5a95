"""When each stored file was last read, and how it was found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is stored was read when it came."""
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
