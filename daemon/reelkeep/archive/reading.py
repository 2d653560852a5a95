"""Read files of the archive from the disk: bytes, manifests and sums, digests."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiofiles
from anyio import CancelScope

from reelkeep.archive.hashed_file import READ_BYTES, SLICE_BYTES, new_hash
from reelkeep.archive.threads import Threads
from reelkeep.core.manifest import MANIFEST_BYTES
from reelkeep.disk import Disk, disk_error

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


async def read_paper(path: Path) -> bytes | None:
    """Return what is in the file at `path`; None if there is no such file.

    Raises:
        IoFailed: It cannot be read, or is a link.
    """
    try:
        async with aiofiles.open(path, "rb", opener=_without_following) as file:
            return await file.read(MANIFEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_error(error) from error


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


@dataclass(frozen=True, slots=True)
class Reread:
    """What was read: bytes, and hex digests by name (see `hashes`)."""

    size: int
    digests: dict[str, str]


async def rehash(
    threads: Threads,
    disk: Disk,
    path: Path,
    digests: Iterable[str] = ("sha256",),
    *,
    progress: Callable[[int], None] = lambda _size: None,
) -> Reread:
    """Read the file at `path` once for all `digests`, which are names that `new_hash` knows.

    `progress` hears of each slice how many bytes it was.

    Raises:
        IoFailed: It cannot be read, is no file, or is a link.
    """
    reading = _Reading(disk, path, digests)
    try:
        while not reading.done:
            before = reading.offset
            await threads.run(reading.step)
            progress(reading.offset - before)
    finally:
        if not reading.done:
            with CancelScope(shield=True):
                await threads.run(reading.close)
    return Reread(reading.offset, reading.hexdigests())


class _Reading:
    """A file on its way through some hashes. Blocking."""

    def __init__(self, disk: Disk, path: Path, digests: Iterable[str]) -> None:
        self.offset = 0
        self.done = False
        self._disk = disk
        self._path = path
        self._hashes = {name: new_hash(name) for name in digests}
        self._fd: int | None = None
        self._turn = threading.Lock()  # a caller that was torn away may have left its thread

    def step(self) -> None:
        """Read the next slice; at the end of the file, close it and be done."""
        with self._turn:
            if self._fd is None:
                self._fd = self._disk.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            if self._reaches_end(self._fd):
                self._close()
                self.done = True

    def close(self) -> None:
        with self._turn:
            self._close()

    def hexdigests(self) -> dict[str, str]:
        return {name: hashed.hexdigest() for name, hashed in self._hashes.items()}

    def _reaches_end(self, fd: int) -> bool:
        end = self.offset + SLICE_BYTES
        while self.offset < end:
            piece = self._disk.pread(fd, READ_BYTES, self.offset)
            if not piece:
                return True
            for hashed in self._hashes.values():
                hashed.update(piece)
            self.offset += len(piece)
        return False

    def _close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._disk.close(fd)
