"""Draw a body in a thread, straight from the connection that was lent for it."""

from __future__ import annotations

import math
import select
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from anyio import CancelScope, to_thread

from reelkeep.core.stall import StallMeter
from reelkeep.core.urls import Origin
from reelkeep.errors import Stalled, TransferError, Unreachable
from reelkeep.transport.door import Door
from reelkeep.transport.faults import FOREIGN, root, translated
from reelkeep.transport.loan import Loan, Tls

GRANT = 16 << 20
"""Bytes of one slice at most."""

SLICE = 0.25
"""Seconds of one slice at most: what a cancelled transfer waits for."""

_CIPHER = 256 << 10


class DirectTap:
    """See `ports.Tap`. `early` are bytes of the body that came before the loan began.

    As many threads as `door` lets in receive at a time, those who wait for bytes not counted: more
    would only wait for each other at the interpreter's lock.
    """

    def __init__(
        self, loan: Loan, early: list[bytes], left: int, *, origin: Origin, meter: StallMeter,
        patience: float, door: Door,
    ) -> None:  # fmt: skip
        self.left = left
        self._loan = loan
        self._early = deque(memoryview(piece) for piece in early)
        self._origin = origin
        self._meter = meter
        self._patience = patience
        self._door = door
        self._receive = _Plain(loan) if loan.tls is None else _Secure(loan, loan.tls)
        self._poll = select.poll()
        self._poll.register(loan.sock, select.POLLIN)
        self._until = 0.0  # when the slice is over
        self._waited = 0.0  # since the last byte
        self._silent = 0.0
        self._broken: TransferError | None = None
        self._turn = threading.Lock()

    async def grant(self) -> int:
        self._until = time.monotonic() + SLICE
        return GRANT

    def draw(self, into: memoryview) -> int:
        with self._turn, self._door:
            want = min(len(into), self.left)
            got = self._drawn_early(into[:want])
            try:
                while got < want and (count := self._next(into[got:want])):
                    got += count
            except (TransferError, *FOREIGN) as error:
                self._broken = self._ours(error)
            self.left -= got
            if self._broken is not None and not got and self.left:
                raise self._broken
            return got

    async def leave(self) -> None:
        """End the loan, once no thread is at it any more."""
        if self._turn.locked():  # its caller was torn away
            with CancelScope(shield=True):
                await to_thread.run_sync(self._turn.acquire)
                self._turn.release()
        self._loan.give_back(clean=not self.left)

    def _drawn_early(self, into: memoryview) -> int:
        got = 0
        while self._early and got < len(into):
            piece = self._early.popleft()
            count = min(len(piece), len(into) - got)
            into[got : got + count] = piece[:count]
            got += count
            if count < len(piece):
                self._early.appendleft(piece[count:])
        return got

    def _next(self, into: memoryview) -> int:
        """Return how many bytes came next, 0 when the slice is over.

        Raises:
            Unreachable, Stalled: There will be no more.
        """
        if self._broken is not None:
            raise self._broken
        while True:
            try:
                count = self._receive(into)
            except BlockingIOError:
                if not self._wait():
                    return 0
                continue
            if not count:
                raise Unreachable(f"{self._origin}: the stream ended {self.left} bytes too early")
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
            raise Stalled(f"{self._origin}: no bytes for {self._patience:g} s")
        return ready

    def _note(self, count: int) -> None:
        waited, self._waited, self._silent = self._waited, 0.0, 0.0
        if self._meter.record(waited, count):
            self._broken = Stalled(f"{self._origin}: the body comes too slowly")

    def _ours(self, error: BaseException) -> TransferError:
        if isinstance(error, TransferError):
            return error
        ours = translated(error, self._origin)
        ours.__cause__ = root(error)
        return ours


class _Plain:
    """Receives from a socket."""

    def __init__(self, loan: Loan) -> None:
        self._into = loan.sock.recv_into

    def __call__(self, into: memoryview) -> int:
        return self._into(into)


class _Secure:
    """Receives from a TLS session that is fed from a socket; as many records as there are."""

    def __init__(self, loan: Loan, tls: Tls) -> None:
        self._sock = loan.sock
        self._tls = tls
        self._read: Callable[[int, memoryview], Any] = tls.session.read
        self._cipher = memoryview(bytearray(_CIPHER))

    def __call__(self, into: memoryview) -> int:
        got = 0
        while not got:
            try:
                while got < len(into):
                    count = self._read(len(into) - got, into[got:])  # a record at most
                    if not count:
                        return got
                    got += count
            except ssl.SSLWantReadError:
                if not got:
                    self._feed()
            except OSError:
                if not got:  # what came before is given first; then it fails again
                    raise
        return got

    def _feed(self) -> None:
        """Pass cipher text on, and any answer that TLS itself has to give."""
        if self._tls.outgoing.pending:
            self._sock.send(self._tls.outgoing.read())
        count = self._sock.recv_into(self._cipher)
        if count:
            self._tls.incoming.write(self._cipher[:count])
        else:
            self._tls.incoming.write_eof()
