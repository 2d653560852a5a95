"""Hash a file from its start, and know what its digest was every 64 MiB.

The state of a hash cannot be kept (rule 34 of the transfer notes), so that what an earlier process
wrote is read again. The digests that it noted on the way tell at which mark the bytes of the disk
are no longer those that were written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from reelkeep.archive.checksums import checksum

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
