"""A file that grows at its end, with a SHA-256 that follows what was written (rule 33)."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reelkeep.archive.disk import Disk

READ_BYTES: Final = 1024 * 1024
SLICE_BYTES: Final = 64 * 1024 * 1024
"""How much is read again in one thread hop: what a cancelled task may have to wait for."""

_PIECES_AT_ONCE = 1024  # IOV_MAX of Linux


class Stream:
    """The bytes behind `fd`, of which the first `written` are ours. Blocking; one user at a time.

    The hash may lag behind after an earlier attempt's bytes were taken over, as the state of a
    hash cannot be kept (rule 34): `catch_up` reads them again.
    """

    def __init__(self, disk: Disk, fd: int, written: int) -> None:
        self.fd = fd
        self.written = written
        self._disk = disk
        self._hash = hashlib.sha256()
        self._hashed = 0

    @property
    def behind(self) -> bool:
        """Whether bytes have still to be hashed."""
        return self._hashed < self.written

    @property
    def sha256(self) -> str:
        """The hex digest of all that was written, unless it is `behind`."""
        return self._hash.hexdigest()

    def catch_up(self) -> None:
        """Hash the next slice of what was not hashed yet."""
        end = min(self.written, self._hashed + SLICE_BYTES)
        while self._hashed < end:
            piece = self.read_at(self._hashed, min(READ_BYTES, end - self._hashed))
            if not piece:
                raise OSError(errno.EIO, "the file is shorter than what was written to it")
            self._hash.update(piece)
            self._hashed += len(piece)

    def append(self, pieces: Sequence[bytes]) -> None:
        """Write all of `pieces`; what was written before an error counts, and is hashed."""
        for first in range(0, len(pieces), _PIECES_AT_ONCE):
            views = [
                memoryview(piece) for piece in pieces[first : first + _PIECES_AT_ONCE] if piece
            ]
            while views:
                count = self._disk.pwrite(self.fd, views, self.written)
                if count == 0:
                    raise OSError(errno.EIO, "the disk takes no bytes and says nothing of it")
                views = self._account(views, count)

    def read_at(self, offset: int, size: int) -> bytes:
        """Return the bytes from `offset`, `size` of them unless the file ends before."""
        found = self._disk.pread(self.fd, size, offset)
        while 0 < len(found) < size:
            more = self._disk.pread(self.fd, size - len(found), offset + len(found))
            if not more:
                break
            found += more
        return found

    def forget(self) -> None:
        """Cut the file to nothing, and begin a new hash."""
        self._disk.truncate(self.fd, 0)
        self.written = self._hashed = 0
        self._hash = hashlib.sha256()

    def _account(self, views: list[memoryview], count: int) -> list[memoryview]:
        """Note that `count` bytes of `views` were written; return the rest."""
        self.written += count
        self._hashed += count
        for index, view in enumerate(views):
            self._hash.update(view[:count])
            if count < len(view):
                return [view[count:], *views[index + 1 :]]
            count -= len(view)
        return []


def sha256_of(disk: Disk, path: Path) -> str:
    """Return the hex digest of a whole file, in one go: for the rare case of two candidates."""
    fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        stream = Stream(disk, fd, disk.size(fd))
        while stream.behind:
            stream.catch_up()
        return stream.sha256
    finally:
        disk.close(fd)
