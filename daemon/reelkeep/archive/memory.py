"""Hold a small file in memory until it is whole: then it costs the disk one visit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from reelkeep.archive.checksums import new_hash
from reelkeep.ports import Held, Inspection

SMALL = 256 * 1024
"""Bytes up to which a new file is held in memory."""


class Memory:
    """The beginning of a file that no disk knows yet, and what it belongs to."""

    def __init__(
        self,
        validator: str | None = None,
        total: int | None = None,
        promises: Mapping[str, str] | None = None,
        *,
        most: int,
    ) -> None:
        """Hold at most `most` bytes; more are for the disk."""
        self._most = most
        self._belongs = validator, total, dict(promises or {})
        self._size = 0
        self._sha256: str | None = None
        self.pieces: list[bytes] = []

    @property
    def held(self) -> Held:
        return Held(self._size, *self._belongs)

    def takes(self, pieces: Sequence[bytes]) -> bool:
        """Append `pieces`; False, and nothing is changed, if they would be too much."""
        size = self._size + sum(map(len, pieces))
        if size > self._most:
            return False
        self.pieces.extend(pieces)
        self._sha256 = None
        self._size = size
        return True

    def content(self) -> bytes:
        """Return all of it."""
        if len(self.pieces) != 1:
            self.pieces = [b"".join(self.pieces)]
        return self.pieces[0]

    def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return its size and digests; that takes less time than a thread hop would."""
        content = self.content()
        if self._sha256 is None:
            self._sha256 = hashlib.sha256(content).hexdigest()
        found = {name: _digest(name, content) for name in digests}
        return Inspection(len(content), self._sha256, found)


def _digest(name: str, content: bytes) -> str:
    found = new_hash(name)
    found.update(content)
    return found.hexdigest()
