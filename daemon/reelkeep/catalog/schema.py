"""Bring a catalog's tables to the version that this code speaks.

A new catalog is made from the tables as they are, an older one by Alembic's migrations; a test
holds both to the same outcome. Alembic takes a fifth of a second to import.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from reelkeep.catalog.database import translated
from reelkeep.catalog.tables import ADOPTED, metadata, milestone
from reelkeep.errors import CatalogError, TooNew

HEAD = "0012"
"""The version that this code speaks; a test holds it equal to the newest migration."""

SCRIPTS = Path(__file__).parent / "migrations"
"""Where Alembic finds the migrations."""

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


def migrate(connection: Connection, before: str | None, *, to: str = "head") -> None:
    """Bring the tables from version `before`, or from nothing, to HEAD or another version.

    Raises:
        TooNew: It was written by a newer reelkeep.
        CatalogError: There is no way from that version.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if before is not None:
        refuse_newer(before)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise CatalogError(f"the catalog cannot be migrated from {before}: {error}") from error
