"""The reply to a request that has a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
from multidict import CIMultiDictProxy

from reelkeep.core.redirects import Trail
from reelkeep.core.stall import StallMeter
from reelkeep.errors import Stalled, TransferError, Unreachable
from reelkeep.transport.body import Body
from reelkeep.transport.door import Door
from reelkeep.transport.exchange import Head
from reelkeep.transport.faults import FOREIGN, root, translated
from reelkeep.transport.options import TransportOptions
from reelkeep.transport.tap import DirectTap

TAP_FROM = 1 << 20
"""Bytes from which a thread of its own is worth its while for the rest of a body."""


class OwnedReply:
    """See `ports.Reply`. No byte is given before it is accounted for (`Body.account`)."""

    def __init__(
        self, head: Head, body: Body, trail: Trail, *, options: TransportOptions, door: Door
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
    async def tap(self) -> AsyncIterator[DirectTap | None]:
        """See `ports.Reply`."""
        if self._body.left < TAP_FROM:
            yield None
            return
        tap = DirectTap(self._body, meter=self._meter, patience=self._patience, door=self._door)
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
