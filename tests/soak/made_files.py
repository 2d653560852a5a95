"""Files that a seed makes: whoever knows the seed knows each byte of each file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random

KIB, MIB = 1 << 10, 1 << 20
_NOISE = 16 * MIB


@dataclass(frozen=True, slots=True)
class MadeFiles:
    """An endless row of files. The share `large` of them has 1 to 8 MiB, the others up to 60 KiB.

    No two places in them are alike, so that lost, inserted and swapped bytes change the digest.
    """

    seed: int
    large: float = 0.05
    _noise: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_noise", Random(f"{self.seed}/noise").randbytes(_NOISE))

    def size(self, number: int) -> int:
        return self._place(number)[1]

    def content(self, number: int) -> bytes:
        return b"".join(self._pieces(number))

    def sha256(self, number: int) -> str:
        found = hashlib.sha256()
        for piece in self._pieces(number):
            found.update(piece)
        return found.hexdigest()

    def _pieces(self, number: int) -> tuple[bytes, memoryview]:
        start, size = self._place(number)
        return number.to_bytes(16, "big"), memoryview(self._noise)[start : start + size - 16]

    def _place(self, number: int) -> tuple[int, int]:
        draw = Random(f"{self.seed}/{number}")
        if draw.random() < self.large:
            size = int(MIB * 8 ** (draw.random() ** 1.5))
        else:
            size = draw.choice([draw.randint(16, 300), *[draw.randint(2 * KIB, 60 * KIB)] * 9])
        return draw.randrange(_NOISE - size), size
