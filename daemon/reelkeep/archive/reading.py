"""Read a file of the archive from the disk, past what memory still has of it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.disk import Disk

BUFFER_BYTES: Final = 512 << 10
_FORGET: Final = 8 << 20

_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO, errno.EISDIR})
"""How the kernel refuses to open what is a link, a socket or a directory."""


class NoFile(Exception):
    """Something else than a plain file has the name."""


@dataclass(frozen=True, slots=True)
class Content:
    """What was read: bytes, and their SHA-256 in hex."""

    size: int
    sha256: str


class _Buffers(threading.local):
    """One buffer for each thread; a file is hashed out of it before it is filled again."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_BYTES))


_buffers = _Buffers()


def read_content(disk: Disk, path: Path) -> Generator[int, None, Content]:
    """Read the file at `path`, yielding the bytes of each piece. Blocking.

    Its pages are dropped from memory before and behind the reader: what counts is what the disk
    holds, and what others have in memory stays there.

    Raises:
        NoFile: It is a link, a directory or another thing that is not a plain file.
        OSError: It is missing, or cannot be read.
    """
    fd = _open(disk, path)
    try:
        disk.forget(fd, 0, 0)
        hashed, size, forgotten = hashlib.sha256(), 0, 0
        while count := disk.pread_into(fd, _buffers.view, size):
            hashed.update(_buffers.view[:count])
            size += count
            if size - forgotten >= _FORGET:
                disk.forget(fd, forgotten, size - forgotten)
                forgotten = size
            yield count
        disk.forget(fd, 0, 0)
        return Content(size, hashed.hexdigest())
    finally:
        disk.close(fd)


def _open(disk: Disk, path: Path) -> int:
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise NoFile(path.name) from error
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    disk.close(fd)
    raise NoFile(path.name)
