"""See whether an archive takes anything now: by its figures, and by a small write."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from threading import get_ident

from reelkeep.archive.places import Places
from reelkeep.disk import Disk, write_all


def look(disk: Disk, places: Places) -> None:
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


def write_probe(disk: Disk, places: Places) -> None:
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
