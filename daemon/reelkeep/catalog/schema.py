"""Bring the tables of a catalog to the version that this code speaks, after a copy was put aside.

A new catalog is made from `tables`, an older one is brought up by the steps in `migrations`; a test
holds both to the same outcome. Alembic takes a fifth of a second to import, so only a migration
imports it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import DBAPIError

from reelkeep.catalog.backup import copy_catalog, keep_newest
from reelkeep.catalog.database import Database, translated
from reelkeep.catalog.tables import (
    ADOPTED,
    all_of_recording,
    file,
    holdings,
    metadata,
    milestone,
    recording,
)
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding
from reelkeep.errors import CatalogError, TooNew
from reelkeep.ports import Report

ARCHIVE = "archive:"
"""What the name of the milestone begins with that holds the identity: a catalog has one at most."""

_MINE = milestone.c.name.startswith(ARCHIVE, autoescape=True)


async def archive_identity(database: Database) -> str | None:
    """Return the identity of the archive that the catalog belongs to, None if it knows none."""
    name = await database.read(lambda c: c.execute(select(milestone.c.name).where(_MINE)).scalar())
    return None if name is None else str(name).removeprefix(ARCHIVE)


async def keep_archive_identity(database: Database, identity: str, now: datetime) -> None:
    """Let the catalog belong to the archive with `identity`, and to no other."""

    def work(connection: Connection) -> None:
        connection.execute(delete(milestone).where(_MINE))
        connection.execute(insert(milestone).values(name=f"{ARCHIVE}{identity}", at=now))

    await database.write(work)


async def newest_published(database: Database, limit: int) -> list[Holding]:
    """Return up to `limit` recordings with stored files in a folder, the newest first."""
    stored = select(file.c.recording).where(file.c.state == FileState.STORED)
    query = all_of_recording().where(recording.c.row.in_(stored), recording.c.folder.is_not(None))
    query = query.order_by(recording.c.row.desc()).limit(limit)
    return await database.read(lambda c: holdings(c, query))


async def first_stored(database: Database, limit: int) -> list[Holding]:
    """Return up to `limit` recordings with stored files, those that were known first."""
    stored = select(file.c.recording).where(file.c.state == FileState.STORED)
    query = all_of_recording().where(recording.c.row.in_(stored))
    query = query.order_by(recording.c.row).limit(limit)
    return await database.read(lambda c: holdings(c, query))


HEAD = "0012"
"""The version that this code speaks; a test holds it equal to the last step."""

_stamp = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


def version(connection: Connection) -> str | None:
    """Return the version of the tables, None if there are none.

    Raises:
        CatalogError: There are tables, but of another program.
    """
    names = inspect(connection).get_table_names()
    if _stamp.name in names:
        return connection.scalar(select(_stamp.c.version_num))
    if names:
        raise CatalogError(f"this is no catalog of reelkeep: it has a table {names[0]!a}")
    return None


Older = Callable[[Connection, str], None]
"""Does what is to be done about a catalog of an older version, in the transaction it is given."""


def refuse_newer(before: str) -> None:
    """See that this code knows version `before`; versions count up.

    Raises:
        TooNew: It does not.
    """
    if before > HEAD:
        raise TooNew(
            f"the catalog has version {before}, this reelkeep knows up to {HEAD}: it was written "
            f"by a newer one; install that again, or put back the copy named .before-{before}"
        )


def refuse_older(_connection: Connection, before: str) -> None:
    """Leave a catalog that waits for its migration alone.

    Raises:
        CatalogError: Always.
    """
    refuse_newer(before)
    raise CatalogError(
        f"the catalog has version {before}, this reelkeep works with {HEAD}: `reelkeep run` and "
        "`reelkeep sync` migrate it when they start; restart the daemon first"
    )


def prepare(engine: Engine, older: Older = refuse_older) -> bool:
    """Bring the tables to HEAD in one transaction; return whether the archive is to be adopted.

    It is until `adoption.adopt` came to its end once: whoever opens a new catalog first may only
    want to look, and an adoption may be cut short.

    One of an older version is given to `older`.

    Raises:
        TooNew: It was written by a newer reelkeep.
        CatalogError: It is no catalog, or cannot be used.
    """
    try:
        with engine.connect() as connection, connection.begin():
            before = version(connection)
            if before is None:
                _create(connection)
            elif before != HEAD:
                older(connection, before)
            adopted = select(milestone).where(milestone.c.name == ADOPTED)
            return connection.execute(adopted).first() is None
    except DBAPIError as error:
        raise translated(error, "the catalog cannot be opened") from error


def _create(connection: Connection) -> None:
    metadata.create_all(connection, checkfirst=False)
    _stamp.create(connection, checkfirst=False)
    connection.execute(_stamp.insert().values(version_num=HEAD))


def migrate(connection: Connection, before: str | None, *, to: str | None = None) -> None:
    """Bring the tables from version `before`, or from nothing, to HEAD or to the version `to`.

    Raises:
        TooNew: The catalog was written by a newer reelkeep.
        CatalogError: No step leads from that version.
    """
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    from reelkeep.catalog.migrations import STEPS

    if before is not None:
        refuse_newer(before)
        if before not in STEPS:
            raise CatalogError(f"the catalog cannot be migrated from {before}: no such version")
    last = to or HEAD
    with Operations.context(MigrationContext.configure(connection)):
        for name, step in STEPS.items():
            if (before or "") < name <= last:
                step()
    _stamp.create(connection, checkfirst=True)
    connection.execute(_stamp.delete())
    connection.execute(_stamp.insert().values(version_num=last))


KEPT = 3
"""Copies kept at most: the newest."""


@dataclass(slots=True)
class Upgrade:
    """Takes the catalog at `path` to the version that this code speaks; see `Older`.

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
        refuse_newer(before)
        copy = self.path.with_name(f"{self.path.name}.before-{HEAD}")
        copy_catalog(self.path, copy, replaces=True)
        keep_newest(self.path, KEPT)
        migrate(connection, before)
        self._from, self._copy = before, copy

    def tell(self, report: Report) -> None:
        """Report the migration, if there was one and it is committed."""
        if self._copy is not None:
            report("catalog.migrated", before=self._from, now=HEAD, copy=self._copy)
