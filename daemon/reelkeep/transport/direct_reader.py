"""Read a body in a thread, straight from the connection that was made for it."""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from queue import SimpleQueue

import anyio
from anyio import CancelScope, to_thread
from multidict import CIMultiDictProxy

from reelkeep.core.addresses import Origin
from reelkeep.core.rates import StallMeter
from reelkeep.core.replies import Trail
from reelkeep.errors import BadReply, Stalled, TransferError, Unreachable, WrongBytes
from reelkeep.transport.connection import Connection
from reelkeep.transport.exchange import Exchange, Head
from reelkeep.transport.faults import FOREIGN, root, translated
from reelkeep.transport.options import TransportOptions


class ReaderSlots:
    """A semaphore whose inside is not Python: it is passed twice for each half mebibyte."""

    def __init__(self, width: int) -> None:
        """Let `width` threads in at a time."""
        self._tokens: SimpleQueue[None] = SimpleQueue()
        for _ in range(width):
            self._tokens.put(None)

    def enter(self) -> None:
        """Wait for a place inside. Blocking."""
        self._tokens.get()

    def leave(self) -> None:
        """Give the place to the next."""
        self._tokens.put(None)

    def __enter__(self) -> None:
        """Wait for a place inside."""
        self.enter()

    def __exit__(self, *_: object) -> None:
        self.leave()


class Body:
    """A body of `head.length` bytes, or of unknown length, and how many of them were `given`.

    It is read by one party at a time: the task that opened the reply, or a thread it waits for.
    """

    def __init__(
        self, connection: Connection, exchange: Exchange, head: Head, origin: Origin
    ) -> None:
        self.origin = origin
        self.length = head.length
        self.given = 0  #: Bytes of the body that its reader has.
        self.sock = connection.sock
        self._connection = connection
        self._exchange = exchange
        self._head = head.size
        self._early = memoryview(exchange.early)
        self._beyond = self.length is not None and len(self._early) > self.length

    @property
    def left(self) -> int:
        """Bytes of a body of known length that were not given yet."""
        return 0 if self.length is None else self.length - self.given

    async def piece(self) -> bytes:
        """Return the next bytes, none when the connection or the body has ended."""
        self._refuse_more()
        if self.length is None:
            piece = await self._exchange.piece()
        elif self._early:
            piece, self._early = bytes(self._early), self._early[:0]
        elif not self.left:
            return b""
        else:
            piece = await self._connection.receive(self.left)
        self.given += len(piece)
        return piece

    def receive_into(self, into: memoryview) -> int:
        """Put the next bytes of a body of known length into `into`; return how many, 0 at the end.

        Raises:
            BlockingIOError: There are none yet.
        """
        self._refuse_more()
        if self._early:
            count = min(len(self._early), len(into))
            into[:count], self._early = self._early[:count], self._early[count:]
        else:
            count = self._connection.receive_into(into[: self.left])
        self.given += count
        return count

    def _refuse_more(self) -> None:
        """Take nothing of a body that came longer than its head says (RFC 9112 section 6.3)."""
        if self._beyond:
            raise BadReply(f"{self.origin}: more bytes came than were announced")

    def account(self, *, over: bool = False) -> None:
        """See that the bytes given are all that came, and that nobody else took any.

        It is exact at the end, and when it is `over` before. Else bytes that arrive at this moment
        may hide others until the next time.

        Raises:
            WrongBytes: They are not; none of what came can be trusted.
        """
        exact = over or not self.left
        lost = self._connection.lost() if exact else self._connection.lost_for_certain()
        if lost:
            more = "more" if lost > 0 else "fewer"
            raise WrongBytes(
                f"{self.origin}: the kernel received {abs(lost)} bytes {more} than were read"
            )
        if self.length is None:  # h11 has the frames, and reads each byte of them
            return
        explained = self._head + self.given + len(self._early)
        if self._connection.received != explained:
            raise WrongBytes(
                f"{self.origin}: {self._connection.received} bytes came, {explained} were read"
            )


GRANT = 16 << 20
"""Bytes of one slice at most."""

SLICE = 0.25
"""Seconds of one slice at most: what a cancelled transfer waits for."""


class ThreadReader:
    """See `ports.Tap`. No byte is given before it is accounted for (`Body.account`).

    As many threads as `door` lets in receive at a time, those who wait for bytes not counted: more
    would only wait for each other at the interpreter's lock.
    """

    def __init__(
        self, body: Body, *, meter: StallMeter, patience: float, door: ReaderSlots
    ) -> None:
        self._body = body
        self._meter = meter
        self._patience = patience
        self._door = door
        self._poll = select.poll()
        self._poll.register(body.sock, select.POLLIN)
        self._until = 0.0  # when the slice is over
        self._waited = 0.0  # since the last byte
        self._silent = 0.0
        self._broken: TransferError | None = None
        self._turn = threading.Lock()

    @property
    def left(self) -> int:
        return self._body.left

    async def grant(self) -> int:
        self._until = time.monotonic() + SLICE
        return GRANT

    def draw(self, into: memoryview) -> int:
        with self._turn, self._door:
            got, want = 0, min(len(into), self.left)
            try:
                while got < want and (count := self._next(into[got:want])):
                    got += count
            except (TransferError, *FOREIGN) as error:
                self._broken = self._ours(error)
            self._body.account(over=self._broken is not None)
            if self._broken is not None and not got and self.left:
                raise self._broken
            return got

    async def leave(self) -> None:
        """Wait until no thread is at it any more; then the connection may be closed."""
        if self._turn.locked():  # its caller was torn away
            with CancelScope(shield=True):
                await to_thread.run_sync(self._turn.acquire)
                self._turn.release()

    def _next(self, into: memoryview) -> int:
        """Return how many bytes came next, 0 when the slice is over.

        Raises:
            Unreachable, Stalled: There will be no more.
        """
        if self._broken is not None:
            raise self._broken
        while True:
            try:
                count = self._body.receive_into(into)
            except BlockingIOError:
                if not self._wait():
                    return 0
                continue
            if not count:
                left, origin = self.left, self._body.origin
                raise Unreachable(f"{origin}: the stream ended {left} bytes too early")
            self._note(count)
            return count

    def _wait(self) -> bool:
        """Wait for bytes until the slice is over; return whether there are any."""
        began = time.monotonic()
        left = min(self._until - began, self._patience - self._silent)
        self._door.leave()  # others may draw meanwhile
        try:
            ready = bool(self._poll.poll(max(0, math.ceil(left * 1000))))
        finally:
            self._door.enter()
        waited = time.monotonic() - began
        self._waited += waited
        self._silent += waited
        if not ready and self._silent >= self._patience:
            raise Stalled(f"{self._body.origin}: no bytes for {self._patience:g} s")
        return ready

    def _note(self, count: int) -> None:
        waited, self._waited, self._silent = self._waited, 0.0, 0.0
        if self._meter.record(waited, count):
            self._broken = Stalled(f"{self._body.origin}: the body comes too slowly")

    def _ours(self, error: BaseException) -> TransferError:
        if isinstance(error, TransferError):
            return error
        ours = translated(error, self._body.origin)
        ours.__cause__ = root(error)
        return ours


TAP_FROM = 1 << 20
"""Bytes from which a thread of its own is worth its while for the rest of a body."""


class OwnedReply:
    """See `ports.Reply`. No byte is given before it is accounted for (`Body.account`)."""

    def __init__(
        self, head: Head, body: Body, trail: Trail, *, options: TransportOptions, door: ReaderSlots
    ) -> None:
        self._head = head
        self._body = body
        self._trail = trail
        self._door = door
        self._patience = options.stall_timeout.total_seconds()
        self._meter = StallMeter(options.stall_timeout, options.stall_rate)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} from {self.origin}>"

    @property
    def status(self) -> int:
        return self._head.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self._head.headers

    @property
    def origin(self) -> str:
        return str(self._trail.url.origin)

    @property
    def hops(self) -> int:
        return self._trail.hops

    @property
    def given(self) -> int:
        return self._body.given

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `ports.Reply`."""
        while True:
            piece, waited = await self._next()
            if not piece:
                return
            yield piece
            if self._meter.record(waited, len(piece)) and self._body.given != self._body.length:
                raise Stalled(f"{self.origin}: the body comes too slowly")

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[ThreadReader | None]:
        """See `ports.Reply`."""
        if self._body.left < TAP_FROM:
            yield None
            return
        tap = ThreadReader(self._body, meter=self._meter, patience=self._patience, door=self._door)
        try:
            yield tap
        finally:
            await tap.leave()

    async def _next(self) -> tuple[bytes, float]:
        """Return the next bytes, none at the end, and the seconds we waited for them."""
        began = anyio.current_time()
        try:
            with anyio.move_on_after(self._patience):
                piece = await self._body.piece()
                self._body.account()
                if not piece and self._body.left:
                    left = self._body.left
                    raise Unreachable(f"{self.origin}: the stream ended {left} bytes too early")
                return piece, anyio.current_time() - began
        except FOREIGN as error:
            self._body.account(over=True)
            raise translated(error, self._body.origin) from root(error)
        except TransferError:
            self._body.account(over=True)
            raise
        self._body.account(over=True)
        raise Stalled(f"{self.origin}: no bytes for {self._patience:g} s")
