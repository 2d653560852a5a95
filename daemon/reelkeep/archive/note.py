"""Note on the way which bytes of a part are there that is filled out of order.

The size of such a file says nothing (rule 44 of the transfer notes), and a checkpoint is too rare.
So each claim has a slot here, written anew with every buffer: what is in the kernel's cache
survives the death of the process. After a power cut nothing of it is believed.
"""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

from reelkeep.core.coverage import Claim, Extent
from reelkeep.disk import Disk, read_small, write_all

_EXTENT = struct.Struct("<QQ")
_CHECK = struct.Struct("<I12x")  # padded, so that no slot lies in two pages
_SLOT = _EXTENT.size + _CHECK.size
_LIMIT = 16 * 1024 * 1024


class Note:
    """The note at `path`. Blocking; several threads may `put` at once."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._fd: int | None = None

    def load(self) -> list[Extent]:
        """Return what is noted."""
        content = read_small(self._disk, self._path, limit=_LIMIT) or b""
        return [
            extent
            for start in range(0, len(content) - _SLOT + 1, _SLOT)
            if (extent := _decoded(content[start : start + _SLOT])) is not None
        ]

    def begin(self) -> None:
        """Begin an empty note."""
        self.close()
        self._fd = self._disk.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)

    def put(self, claim: Claim) -> None:
        """Note how far `claim` has come."""
        if self._fd is not None:
            slot = _encoded((claim.start, claim.at))
            write_all(self._disk, self._fd, slot, claim.number * _SLOT)

    def close(self) -> None:
        if self._fd is not None:
            fd, self._fd = self._fd, None
            self._disk.close(fd)

    def discard(self) -> None:
        """Remove the note if the disk still obeys."""
        with suppress(OSError):
            self.close()
            self._disk.unlink(self._path)


def _encoded(extent: Extent) -> bytes:
    content = _EXTENT.pack(*extent)
    return content + _CHECK.pack(zlib.crc32(content))


def _decoded(slot: bytes) -> Extent | None:
    content, check = slot[: _EXTENT.size], slot[_EXTENT.size :]
    start, end = _EXTENT.unpack(content)
    good = _CHECK.unpack(check) == (zlib.crc32(content),)
    return (int(start), int(end)) if good and start < end else None
