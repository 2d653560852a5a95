"""One reply: its head, and its body in one of two ways, neither of which waits for ever."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
from aiohttp import ClientResponse

from reelkeep.core.redirects import Trail
from reelkeep.core.stall import StallMeter
from reelkeep.errors import BadReply, Garbled, Stalled, Unreachable
from reelkeep.transport.door import Door
from reelkeep.transport.faults import FOREIGN, root, translated
from reelkeep.transport.line import Line
from reelkeep.transport.loan import borrow
from reelkeep.transport.options import TransportOptions
from reelkeep.transport.tap import DirectTap

TAP_FROM = 1 << 20
"""Bytes from which a thread of its own is worth its while for the rest of a body."""


class AiohttpReply:
    """See `ports.Reply`. The body is aiohttp's own pieces, neither copied nor cut."""

    def __init__(
        self,
        raw: ClientResponse,
        line: Line,
        trail: Trail,
        options: TransportOptions,
        door: Door,
    ) -> None:
        self._raw = raw
        self._line = line
        self._door = door
        self._trail = trail
        self._patience = options.stall_timeout.total_seconds()
        self._meter = StallMeter(options.stall_timeout, options.stall_rate)
        self._received = 0
        self._early: deque[bytes] = deque()  # what a loan that came to nothing has left

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} from {self.origin}>"

    @property
    def status(self) -> int:
        return self._raw.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._raw.headers

    @property
    def origin(self) -> str:
        return str(self._trail.url.origin)

    @property
    def hops(self) -> int:
        return self._trail.hops

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `ports.Reply`; the bytes that came before a break are yielded before its error."""
        try:
            while True:
                piece, waited = await self._next()
                if not piece:
                    break
                self._received += len(piece)
                yield piece
                if self._meter.record(waited, len(piece)) and self._received != self._length:
                    raise Stalled(f"{self.origin}: the body comes too slowly")
        except FOREIGN as error:
            for piece in self._left_over():
                self._received += len(piece)
                yield piece
            if self._received != self._length:  # all came, and then it broke: aiohttp#13348
                raise translated(error, self._trail.url.origin) from root(error)
        if self._ends_with_connection and self._line.was_cut:
            raise Unreachable(f"{self.origin}: the connection was reset in the body")

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[DirectTap | None]:
        """See `ports.Reply`."""
        rest = 0 if self._length is None else self._length - self._received
        if rest < TAP_FROM:
            yield None
            return
        early, loan = await borrow(self._raw)
        if loan is None:
            self._early.extend(early)
            yield None
            return
        tap = DirectTap(
            loan,
            early,
            rest,
            origin=self._trail.url.origin,
            meter=self._meter,
            patience=self._patience,
            door=self._door,
        )
        try:
            yield tap
        finally:
            await tap.leave()

    async def _next(self) -> tuple[bytes, float]:
        """Return the next bytes, none at the end, and the seconds we waited for them."""
        content = self._raw.content
        piece = self._early.popleft() if self._early else content.read_nowait()
        if piece or content.at_eof():
            return piece, 0.0
        began = anyio.current_time()
        with anyio.move_on_after(self._patience):
            piece = await content.readany()
            return piece, anyio.current_time() - began
        raise Stalled(f"{self.origin}: no bytes for {self._patience:g} s")

    def _left_over(self) -> list[bytes]:
        """Return what arrived before the break; aiohttp would drop it (rule 32)."""
        content = self._raw.content
        content._exception = None  # noqa: SLF001 - there is no public way past it
        pieces = [*self._early, content.read_nowait()]
        self._early.clear()
        return [piece for piece in pieces if piece]

    @property
    def _length(self) -> int | None:
        length = self.headers.get("Content-Length")
        return None if length is None else int(length)

    @property
    def _ends_with_connection(self) -> bool:
        return self._length is None and "Transfer-Encoding" not in self.headers


def check_head(raw: ClientResponse, trail: Trail) -> None:
    """Refuse what aiohttp lets pass, though it makes the end of the body a matter of opinion.

    Raises:
        Garbled: A coding nobody asked for, a switch of protocols, a field name with a blank, or
            two different redirects.
        BadReply: Two different ranges.
    """
    origin = trail.url.origin
    codings = raw.headers.getall("Transfer-Encoding", ["chunked"])
    if [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise Garbled(f"{origin}: the reply has a transfer coding that nobody asked for")
    if raw.status < 200:
        raise Garbled(f"{origin}: the reply has the status {raw.status}")
    if any(name != name.strip() for name in raw.headers):
        raise Garbled(f"{origin}: the reply has a malformed field name")
    if len(set(raw.headers.getall("Location", ()))) > 1:
        raise Garbled(f"{origin}: the reply has more than one Location")
    if len(set(raw.headers.getall("Content-Range", ()))) > 1:
        raise BadReply(f"{origin}: the reply has more than one Content-Range")
