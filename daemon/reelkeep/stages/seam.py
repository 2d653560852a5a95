"""Compare what is held of a file with what its host sends of the same place, where they meet."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from reelkeep.errors import WrongBytes
from reelkeep.ports import Part


async def compared_until(
    part: Part, at: int, until: int, body: AsyncGenerator[bytes, None]
) -> tuple[int, bytes]:
    """Compare `body`, which begins at byte `at`, with what `part` holds before `until`.

    Return how far it was compared, which is less than `until` if the body ended before, and the
    bytes that came with the last piece and lie behind `until`.

    Raises:
        WrongBytes: They differ. What lies before them cannot be trusted either.
    """
    behind = b""
    while at < until:
        piece = await anext(body, None)
        if piece is None:
            break
        again, behind = piece[: until - at], piece[until - at :]
        if await part.read(at, len(again)) != again:
            raise WrongBytes(f"the bytes held before byte {until} are not those that the host has")
        at += len(again)
    return at, behind
