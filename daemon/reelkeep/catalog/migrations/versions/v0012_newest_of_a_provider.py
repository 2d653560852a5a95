"""The newest recordings of each provider are found in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Replace the index of all recordings by one that begins with the provider."""
    op.drop_index("recording_began", "recording")
    began = sa.text("coalesce(started, first_seen)")
    op.create_index("recording_began", "recording", ["provider", began])
