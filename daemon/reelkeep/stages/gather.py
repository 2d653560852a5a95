"""Gather a body that no thread can draw, and fill a claim with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import anyio

from reelkeep.core.coverage import Claim
from reelkeep.errors import BadReply, WrongBytes
from reelkeep.ports import Reply, Source
from reelkeep.stages.pour import BATCH

Fill = Callable[[Source, int, Claim], Awaitable[None]]
"""Writes from a source, so many bytes at most, where a claim stands."""


async def gather(reply: Reply, claim: Claim, length: int, fill: Fill) -> None:
    """Fill `claim` with the body of `reply`, which is to have `length` bytes.

    It ends when the body does, or when others have taken the rest of the claim. Whatever ends it,
    the bytes that came are written.

    Raises:
        BadReply: More came than was announced; what is too much is not written.
        WrongBytes: Not as many bytes were written as came and had room.
        TransferError: The body or the disk failed.
    """
    pieces, until, start, came = _Pieces(), claim.end, claim.at, 0
    try:
        async with aclosing(reply.chunks()) as body:
            async for piece in body:
                length -= len(piece)
                if length < 0:
                    raise BadReply(f"a range came with at least {-length} bytes too much")
                pieces.add(piece)
                came += len(piece)
                if pieces.size >= BATCH:
                    await fill(pieces, pieces.size, claim)
                if claim.end < until and pieces.size >= claim.left:
                    break
    finally:
        with anyio.CancelScope(shield=True):
            await fill(pieces, pieces.size, claim)
        written, room = claim.at - start, claim.end - start
        if written != min(came, room):
            raise WrongBytes(f"{came} bytes came for a place of {room}, {written} were written")


class _Pieces:
    """A `ports.Source` of pieces that are here."""

    def __init__(self) -> None:
        self._content = bytearray()

    @property
    def size(self) -> int:
        return len(self._content)

    def add(self, piece: bytes) -> None:
        self._content += piece

    def draw(self, into: memoryview) -> int:
        count = min(len(into), len(self._content))
        into[:count] = self._content[:count]
        del self._content[:count]
        return count
