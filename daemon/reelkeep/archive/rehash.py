"""Read a file of the archive again, for its size and its digests."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from anyio import CancelScope

from reelkeep.archive.checksums import new_hash
from reelkeep.archive.stream import READ_BYTES, SLICE_BYTES
from reelkeep.archive.threads import Threads
from reelkeep.disk import Disk


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
