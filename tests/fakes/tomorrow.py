"""A reelkeep of tomorrow, which speaks one version of the catalog more than this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from alembic import op

from reelkeep.catalog import migrations, schema


@dataclass(frozen=True)
class Tomorrow:
    """Its newest version, and how its catalog gets there."""

    head: str
    steps: Mapping[str, Callable[[], None]]

    @property
    def program(self) -> str:
        """Python that runs its command line, for `python -c`, if it needs no statement more."""
        return (
            "import sys; import sqlalchemy as sa; from alembic import op; "
            "from reelkeep.catalog import migrations, schema; "
            f"schema.HEAD = {self.head!r}; "
            "mood = lambda: op.add_column('recording', sa.Column('mood', sa.String())); "
            f"migrations.STEPS = {{**migrations.STEPS, {self.head!r}: mood}}; "
            "from reelkeep.cli.program import run; sys.exit(run(sys.argv[1:]))"
        )


def tomorrow(*, then: str = "") -> Tomorrow:
    """Return it; its last step ends with the statement `then`."""
    head = f"{int(schema.HEAD) + 1:04}"

    def mood() -> None:
        op.add_column("recording", sa.Column("mood", sa.String(), nullable=True))
        if then:
            op.execute(then)

    return Tomorrow(head, {**migrations.STEPS, head: mood})
