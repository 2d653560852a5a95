"""Copy a catalog, so that others may try things out without touching it."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import to_thread

from reelkeep.errors import CatalogError


@asynccontextmanager
async def replica(source: Path) -> AsyncIterator[Path]:
    """Yield the file of a copy of `source` as it is at one moment; it is thrown away at the end.

    A daemon may write meanwhile. Where `source` lies nothing is made or changed: without a catalog
    there, the file that is yielded does not exist either.

    Raises:
        CatalogError: It cannot be read, or there is no room for a copy.
    """
    with _folder() as folder:
        target = Path(folder) / "catalog.db"
        await to_thread.run_sync(_copy, source, target)
        yield target


def refused(path: Path) -> str | None:
    """Return why this user may not read `path`, and who may; None if rights are no obstacle."""
    seen = path
    try:
        owner = path.stat().st_uid
        files = [path.with_name(f"{path.name}{suffix}") for suffix in ("", "-wal", "-shm")]
        if all(os.access(each, os.R_OK, effective_ids=True) for each in files if each.exists()):
            return None
    except PermissionError:
        seen, owner = _nearest(path)
    except OSError:
        return None
    user = os.geteuid()
    if owner == user:
        return f"user {user} owns {seen} and may not read it: `chmod u+rwX {seen}`"
    return f"{seen} belongs to user {owner}, and this is user {user}: {run_as(owner)}"


def run_as(user: int) -> str:
    """Return what to do to run a command as `user`."""
    try:
        return f"run it as that user, `runuser -u {pwd.getpwuid(user).pw_name} -- reelkeep …`"
    except KeyError:
        return f"run it as that user, `setpriv --reuid {user} --clear-groups reelkeep …`"


def _nearest(path: Path) -> tuple[Path, int]:
    """Return the last folder above `path` that can be looked at, and its owner."""
    for folder in path.parents:
        try:
            return folder, folder.stat().st_uid
        except OSError:
            continue
    return path, 0


def _folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="reelkeep-", ignore_cleanup_errors=True)
    except OSError as error:
        raise CatalogError(f"the catalog cannot be copied: {error.strerror}") from error


def _copy(source: Path, target: Path) -> None:
    try:
        with readable(source) as found:
            back_up(found, target)
    except OSError as error:
        told = refused(source) or error.strerror
        raise CatalogError(f"the catalog {source} cannot be read: {told}") from error
    except sqlite3.Error as error:
        told = refused(source) or str(error)
        raise CatalogError(f"the catalog {source} cannot be copied: {told}") from error


def back_up(source: Path, target: Path) -> bool:
    """Copy `source` to `target` by SQLite's own means; return False if there is none. Blocking."""
    before = state_of(source)
    if before is None:
        return False
    _back_up(source, target, alone=not before.shared)
    if not before.shared and state_of(source) != before:  # somebody came meanwhile
        _back_up(source, target, alone=False)
    return True


@contextmanager
def readable(source: Path) -> Iterator[Path]:
    """Yield a file that SQLite can read as `source`; `source` itself, if it can.

    It cannot if a log lies beside a catalog on read-only media, without the index of that log:
    SQLite would have to make one. Then both are copied. Blocking.

    Raises:
        CatalogError: There is no room for a copy.
    """
    if _is_readable(source):
        yield source
        return
    with _folder() as folder:
        target = Path(folder) / source.name
        try:
            for suffix in ("", "-wal"):
                shutil.copyfile(f"{source}{suffix}", f"{target}{suffix}")
        except OSError as error:
            raise CatalogError(
                f"the catalog {source} cannot be copied: {error.strerror}"
            ) from error
        yield target


def _is_readable(source: Path) -> bool:
    state = state_of(source)
    if state is None or not state.shared:
        return True
    try:
        with closing(sqlite3.connect(_address(source, alone=False), uri=True)) as connection:
            connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.Error as error:
        return error.sqlite_errorcode != sqlite3.SQLITE_CANTOPEN
    return True


@dataclass(frozen=True, slots=True)
class State:
    """How the file of a catalog stands."""

    size: int
    changed: int
    shared: bool  #: A log lies beside it: somebody has it open, or was killed.


def state_of(source: Path) -> State | None:
    """Return how the file stands, None if there is none."""
    try:
        found = source.stat()
    except FileNotFoundError:
        return None
    log = source.with_name(f"{source.name}-wal")
    return State(found.st_size, found.st_mtime_ns, log.exists())


def reading(source: Path) -> str:
    """Return the address under which SQLite reads `source`, and leaves nothing beside it."""
    state = state_of(source)
    return _address(source, alone=state is None or not state.shared)


def _address(source: Path, *, alone: bool) -> str:
    return f"{source.absolute().as_uri()}?{'immutable=1' if alone else 'mode=ro'}"


def _back_up(source: Path, target: Path, *, alone: bool) -> None:
    """Copy `source`; if it is not `alone`, by the locks of those who write to it.

    Who only reads a catalog that nobody has open would make a log beside it and could not remove
    that again, unless it is called immutable (SQLite's manual: «Write-Ahead Logging», section 5).
    """
    with (
        closing(sqlite3.connect(_address(source, alone=alone), uri=True)) as theirs,
        closing(sqlite3.connect(target)) as ours,
    ):
        theirs.backup(ours)
