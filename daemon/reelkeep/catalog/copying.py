"""Copy a catalog into a file of its own: whole, checked and durable, or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from reelkeep.catalog.replica import back_up
from reelkeep.disk import Disk, link_or_move
from reelkeep.errors import CatalogError

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
