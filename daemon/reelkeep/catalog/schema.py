"""Bring a catalog's tables to the version that this code speaks."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from reelkeep.catalog.tables import ADOPTED, milestone
from reelkeep.errors import CatalogError

HEAD = "0001"
"""The version that this code speaks; a test holds it equal to the newest migration."""

_TABLE = "alembic_version"


def version(connection: Connection) -> str | None:
    """Return the version of the tables, None if there are none.

    Raises:
        CatalogError: There are tables, but of another program.
    """
    names = inspect(connection).get_table_names()
    if _TABLE in names:
        found: str | None = connection.execute(
            text("SELECT version_num FROM alembic_version")
        ).scalar()
        return found
    if names:
        raise CatalogError(f"this is no catalog of reelkeep: it has a table {names[0]!a}")
    return None


def prepare(engine: Engine) -> bool:
    """Migrate to HEAD in one transaction; return whether what the archive holds is to be adopted.

    It is until `adoption.adopt` came to its end once: whoever opens a new catalog first may only
    want to look, and an adoption may be cut short.

    Raises:
        CatalogError: It was written by a newer reelkeep, or is no catalog.
    """
    try:
        with engine.connect() as connection, connection.begin():
            before = version(connection)
            if before != HEAD:
                _upgrade(connection, before)
            adopted = select(milestone).where(milestone.c.name == ADOPTED)
            return connection.execute(adopted).first() is None
    except DBAPIError as error:
        raise CatalogError(f"the catalog cannot be opened: {error.orig}") from error


def _upgrade(connection: Connection, before: str | None) -> None:
    from alembic import command  # takes a third of a second, and is needed once
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        raise CatalogError(
            f"the catalog has version {before}, this reelkeep knows up to {HEAD}: "
            "it was written by a newer one; install that again"
        )
    command.upgrade(config, "head")
