"""Copy a catalog: whole, checked and durable, or for others to try things out on."""

from __future__ import annotations

import os
import pwd
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp

from anyio import to_thread

from reelkeep.disk import Disk, link_or_move
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


UNFINISHED = ".unfinished"
"""How the name of a copy ends before it is complete."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What was copied."""

    path: Path
    size: int  #: In bytes.
    version: str  #: Of the tables.
    recordings: int


def copy_catalog(
    source: Path, target: Path, *, replaces: bool = False, disk: Disk | None = None
) -> Copy:
    """Copy `source`, as it is at one moment, to `target`; others may write to it meanwhile.

    The copy is one file, readable by its owner only. It has its name only when SQLite has found
    nothing wrong with it and it is on the disk. What stands at `target` is kept unless the copy
    `replaces` it. Blocking.

    Raises:
        CatalogError: There is no catalog at `source`, it is damaged, or there is no room; nothing
            was changed.
    """
    if not replaces and os.path.lexists(target):
        raise CatalogError(f"{target} exists already; refusing to overwrite an existing file")
    disk = disk or Disk()
    with _translated(source, target):
        unfinished = _begin(target)
        try:
            if not back_up(source, unfinished):
                raise CatalogError(f"there is no catalog at {source}")
            version, recordings = _checked(unfinished)
            _flush(disk, unfinished)
            if replaces:
                disk.rename(unfinished, target)
            else:
                _put(disk, unfinished, target)
            disk.fsync_directory(target.parent)
        finally:
            for each in (unfinished, *(Path(f"{unfinished}-{of}") for of in ("wal", "shm"))):
                disk.unlink(each)
        return Copy(target, target.stat().st_size, version, recordings)


@contextmanager
def _translated(source: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise CatalogError(_no_room(source, target)) from error
        raise CatalogError(f"the catalog {source} cannot be copied to {target}: {error}") from error
    except OSError as error:
        raise CatalogError(f"{target} cannot be written: {error.strerror}") from error


def _no_room(source: Path, target: Path) -> str:
    return (
        f"there is no room for a copy of the catalog in {target.parent}: about "
        f"{source.stat().st_size} bytes are needed; nothing was changed"
    )


def _begin(target: Path) -> Path:
    handle, name = mkstemp(UNFINISHED, f"{target.name}.", target.parent)  # of mode 0600
    os.close(handle)
    return Path(name)


def _checked(copy: Path) -> tuple[str, int]:
    """Make `copy` one file without a log; return its version and how many recordings it has."""
    with closing(sqlite3.connect(copy)) as opened:
        opened.execute("PRAGMA journal_mode=DELETE")
        (found,) = opened.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise CatalogError(f"the catalog is damaged, so it was not copied: {found}")
        (version,) = opened.execute("SELECT version_num FROM alembic_version").fetchone()
        (recordings,) = opened.execute("SELECT count(*) FROM recording").fetchone()
    return str(version), int(recordings)


def _put(disk: Disk, unfinished: Path, target: Path) -> None:
    """Give `unfinished` its name unless somebody has it by now."""
    try:
        link_or_move(disk, unfinished, target)
    except FileExistsError as error:
        raise CatalogError(f"{target} exists by now; it was kept") from error


def _flush(disk: Disk, path: Path) -> None:
    fd = disk.open(path, os.O_RDONLY)
    try:
        disk.fsync(fd)
    finally:
        disk.close(fd)


def keep_newest(catalog: Path, most: int) -> None:
    """Remove older copies that were put aside beside `catalog`, all but the newest `most`."""
    copies = [each for each in catalog.parent.glob(f"{catalog.name}.before-*") if each.is_file()]
    copies.sort(key=lambda each: each.stat().st_mtime_ns, reverse=True)
    for each in copies[most:]:
        with suppress(OSError):  # one too many does no harm
            each.unlink()
