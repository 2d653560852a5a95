"""A part that is hashed and kept nowhere: to compare a file with one that is here already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from anyio import CapacityLimiter

from reelkeep.archive.checksums import new_hash
from reelkeep.archive.threads import Threads
from reelkeep.core.coverage import Claim, Coverage
from reelkeep.core.digests import needed
from reelkeep.core.examination import Examination
from reelkeep.core.resume import SEAM
from reelkeep.ports import Held, Inspection, Source

BUFFER = 256 * 1024
"""Bytes that are drawn at once."""


class DigestPart:
    """See `ports.Part`. Bytes are hashed as they come, and forgotten; nothing touches a disk.

    It grows at its end only, and may be resumed while it lives. It can be neither kept nor
    examined.
    """

    def __init__(self) -> None:
        self._threads = Threads(CapacityLimiter(inf))  # each waits for a network
        self._held = Held()
        self._hashes = {"sha256": new_hash("sha256")}
        self._tail = b""  # the last bytes, for a resume proves that they fit

    @property
    def held(self) -> Held:
        return self._held

    @property
    def coverage(self) -> Coverage | None:
        return None

    @property
    def distrusted(self) -> bool:
        return False

    @property
    def behind(self) -> int:
        return 0

    @property
    def sha256(self) -> str:
        """The digest of what came so far."""
        return self._hashes["sha256"].hexdigest()

    async def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the last 64 KiB; what came before is gone, and nothing is returned."""
        at = offset - (self._held.size - len(self._tail))
        return b"" if at < 0 else self._tail[at : at + size]

    async def begin(
        self, *, validator: str | None, total: int | None, promises: Mapping[str, str]
    ) -> None:
        self._held = Held(0, validator, total, dict(promises))
        self._hashes = {name: new_hash(name) for name in {"sha256", *needed(promises)}}
        self._tail = b""

    def distrust(self) -> None:
        self._held, self._tail = Held(), b""

    async def write(self, pieces: Sequence[bytes]) -> None:
        await self._threads.run(self._add, pieces)

    async def absorb(self, source: Source, most: int) -> None:
        await self._threads.run(self._absorb, source, most)

    async def scatter(self, total: int) -> Coverage:
        raise NotImplementedError("what is only hashed comes in order")

    async def fill(self, source: Source, most: int, claim: Claim) -> None:
        raise NotImplementedError("what is only hashed comes in order")

    async def follow(self) -> None:
        """Do nothing: all is hashed as it comes."""

    async def checkpoint(self) -> None:
        """Do nothing: nothing is durable."""

    async def inspect(self, digests: Sequence[str]) -> Inspection:
        """Return what is known; of `digests`, those that the beginning promised."""
        found = {name: made.hexdigest() for name, made in self._hashes.items()}
        known = {name: found[name] for name in digests if name in found}
        return Inspection(self._held.size, found["sha256"], known)

    async def examine(self, file_type: str, *, sized: bool) -> Examination:  # noqa: ARG002 (the signature is the port's)
        """Return nothing: the bytes are gone."""
        return Examination()

    async def keep(self) -> None:
        raise NotImplementedError("what is only hashed cannot be kept")

    async def quarantine(self, reason: str) -> None:  # noqa: ARG002 (the signature is the port's)
        """Forget the bytes: there is nothing to put aside."""
        await self.begin(validator=None, total=None, promises={})

    def _add(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            for made in self._hashes.values():
                made.update(piece)
            self._tail = (self._tail[-SEAM:] + piece[-SEAM:])[-SEAM:]
        size = self._held.size + sum(map(len, pieces))
        held = self._held
        self._held = Held(size, held.validator, held.total, held.promises)

    def _absorb(self, source: Source, most: int) -> None:
        buffer, left = memoryview(bytearray(min(BUFFER, most))), most
        while left:
            view = buffer[: min(len(buffer), left)]
            count = source.draw(view)
            self._add([bytes(view[:count])] if count else [])
            left -= count
            if count < len(view):
                return
