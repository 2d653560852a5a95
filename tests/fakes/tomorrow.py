"""A reelkeep of tomorrow, which speaks one version of the catalog more than this one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from reelkeep.catalog import schema

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("recording", sa.Column("mood", sa.String(), nullable=True))
    {then}
"""


@dataclass(frozen=True)
class Tomorrow:
    """Its newest version, and where its migrations are."""

    head: str
    scripts: Path

    @property
    def program(self) -> str:
        """Python that runs its command line, for `python -c`."""
        return (
            "import pathlib, sys; from reelkeep.catalog import schema; "
            f"schema.HEAD = {self.head!r}; schema.SCRIPTS = pathlib.Path({str(self.scripts)!r}); "
            "from reelkeep.cli.program import run; sys.exit(run(sys.argv[1:]))"
        )


def tomorrow(folder: Path, *, then: str = "pass") -> Tomorrow:
    """Make its migrations in `folder`; the last one ends with the statement `then`."""
    head = f"{int(schema.HEAD) + 1:04}"
    scripts = folder / "migrations"
    shutil.copytree(schema.SCRIPTS, scripts)
    source = MIGRATION.format(revision=head, before=schema.HEAD, then=then)
    (scripts / "versions" / f"v{head}_mood.py").write_text(source)
    return Tomorrow(head, scripts)
