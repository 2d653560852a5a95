"""A part that is hashed and kept nowhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from reelkeep.archive.part import DigestPart
from reelkeep.core.resume import SEAM

BODY = bytes(range(256)) * 4096


@dataclass
class Drawn:
    """A source that gives `body`, at most `step` bytes at a time."""

    body: bytes
    step: int
    at: int = 0

    def draw(self, into: memoryview) -> int:
        piece = self.body[self.at : self.at + min(len(into), self.step)]
        into[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)


async def test_what_is_written_and_absorbed_is_hashed_in_order() -> None:
    part = DigestPart()
    await part.begin(validator='"v"', total=len(BODY), promises={"md5": "x", "crc32": "y"})
    await part.write([BODY[:1000], BODY[1000:5000]])
    source = Drawn(BODY[5000:], step=70_000)
    while part.held.size < len(BODY):
        await part.absorb(source, len(BODY) - part.held.size)
    assert part.sha256 == hashlib.sha256(BODY).hexdigest()
    found = await part.inspect(["md5", "sha1"])
    assert found.digests == {"md5": hashlib.md5(BODY, usedforsecurity=False).hexdigest()}
    assert (part.held.validator, part.held.total) == ('"v"', len(BODY))


async def test_no_more_is_absorbed_than_may_be() -> None:
    part = DigestPart()
    await part.begin(validator=None, total=None, promises={})
    await part.absorb(Drawn(BODY, step=len(BODY)), 10)
    assert part.held.size == 10


async def test_beginning_again_forgets() -> None:
    part = DigestPart()
    await part.write([b"old"])
    await part.begin(validator=None, total=None, promises={})
    await part.write([b"new"])
    assert part.sha256 == hashlib.sha256(b"new").hexdigest()


async def test_the_last_64_kib_can_be_read_again() -> None:
    part = DigestPart()
    for at in range(0, len(BODY), 50_000):
        await part.write([BODY[at : at + 50_000]])
    assert await part.read(len(BODY) - SEAM, SEAM) == BODY[-SEAM:]
    assert await part.read(len(BODY) - 100, 10) == BODY[-100:-90]
    assert await part.read(0, 10) == b""
