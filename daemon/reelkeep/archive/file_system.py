"""Try what a file system can do, and whether it takes anything now."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from stat import S_IMODE
from threading import get_ident

from reelkeep.archive.paths import ArchivePaths
from reelkeep.core.file_system import NAME_BYTES, FileSystem
from reelkeep.disk import Disk, write_all, write_small

_SOME = b"reelkeep tries what this file system can do\n"
_LETTERS = "n\N{LATIN SMALL LETTER E WITH ACUTE}\N{CJK UNIFIED IDEOGRAPH-4F1A}"  # NFC, as ours are
_LENGTHS = (NAME_BYTES, 143, 128, 64, 31)  # 143: eCryptfs


def try_file_system(disk: Disk, places: ArchivePaths, folder: str) -> FileSystem:
    """Return what the file system of `places` can do, tried in a folder that is removed. Blocking.

    Raises:
        OSError: Nothing can be written there at all.
    """
    place = places.ours / f"trial-{os.getpid()}"
    _remove(disk, place)
    disk.mkdir(place, 0o700)
    try:
        return _tried(disk, place, folder)
    finally:
        with suppress(OSError):
            _remove(disk, place)


def _tried(disk: Disk, place: Path, folder: str) -> FileSystem:
    file = place / "file"
    write_small(disk, file, _SOME, 0o600)
    return FileSystem(
        folder=folder,
        links=_works(lambda: disk.link(file, place / "link")),
        renames=_works(lambda: _replace(disk, file, place / "renamed")),
        flushes_directories=_works(lambda: _flush(disk, place)),
        locks=_locks(disk, file),
        modes=_works(lambda: _keeps_mode(disk, place / "mode")),
        longest_name=_longest(disk, place),
        case=not _same(disk, place / "case", place / "CASE"),
        unicode=_keeps_name(disk, place, _LETTERS),
        free_bytes=disk.free(place),
        free_files=disk.limits(place).names,
    )


def _works(trial: Callable[[], object]) -> bool:
    try:
        return trial() is not False
    except OSError:
        return False


def _replace(disk: Disk, file: Path, other: Path) -> None:
    write_small(disk, other, _SOME, 0o600)
    disk.rename(other, file)


def _flush(disk: Disk, place: Path) -> None:
    fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        disk.fsync(fd)
    finally:
        os.close(fd)


def _locks(disk: Disk, file: Path) -> bool:
    """Whether a second descriptor is kept out."""
    first = disk.open(file, os.O_RDWR)
    try:
        second = disk.open(file, os.O_RDWR)
        try:
            disk.lock(first)
            disk.lock(second)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            disk.close(second)
    finally:
        disk.close(first)
    return False


def _keeps_mode(disk: Disk, file: Path) -> bool:
    for mode in (0o600, 0o640):
        write_small(disk, file, _SOME, mode)
        status = disk.status(file)
        if status is None or S_IMODE(status.st_mode) != mode:
            return False
    return True


def _longest(disk: Disk, place: Path) -> int:
    return next((size for size in _LENGTHS if _keeps_name(disk, place, "n" * size)), 0)


def _keeps_name(disk: Disk, place: Path, name: str) -> bool:
    try:
        write_small(disk, place / name, _SOME, 0o600)
        return name in disk.names(place)
    except OSError:
        return False


def _same(disk: Disk, one: Path, other: Path) -> bool:
    with suppress(OSError):
        write_small(disk, one, _SOME, 0o600)
    return disk.status(other) is not None


def _remove(disk: Disk, place: Path) -> None:
    for name in disk.names(place):
        disk.unlink(place / name)
    with suppress(FileNotFoundError):
        disk.rmdir(place)


def look(disk: Disk, places: ArchivePaths) -> None:
    """See what can be seen without writing. Blocking.

    Raises:
        OSError: The file system is read-only or has no inode left, or a directory is gone.
    """
    limits = disk.limits(places.root)
    if limits.read_only:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(places.root))
    if limits.names == 0:
        raise OSError(errno.ENOSPC, "No room for one more file: all inodes are used")
    for path in (places.parts, places.finished, places.staging):
        if disk.status(path) is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def write_probe(disk: Disk, places: ArchivePaths) -> None:
    """Write, lock, flush and move a small file, as is done with each one that comes. Blocking.

    Raises:
        OSError: As the kernel refuses one of these.
    """
    name = f"probe-{os.getpid()}-{get_ident()}.tmp"  # several threads may do so at once
    steps = [directory / name for directory in (places.parts, places.finished, places.staging)]
    try:
        _write(disk, steps[0])
        for source, target in pairwise(steps):
            disk.rename(source, target)
    finally:
        for path in steps:
            with suppress(OSError):
                disk.unlink(path)


def _write(disk: Disk, path: Path) -> None:
    fd = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        with suppress(BlockingIOError):  # somebody holds it: that says nothing of the place
            disk.lock(fd)
        write_all(disk, fd, b"reelkeep tries whether it can write here\n")
        disk.fsync(fd)
    finally:
        disk.close(fd)
