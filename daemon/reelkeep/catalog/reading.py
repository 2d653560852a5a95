"""Open a catalog to read it: nothing is made or changed where it lies."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from reelkeep.catalog.database import Database, Hop, add_functions
from reelkeep.catalog.replica import reading, refused, state_of
from reelkeep.errors import CatalogError

T = TypeVar("T")


def exists(catalog: Path) -> bool:
    """Return whether there is a catalog, also an empty file that was to become one.

    Raises:
        CatalogError: This user cannot look there, so that nobody knows, or may not read it; or
            its name is a link that leads nowhere, so that its disk may not be mounted.
    """
    try:
        found = state_of(catalog) is not None
    except NotADirectoryError:
        return False
    except OSError as error:
        told = refused(catalog) or error.strerror
        raise CatalogError(f"the catalog {catalog} cannot be read: {told}") from error
    if found and (told := refused(catalog)) is not None:
        raise CatalogError(f"the catalog {catalog} cannot be read: {told}")
    if found and not catalog.is_file():
        raise CatalogError(f"the catalog {catalog} is no regular file; move away what stands there")
    if not found and (link := _dangling(catalog)) is not None:
        raise CatalogError(
            f"the catalog {catalog} cannot be read: the link {link} leads nowhere; is its disk "
            "mounted?"
        )
    return found


def _dangling(path: Path) -> Path | None:
    """Return the link at or above `path` that leads nowhere."""
    return next(
        (each for each in (path, *path.parents) if each.is_symlink() and not each.exists()), None
    )


def may_write(catalog: Path) -> bool:
    """Return whether this user may write to the file, and put SQLite's files beside it."""
    return all(os.access(path, os.W_OK) for path in (catalog, catalog.parent))


def open_reader(catalog: Path, hop: Hop) -> tuple[Database, Engine]:
    """Return the database in the file `catalog`; each transaction opens and closes the file.

    While nobody has it open it is read without locks, for these would make files beside it.
    """
    engine = create_engine("sqlite://", creator=partial(_connect, catalog), poolclass=NullPool)
    event.listen(engine, "begin", _begin)
    return _Reader(engine, hop, catalog), engine


class _Reader(Database):
    """Reads a transaction again if somebody opened the file in the middle of it."""

    def __init__(self, engine: Engine, hop: Hop, catalog: Path) -> None:
        super().__init__(engine, hop)
        self._catalog = catalog

    def _run(self, work: Callable[[Connection], T], *, read_only: bool) -> T:
        before = state_of(self._catalog)
        try:
            found = super()._run(work, read_only=read_only)
        except CatalogError:
            if state_of(self._catalog) == before:
                raise
        else:
            if before is None or before.shared or state_of(self._catalog) == before:
                return found
        return super()._run(work, read_only=read_only)


def _connect(catalog: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(reading(catalog), uri=True, check_same_thread=False, timeout=5)
    connection.isolation_level = None
    connection.execute("PRAGMA query_only=ON")
    add_functions(connection)
    return connection


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def has_tables(engine: Engine) -> bool:
    """Return whether the catalog of `engine` was ever begun.

    Raises:
        CatalogError: It cannot be read, or is no catalog.
        TooNew: It was written by a newer reelkeep.
    """
    from reelkeep.catalog.schema import HEAD, refuse_older, version

    try:
        with engine.connect() as connection, connection.begin():
            before = version(connection)
            if before is not None and before != HEAD:
                refuse_older(connection, before)
            return before is not None
    except DBAPIError as error:
        raise CatalogError(f"the catalog cannot be read: {error.orig}") from error
