"""Migrate a catalog of an older reelkeep, after a copy of it was put aside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from reelkeep.catalog import schema
from reelkeep.catalog.copying import copy_catalog, keep_newest
from reelkeep.ports import Report

KEPT = 3
"""Copies kept at most: the newest."""


@dataclass(slots=True)
class Upgrade:
    """Takes the catalog at `path` to the version that this code speaks; see `schema.Older`.

    The copy is called `catalog.db.before-<version>`, by the version that was come to.
    """

    path: Path
    _from: str = ""
    _copy: Path | None = None

    def __call__(self, connection: Connection, before: str) -> None:
        """Put a copy aside, then migrate. The write lock is held: nobody writes in between.

        Raises:
            CatalogError: There is no room for the copy, or it was written by a newer reelkeep;
                nothing was changed.
        """
        schema.refuse_newer(before)
        copy = self.path.with_name(f"{self.path.name}.before-{schema.HEAD}")
        copy_catalog(self.path, copy, replaces=True)
        keep_newest(self.path, KEPT)
        schema.migrate(connection, before)
        self._from, self._copy = before, copy

    def tell(self, report: Report) -> None:
        """Report the migration, if there was one and it is committed."""
        if self._copy is not None:
            report("catalog.migrated", before=self._from, now=schema.HEAD, copy=self._copy)
