"""Read a body in a thread, straight from the connection that was made for it."""

from __future__ import annotations

import math
import select
import threading
import time

from anyio import CancelScope, to_thread

from reelkeep.core.stall import StallMeter
from reelkeep.errors import Stalled, TransferError, Unreachable
from reelkeep.transport.body import Body
from reelkeep.transport.door import Door
from reelkeep.transport.faults import FOREIGN, root, translated

GRANT = 16 << 20
"""Bytes of one slice at most."""

SLICE = 0.25
"""Seconds of one slice at most: what a cancelled transfer waits for."""


class DirectTap:
    """See `ports.Tap`. No byte is given before it is accounted for (`Body.account`).

    As many threads as `door` lets in receive at a time, those who wait for bytes not counted: more
    would only wait for each other at the interpreter's lock.
    """

    def __init__(self, body: Body, *, meter: StallMeter, patience: float, door: Door) -> None:
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
