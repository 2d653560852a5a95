"""Compute digests and checksums by name, all behind one face.

CRC-32 and Adler-32 are zlib's. CRC-32C and CRC-64/NVME are awscrt's, a library of those who run
S3. It is imported with the first byte that needs it: on the thread that reads, never on the loop.
All of them let other threads run while they work on a large piece.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import Final, Protocol

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
