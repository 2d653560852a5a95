"""What cannot be had is unavailable, not skipped; and what was said of each file is kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_IN_STORAGE = (
    "it is in the account's own storage, and there is no address to download it from; copy it "
    "from there, or waive it"
)
_IN_TRASH = (
    "it is in the provider's trash, which gives no address to download from; recover it in "
    "Zoom's trash, and it is fetched"
)
_FORMER = {
    "external storage": ("external_storage", _IN_STORAGE),
    "in the trash, without an address to download from": ("in_trash", _IN_TRASH),
}
_MOVED = (
    "UPDATE file SET state = 'unavailable', reason = :code, detail = :detail, obstacle = :code "
    "WHERE state = 'skipped' AND obstacle = :former"
)
_ON_PREMISE = "UPDATE file SET obstacle = 'on_premise' WHERE obstacle LIKE 'on-premise:%'"
_OPENED = (
    "UPDATE recording SET state = 'incomplete', revision = revision + 1, behind = :yes, "
    "moves_at = NULL WHERE state IN ('open', 'archived', 'acknowledged') "
    "AND row IN (SELECT recording FROM file WHERE state = 'unavailable') "
    "AND row NOT IN (SELECT recording FROM file WHERE state IN ('due', 'active'))"
)


def upgrade() -> None:
    """Give `skipped` files with an obstacle a state of their own, and restate their recordings."""
    op.add_column("file", sa.Column("facts", sa.JSON(), nullable=True))
    addressed: sa.Column[bool] = sa.Column(
        "addressed", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("file", addressed)
    connection = op.get_bind()
    for former, (code, detail) in _FORMER.items():
        values = {"code": code, "detail": detail, "former": former}
        connection.execute(sa.text(_MOVED), values)
    connection.execute(sa.text(_ON_PREMISE))
    connection.execute(sa.text(_OPENED), {"yes": True})
