"""Pour the body of a reply into a part, never beyond where it must end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field

import anyio

from reelkeep.core.coverage import Segment
from reelkeep.errors import BadReply, DiskFull, IoFailed, TransferError, WrongBytes
from reelkeep.ports import DirectReader, Part, Reply, Source
from reelkeep.stages.signals import beside
from reelkeep.stages.worker_pool import ActiveTransfer, ActiveTransfers


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


BATCH = 1 << 20
"""Bytes gathered for one thread hop to the disk."""

CHECKPOINT = 64 << 20
"""Bytes between two durable offsets at most."""

CHECKPOINT_AFTER = 2.0
"""Seconds after which `WORTHWHILE` bytes are made durable, with the next that come.

A body that a thread draws is looked at four times a second, whether bytes come or not.
"""

WORTHWHILE = 1 << 20


class Checkpoints:
    """Decides when what came is made durable: a process that is killed loses what came since."""

    def __init__(self) -> None:
        """Count from now on."""
        self._last = anyio.current_time()

    def due(self, new: int) -> bool:
        """Return whether `new` bytes are to be made durable now; if so, count anew."""
        late = anyio.current_time() - self._last >= CHECKPOINT_AFTER
        if new < CHECKPOINT and not (late and new >= WORTHWHILE):
            return False
        self._last = anyio.current_time()
        return True


@dataclass(frozen=True, slots=True)
class LengthLimit:
    """Where the bytes of a part must end, and the error that more of them are."""

    end: int | None  #: None: nobody said.
    error: type[TransferError]


class BodyWriter:
    """One body on its way into `part`. Whatever ends it, the bytes that came are written."""

    def __init__(
        self, part: Part, transfer: ActiveTransfer, transfers: ActiveTransfers, fence: LengthLimit,
        reply: Reply, *, given: int,
    ) -> None:  # fmt: skip
        """Pour what `reply` gives from now on, and the `given` bytes that it gave last."""
        self._part = part
        self._reply = reply
        self._before = part.held.size - (reply.given - given)
        self._transfer = transfer
        self._transfers = transfers
        self._fence = fence
        self._batch = _Batch()
        self._durable = part.held.size
        self._checkpoints = Checkpoints()
        self._refused = 0  # bytes that came and were not written, for they were too many
        self._is_explained = False  # it is known why bytes that came are not here

    async def all(self, head: bytes, body: AsyncGenerator[bytes, None]) -> None:
        """Write `head` and the rest of `body`.

        Raises:
            TransferError: The body or the disk failed, or more came than may. What lies beyond
                the fence is never written: it may belong to any place.
        """
        try:
            await self._add(head)
            async for piece in body:
                await self._add(piece)
        finally:
            await self._flush()

    async def drawn(self, head: bytes, tap: DirectReader, enough: Callable[[], bool]) -> None:
        """Write `head` and what `tap` gives, straight from its connection to the disk.

        What an earlier attempt left is hashed meanwhile. The announced length is the fence. It
        ends before the body does when that is `enough`.

        Raises:
            TransferError: The connection or the disk failed.
        """
        await self._add(head)
        await self._flush()
        if self._part.behind:
            await beside(lambda: self._draw(tap, enough), self._follow)
        else:
            await self._draw(tap, enough)

    async def _follow(self) -> None:
        with self._explaining():
            while self._part.behind:
                await self._part.follow()

    async def _draw(self, tap: DirectReader, enough: Callable[[], bool]) -> None:
        while tap.left and not enough():
            most = await tap.grant()
            before = self._part.held.size
            try:
                with self._explaining():
                    await self._part.absorb(tap, most)
            finally:
                self._transfers.received += self._part.held.size - before
                with anyio.CancelScope(shield=True):
                    await self._account()

    async def _add(self, piece: bytes) -> None:
        size, end = self._part.held.size + self._batch.size + len(piece), self._fence.end
        if end is not None and size > end:
            self._refused = len(piece)
            raise self._fence.error(f"{end} bytes were announced, at least {size} came")
        self._batch.add(piece)
        if self._batch.size >= BATCH:
            await self._flush()

    async def _flush(self) -> None:
        """Write what was gathered, also while we are being stopped: it came, so it is kept."""
        pieces, size = self._batch.take()
        with anyio.CancelScope(shield=True):
            if size:
                with self._explaining():
                    await self._part.write(pieces)
                self._transfers.received += size
            await self._account()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Take note of errors that tell already why bytes that came are not here."""
        try:
            yield
        except (DiskFull, IoFailed, WrongBytes):
            self._is_explained = True
            raise

    async def _account(self) -> None:
        """Show how far we are, and make that durable now and then.

        Raises:
            WrongBytes: Not as many bytes were written as the reply gave.
        """
        self._transfer.done = self._part.held.size
        written, given = self._transfer.done - self._before, self._reply.given - self._refused
        if written > given or (written < given and not self._is_explained):
            await self._part.read(0, 1)  # it fails if the part was given up, which is why
            raise WrongBytes(f"the reply gave {given} bytes, {written} were written")
        if self._checkpoints.due(self._transfer.done - self._durable):
            with self._explaining():
                await self._part.checkpoint()
            self._durable = self._transfer.done


@dataclass(slots=True)
class _Batch:
    """Pieces on their way to the disk; taking them empties it, so none is written twice."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, piece: bytes) -> None:
        self.pieces.append(piece)
        self.size += len(piece)

    def take(self) -> tuple[list[bytes], int]:
        taken = self.pieces, self.size
        self.pieces, self.size = [], 0
        return taken


Fill = Callable[[Source, int, Segment], Awaitable[None]]
"""Writes from a source, so many bytes at most, where a claim stands."""


async def gather(reply: Reply, claim: Segment, length: int, fill: Fill) -> None:
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
