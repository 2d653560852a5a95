"""A file that grows, with a SHA-256 that follows its beginning (rule 33 of the transfer notes).

The state of a hash cannot be kept (rule 34 of the transfer notes), so that what an earlier process
wrote is read again. The digests that it noted on the way tell at which mark the bytes of the disk
are no longer those that were written.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
import zlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from reelkeep.core.coverage import Segment
from reelkeep.disk import Disk
from reelkeep.errors import Rotten, WrongBytes
from reelkeep.ports import Source

_Step = Callable[[bytes, int], int]


class Hash(Protocol):
    """What hashlib's objects can do, as far as it is needed here."""

    def update(self, piece: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def new_hash(name: str) -> Hash:
    """Return a hash over nothing yet: crc32, crc32c, crc64nvme, adler32 or any of hashlib's.

    A checksum's hex is that of its number, padded: the most significant byte comes first.

    Raises:
        ValueError: There is no such hash.
    """
    if name in _CHECKSUMS:
        return _Checksum(*_CHECKSUMS[name])
    return hashlib.new(name, usedforsecurity=False)


class _Checksum:
    def __init__(self, step: _Step, start: int, digits: int) -> None:
        self._step = step
        self._value = start
        self._digits = digits

    def update(self, piece: bytes, /) -> None:
        self._value = self._step(piece, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:0{self._digits}x}"


def checksum(piece: memoryview, before: int = 0) -> int:
    """Return a CRC of `piece` behind bytes whose CRC was `before`: cheap, to tell two apart."""
    from awscrt.checksums import crc32c

    return int(crc32c(piece, before))


def _crc32c(piece: bytes, before: int) -> int:
    from awscrt.checksums import crc32c

    return int(crc32c(piece, before))


def _crc64nvme(piece: bytes, before: int) -> int:
    from awscrt.checksums import crc64nvme

    return int(crc64nvme(piece, before))


_CHECKSUMS: Final[dict[str, tuple[_Step, int, int]]] = {
    "adler32": (zlib.adler32, 1, 8),
    "crc32": (zlib.crc32, 0, 8),
    "crc32c": (_crc32c, 0, 8),
    "crc64nvme": (_crc64nvme, 0, 16),
}
"""How each takes a further piece, where it starts, and its digits in hex."""


MARK: Final = 64 << 20
"""Bytes between two marks."""


class PrefixHash:
    """The SHA-256 of the first `at` bytes; `marks` are hex digests of each 64 MiB more."""

    def __init__(self, expected: Sequence[str] = ()) -> None:
        """Begin at the first byte; what passes a mark is held against `expected`."""
        self.at = 0
        self.marks: list[str] = []
        self.checksum = 0  #: Of the bytes that were fed last.
        self._expected = expected
        self._hash = hashlib.sha256()
        self._sound = self._hash.copy()  # as it was at the last mark

    @property
    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def feed(self, data: memoryview) -> bool:
        """Hash the next bytes; return False if they are not those that were noted.

        Then the hash is back at the last mark, `at` says where that is, and what follows was not
        looked at.
        """
        self.checksum = 0
        while len(data):
            room = MARK - self.at % MARK
            self._hash.update(data[:room])
            self.checksum = checksum(data[:room], self.checksum)
            self.at += min(room, len(data))
            data = data[room:]
            if self.at % MARK == 0 and not self._pass():
                return False
        return True

    def _pass(self) -> bool:
        digest, number = self._hash.hexdigest(), len(self.marks)
        if number < len(self._expected) and self._expected[number] != digest:
            self._hash = self._sound.copy()
            self.at = number * MARK
            self._expected = self._expected[:number]
            return False
        self.marks.append(digest)
        self._sound = self._hash.copy()
        return True


READ_BYTES: Final = 1024 * 1024
SLICE_BYTES: Final = 64 * 1024 * 1024
"""How much is read again in one thread hop: what a cancelled task may have to wait for."""

BUFFER_BYTES: Final = 2 * 1024 * 1024
"""What one thread draws from a connection before it writes and hashes it.

Each step lets other threads run, and then waits for its turn: larger pieces, fewer turns.
"""

_PIECES_AT_ONCE = 1024  # IOV_MAX of Linux


class _Buffers(threading.local):
    """One buffer for each thread: it is filled, written and hashed before it is filled again."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(BUFFER_BYTES))


_buffers = _Buffers()


@dataclass(slots=True)
class _Written:
    """A piece that is hashed later: where it ends, and the checksum that it had in memory."""

    end: int
    checksum: int
    read: int = 0  #: The checksum of what was read of it so far.


class HashedFile:
    """The bytes behind `fd`, of which the first `written` are ours without a gap. Blocking.

    The hash may lag behind: `catch_up` reads again what another process wrote, or what came out
    of order. It may run in one thread while others write. What was written here must then be read
    as it was in memory.
    """

    def __init__(self, disk: Disk, fd: int, written: int, marks: Sequence[str] = ()) -> None:
        self.fd = fd
        self.written = written
        self._disk = disk
        self._prefix = PrefixHash(marks)
        self._hashing = threading.Lock()
        self._unhashed: dict[int, _Written] = {}  # by where it begins
        self._passing: _Written | None = None  # the one that is read again now

    @property
    def hashed(self) -> int:
        """Bytes from the start that were hashed."""
        return self._prefix.at

    @property
    def sha256(self) -> str:
        """The hex digest of all that was hashed."""
        return self._prefix.hexdigest

    @property
    def marks(self) -> tuple[str, ...]:
        """The digests of each 64 MiB more, as far as they are hashed."""
        return tuple(self._prefix.marks)

    def catch_up(self, upto: int) -> None:
        """Hash the next slice of what lies before `upto`, all of which was written.

        Raises:
            Rotten: The disk holds other bytes than were written to it; `cut` is what remains.
            WrongBytes: A piece is not there as it came.
        """
        with self._hashing:
            end = min(upto, self._prefix.at + SLICE_BYTES)
            starts = sorted(start for start in list(self._unhashed) if start < end)
            while (at := self._prefix.at) < end:
                self._passing = self._unhashed.pop(at, self._passing)
                after = bisect_right(starts, at)
                stop = min([end, *starts[after : after + 1]])
                if self._passing is not None:
                    stop = min(end, self._passing.end)
                self._hash_again(self.read_at(at, min(READ_BYTES, stop - at)))

    def _hash_again(self, piece: bytes) -> None:
        """Hash what was read again, and see that it is what was written."""
        if not piece:
            raise OSError(errno.EIO, "the file is shorter than what was written to it")
        if not self._prefix.feed(memoryview(piece)):
            raise Rotten(f"bytes on the disk changed behind byte {self._prefix.at}")
        written = self._passing
        if written is not None:
            written.read = checksum(memoryview(piece), written.read)
            if self._prefix.at >= written.end:
                self._passing = None
                if written.read != written.checksum:
                    raise WrongBytes(f"other bytes were written than came before {written.end}")

    def append(self, pieces: Sequence[bytes]) -> None:
        """Write all of `pieces`; what was written before an error counts."""
        for first in range(0, len(pieces), _PIECES_AT_ONCE):
            views = [
                memoryview(piece) for piece in pieces[first : first + _PIECES_AT_ONCE] if piece
            ]
            at = start = self.written
            for view in views:
                self._expect(view, at)
                at += len(view)
            self._write(views)
            for view in views:
                self._hash(view, start)
                start += len(view)

    def absorb(self, source: Source, most: int) -> None:
        """Write what `source` gives, until that is `most` bytes or it has no more for now."""
        buffer, left = _buffers.view, most
        while left:
            view = buffer[: min(len(buffer), left)]
            count = source.draw(view)
            if count:
                at = self.written
                self._expect(view[:count], at)
                self._write([view[:count]])
                self._hash(view[:count], at)
            left -= count
            if count < len(view):
                return

    def fill(self, source: Source, most: int, claim: Segment) -> None:
        """Write what `source` gives at the place of `claim`, which moves on."""
        buffer, left = _buffers.view, min(most, claim.left)
        while left:
            view = buffer[: min(len(buffer), left)]
            count = source.draw(view)
            at, rest = claim.at, view[:count]
            self._expect(rest, at)
            while len(rest):
                done = self._pwrite([rest], claim.at)
                claim.at, rest = claim.at + done, rest[done:]
            self._hash(view[:count], at)
            left -= count
            if count < len(view):
                return

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
        self.written = 0
        self._prefix = PrefixHash()
        self._expect_nothing()

    def cut(self) -> None:
        """Keep only what was hashed; it is all there is behind a `Rotten`."""
        self._disk.truncate(self.fd, self._prefix.at)
        self.written = self._prefix.at
        self._expect_nothing()

    def _pwrite(self, views: Sequence[memoryview], offset: int) -> int:
        count = self._disk.pwrite(self.fd, views, offset)
        if count == 0:
            raise OSError(errno.EIO, "the disk takes no bytes and says nothing of it")
        return count

    def _write(self, views: Sequence[memoryview]) -> None:
        """Write all of `views` at the end; what was written before an error counts."""
        rest = list(views)
        while rest:
            count = self._pwrite(rest, self.written)
            self.written += count
            while rest and count >= len(rest[0]):
                count -= len(rest.pop(0))
            if count:
                rest[0] = rest[0][count:]

    def _expect(self, view: memoryview, offset: int) -> None:
        """Note what is about to be written: whoever hashes it compares."""
        if len(view):
            self._unhashed[offset] = _Written(offset + len(view), checksum(view))

    def _expect_nothing(self) -> None:
        self._unhashed.clear()
        self._passing = None

    def _hash(self, view: memoryview, offset: int) -> None:
        """Hash bytes just written, unless the hash is elsewhere: then they are read again.

        Raises:
            WrongBytes: They have another checksum than before they were written.
        """
        if self._hashing.acquire(blocking=False):
            try:
                if len(view) and self._prefix.at == offset:
                    known, self._passing = self._unhashed.pop(offset), None
                    self._prefix.feed(view)
                    if self._prefix.checksum != known.checksum:
                        raise WrongBytes(f"other bytes were hashed than written at byte {offset}")
            finally:
                self._hashing.release()


def sha256_of(disk: Disk, path: Path) -> str:
    """Return the hex digest of a whole file, in one go: for the rare case of two candidates."""
    fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        stream = HashedFile(disk, fd, disk.size(fd))
        while stream.hashed < stream.written:
            stream.catch_up(stream.written)
        return stream.sha256
    finally:
        disk.close(fd)
