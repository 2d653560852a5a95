"""Look at a catalog without touching it, also at one that is damaged or of another version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from reelkeep.catalog.backup import readable, reading, refused, state_of
from reelkeep.catalog.database import Database, Hop, add_functions
from reelkeep.catalog.schema import ARCHIVE
from reelkeep.core.unavailable import SAID_AFTER
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


MOST = 20
"""Failed attempts that are told, the latest; and due files, the largest."""

NEWEST = 200
"""Stored files that are looked for."""

_STATES = "SELECT provider, state, count(*) FROM recording GROUP BY 1, 2 ORDER BY 1, 2"
_FILES = (
    "SELECT r.provider, f.state, count(*) FROM file f JOIN recording r ON r.row = f.recording "
    "GROUP BY 1, 2 ORDER BY 1, 2"
)
_PROVIDERS = "SELECT name, polled_at, broken_since, reason FROM provider ORDER BY name"
_FAILURES = (
    "SELECT a.at, r.provider, r.id AS recording, f.name AS file, f.state, a.code, a.detail "
    "FROM attempt a JOIN file f ON f.row = a.file JOIN recording r ON r.row = f.recording "
    "ORDER BY a.row DESC LIMIT ?"
)
_LARGEST = (
    "SELECT r.provider, r.id AS recording, f.name AS file, f.promised "
    "FROM file f JOIN recording r ON r.row = f.recording "
    "WHERE f.state = 'due' AND f.promised IS NOT NULL ORDER BY f.promised DESC LIMIT ?"
)
_OVERDUE = "SELECT count(*) FROM file WHERE state = 'due' AND waits >= ?"
_NEWEST = (
    "SELECT r.folder, f.name, f.size FROM file f JOIN recording r ON r.row = f.recording "
    "WHERE f.state = 'stored' AND r.folder IS NOT NULL AND r.published >= r.revision "
    "ORDER BY r.row DESC LIMIT ?"
)
_LATEST = (
    "SELECT max(at) FROM (SELECT max(polled_at) AS at FROM provider UNION ALL "
    "SELECT max(broken_since) FROM provider UNION ALL SELECT max(covered_until) FROM provider)"
)

Line = Mapping[str, Any]
Counts = Mapping[str, Mapping[str, int]]
"""By provider and state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineSummary:
    """What there is in a catalog. Times are UTC, as they are written there."""

    size: int  #: Bytes, without the log beside it.
    version: str
    complaint: str | None  #: What SQLite finds wrong with it.
    recordings: Counts = field(default_factory=dict)
    files: Counts = field(default_factory=dict)
    providers: tuple[Line, ...] = ()
    failures: tuple[Line, ...] = ()  #: The latest first.
    largest: tuple[Line, ...] = ()  #: Files that are due, by their promised sizes.
    overdue: int = 0  #: Due files that their providers have not finished for hours.
    newest: tuple[Line, ...] = ()  #: Stored files in a folder, those of the newest recordings.
    archive: str | None = None  #: The identity of the archive that it belongs to.
    latest: str | None = None  #: The latest time at which something is said to have happened.


def glance(catalog: Path) -> OfflineSummary | None:
    """Return what there is in `catalog`, None if there is no such file. Blocking.

    Raises:
        CatalogError: It cannot be read, or is no catalog.
    """
    try:
        if not catalog.exists():
            return None
        with readable(catalog) as found, _opened(found) as connection:
            return _look(connection, catalog.stat().st_size)
    except OSError as error:
        told = refused(catalog) or error.strerror
        raise CatalogError(f"{catalog} cannot be read: {told}") from error
    except sqlite3.Error as error:
        told = refused(catalog) or str(error)
        raise CatalogError(f"{catalog} cannot be read: {told}") from error


@contextmanager
def _opened(catalog: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(reading(catalog), uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        yield connection


def _look(connection: sqlite3.Connection, size: int) -> OfflineSummary:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return OfflineSummary(
        size=size,
        version=str(version),
        complaint=None if found == "ok" else str(found),
        recordings=_counts(connection, _STATES),
        files=_counts(connection, _FILES),
        providers=tuple(dict(row) for row in connection.execute(_PROVIDERS)),
        latest=connection.execute(_LATEST).fetchone()[0],
        failures=tuple(dict(row) for row in connection.execute(_FAILURES, (MOST,))),
        largest=tuple(dict(row) for row in connection.execute(_LARGEST, (MOST,))),
        overdue=_overdue(connection),
        newest=tuple(dict(row) for row in connection.execute(_NEWEST, (NEWEST,))),
        archive=_archive(connection),
    )


def _overdue(connection: sqlite3.Connection) -> int:
    try:
        return int(connection.execute(_OVERDUE, (SAID_AFTER,)).fetchone()[0])
    except sqlite3.OperationalError:  # a catalog of a version that did not count them
        return 0


def _archive(connection: sqlite3.Connection) -> str | None:
    for (name,) in connection.execute("SELECT name FROM milestone"):
        if str(name).startswith(ARCHIVE):
            return str(name).removeprefix(ARCHIVE)
    return None


def _counts(connection: sqlite3.Connection, query: str) -> Counts:
    found: dict[str, dict[str, int]] = {}
    for provider, state, count in connection.execute(query):
        found.setdefault(provider, {})[state] = count
    return found
