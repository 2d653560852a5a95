"""One SQLite database, reached a whole transaction at a time, patient while its disk fails."""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from reelkeep.core.disk_errors import Scope, row_of
from reelkeep.core.text import folded
from reelkeep.disk import Disk, make_directory
from reelkeep.errors import CatalogError, CatalogUnavailable
from reelkeep.ports import Report

T = TypeVar("T")

LOOK_AGAIN = timedelta(seconds=5)
"""How often a transaction that failed is tried again."""

Sleep = Callable[[float], Awaitable[None]]


class Outage:
    """Knows whether the catalog can be written, and holds back what needs it until it can.

    It is over when no transaction waits any more: a small one may succeed where a large one still
    finds no room.
    """

    def __init__(self, report: Report, *, sleep: Sleep = anyio.sleep) -> None:
        self._report = report
        self._sleep = sleep
        self._waiting = 0
        self._since = 0.0
        self._is_stopping = False
        self.reason: str | None = None  #: Why the catalog cannot be used; None: it can.

    def stop_waiting(self) -> None:
        """Let transactions fail from now on: the process is about to end."""
        self._is_stopping = True

    async def outlast(self, transaction: Callable[[], Awaitable[T]], *, writes: bool) -> T:
        """Return what `transaction` returns; repeat it while the catalog's disk fails.

        A transaction that failed is rolled back. Where the flush of a commit failed it may be found
        done after all, as after a power cut: then it is not done again (`Commits`).

        Raises:
            CatalogUnavailable: The process is about to end.
            CatalogError: The catalog is unusable for another reason.
        """
        try:
            found = await transaction()
        except CatalogUnavailable as error:
            found = await self._repeat(transaction, error)
        else:
            if not writes:
                return found
        self._end()
        return found

    async def _repeat(
        self, transaction: Callable[[], Awaitable[T]], error: CatalogUnavailable
    ) -> T:
        self._waiting += 1
        try:
            while True:
                self._begin(error)
                if self._is_stopping:
                    raise error
                await self._sleep(LOOK_AGAIN.total_seconds())
                try:
                    return await transaction()
                except CatalogUnavailable as failure:
                    error = failure
        finally:
            self._waiting -= 1

    def _begin(self, error: CatalogUnavailable) -> None:
        if self.reason is None:
            self._since = anyio.current_time()
            self._report("catalog.unavailable", reason=str(error))
        self.reason = str(error)

    def _end(self) -> None:
        if self.reason is None or self._waiting:
            return
        self.reason = None
        seconds = round(anyio.current_time() - self._since, 3)
        self._report("catalog.available", seconds=seconds)


_PRAGMAS = (
    "PRAGMA busy_timeout=5000",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
)


_DISK = "look at its disk and at the owner of its files (`findmnt`, `dmesg`)"
_PASSING = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: "make room on its disk (`df -h`, `df -i`)",
        sqlite3.SQLITE_READONLY: _DISK,
        sqlite3.SQLITE_IOERR: _DISK,
        sqlite3.SQLITE_CANTOPEN: _DISK,
        sqlite3.SQLITE_BUSY: "another process keeps it locked",
        sqlite3.SQLITE_NOMEM: "the machine is short of memory",
    }
)
"""What SQLite says of the disk, the machine or another process, not of the database."""

_REOPEN = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})
"""After these a connection may go on failing when its disk is well again."""


class Hop(Protocol):
    """A way to run blocking work without blocking the loop."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


def one_thread() -> Hop:
    """Return a hop that runs one piece of work at a time in a thread, to its end."""
    limiter = CapacityLimiter(1)

    def hop(work: Callable[[], T]) -> Awaitable[T]:
        return to_thread.run_sync(work, limiter=limiter, abandon_on_cancel=False)

    return hop


class Outlast(Protocol):
    """Runs a transaction, and decides what a failure of the catalog's disk means to it."""

    def __call__(
        self, transaction: Callable[[], Awaitable[T]], /, *, writes: bool
    ) -> Awaitable[T]: ...


async def at_once(transaction: Callable[[], Awaitable[T]], *, writes: bool) -> T:
    """Run `transaction` once; whatever fails is raised."""
    del writes
    return await transaction()


_MARKS = 1 << 31


class Write(Generic[T]):
    """A transaction that may be tried again; `result` holds once it is known to be `done`."""

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self.work = work
        self.mark: int | None = None  #: What the last attempt left in `user_version`.
        self.is_done = False
        self.result: T


class Commits:
    """Knows of a commit that failed whether it was done all the same. Blocking.

    What changes anything leaves a number of its own in `user_version`, within its transaction. The
    next transaction of this process looks for the number of one whose commit failed. If another
    process wrote in between, nobody can tell, and it counts as not done.
    """

    def __init__(self) -> None:
        self._marks = count(secrets.randbits(30))
        self._unsure: Write[Any] | None = None

    def run(self, write: Write[T], connection: Connection) -> T:
        """Return what `write` returns, or has returned if it is done already."""
        if self._unsure is not None:
            self._unsure.is_done = self._unsure.mark == _mark(connection)
            self._unsure = None
        if not write.is_done:
            before = _changes(connection)
            write.result = write.work(connection)
            if _changes(connection) != before:  # else nothing is to be written
                self._leave_mark(write, connection)
        return write.result

    def committed(self) -> None:
        """Note that the commit of the last transaction is durable."""
        self._unsure = None

    def _leave_mark(self, write: Write[Any], connection: Connection) -> None:
        write.mark = next(self._marks) % _MARKS
        connection.exec_driver_sql(f"PRAGMA user_version={write.mark}")
        self._unsure = write


def _mark(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _changes(connection: Connection) -> int:
    """Return how many rows the connection has written since it was opened."""
    opened: Any = connection.connection.driver_connection
    return int(opened.total_changes)


class Database:
    """Runs synchronous functions of a connection as transactions: one hop for each.

    Writers begin with BEGIN IMMEDIATE, so that two processes queue up instead of failing in the
    middle (transfer notes, bug 35). What is committed survives a power cut (synchronous=FULL).
    """

    def __init__(
        self, engine: Engine, hop: Hop, outlast: Outlast = at_once, commits: Commits | None = None
    ) -> None:
        self._engine = engine
        self._hop = hop
        self._outlast = outlast
        self._commits = commits or Commits()

    def patient(self, outlast: Outlast) -> Database:
        """Return the same database, each transaction of which runs in `outlast`."""
        return Database(self._engine, self._hop, outlast, self._commits)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns, once its changes are durable.

        Raises:
            CatalogUnavailable: Its disk fails, or it is locked; nothing was changed, unless the
                commit itself failed: then nobody knows until the next start.
            CatalogError: The database cannot be used; as before.
        """
        once = Write(work)

        def run() -> T:
            found = self._run(partial(self._commits.run, once), read_only=False)
            self._commits.committed()
            return found

        return await self._outlast(lambda: self._hop(run), writes=True)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns; it sees one consistent state and changes nothing."""
        run = partial(self._run, work, read_only=True)
        return await self._outlast(lambda: self._hop(run), writes=False)

    async def close(self) -> None:
        """Give the file back; what was written is there already."""
        await self._hop(self._engine.dispose)

    def _run(self, work: Callable[[Connection], T], *, read_only: bool) -> T:
        try:
            with self._engine.connect() as opened:
                connection = opened.execution_options(reelkeep_read_only=read_only)
                with connection.begin():
                    return work(connection)
        except DBAPIError as error:
            if _code(error) in _REOPEN and not isinstance(self._engine.pool, StaticPool):
                self._engine.dispose()
            raise translated(error, "the catalog cannot be used") from error
        except (ValueError, TypeError, OverflowError) as error:  # as a row is made into a noun
            raise CatalogError(f"the catalog holds what cannot be read: {error}") from error


def translated(error: DBAPIError, what: str) -> CatalogError:
    """Return our error for one of SQLite's; `what` begins its message."""
    advice = _PASSING.get(_code(error))
    if advice is not None:
        return CatalogUnavailable(
            f"{what}: {error.orig}; {advice}. What was fetched is kept, and recorded next time"
        )
    return CatalogError(f"{what}: {error.orig}")


def _code(error: DBAPIError) -> int:
    """Return SQLite's primary result code, 0 for an error that has none."""
    return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF


def open_engine(url: str, disk: Disk | None = None) -> Engine:
    """Return an engine for the SQLite database at `url`, made readable by its owner only.

    The folder of a new one is durable, as is what is missing above it; its own name there is
    SQLite's business.

    Raises:
        CatalogError: The file or its folder cannot be made.
    """
    path = database_path(url)
    if path is not None:
        _own(path, disk or Disk())
    arguments: dict[str, Any] = {"connect_args": {"check_same_thread": False}}
    if path is None:
        arguments["poolclass"] = StaticPool
    else:
        arguments = {"creator": partial(_connect, path)}
    engine = create_engine(url, **arguments)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def database_path(url: str) -> Path | None:
    """Return the file that `url` names, None for a database in memory."""
    name = make_url(url).database
    return None if name in (None, "", ":memory:") else Path(str(name))


def _own(path: Path, disk: Disk) -> None:
    try:
        if disk.status(path) is None:
            make_directory(disk, path.parent, 0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        with suppress(PermissionError):  # not ours, but we may use it: the owner's business
            path.chmod(0o600)
    except OSError as error:
        raise _cannot_open(path, error) from error


def _cannot_open(path: Path, error: OSError) -> CatalogError:
    """Return our error: what is about the disk or the machine may pass, rights do not."""
    row = row_of(error.errno)
    what = f"the catalog {path} cannot be opened: {error.strerror}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return CatalogError(f"{what}; this is user {os.geteuid()}{_owner(path)}")
    if row.scope in (Scope.FULL, Scope.PLACE, Scope.PROCESS):
        return CatalogUnavailable(f"{what}. {row.advice}")
    return CatalogError(what)


def _owner(path: Path) -> str:
    """Return whose the catalog is, or the nearest folder above it that can be seen."""
    for each in (path, *path.parents):
        with suppress(OSError):
            return f", {each} belongs to user {each.stat().st_uid}"
    return ""


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file at `path`; where its disk has gone meanwhile, none is made in its place."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    add_functions(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def add_functions(connection: sqlite3.Connection) -> None:
    """Give `connection` the functions of Python that queries use."""
    connection.create_function("folded", 1, folded, deterministic=True)


def _begin(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("reelkeep_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
