"""One reply that aiohttp reads: its head, and its body as aiohttp's own pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiohttp import ClientResponse
from multidict import CIMultiDictProxy

from reelkeep.core.redirects import Trail
from reelkeep.core.stall import StallMeter
from reelkeep.core.urls import Origin
from reelkeep.errors import BadReply, Garbled, Stalled, Unreachable, WrongBytes
from reelkeep.transport.connection_watch import Line
from reelkeep.transport.faults import FOREIGN, root, translated
from reelkeep.transport.limits import MAX_HEAD, TOO_LONG
from reelkeep.transport.options import TransportOptions


class AiohttpReply:
    """See `ports.Reply`. The body is aiohttp's own pieces, neither copied nor cut.

    Nobody but aiohttp ever reads the connection: it belongs to a pool, and may serve another
    request as soon as the end of this body has arrived, before anybody has read it.
    """

    def __init__(
        self, raw: ClientResponse, line: Line, trail: Trail, options: TransportOptions
    ) -> None:
        self._raw = raw
        self._line = line
        self._trail = trail
        self._patience = options.stall_timeout.total_seconds()
        self._meter = StallMeter(options.stall_timeout, options.stall_rate)
        self._given = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} from {self.origin}>"

    @property
    def status(self) -> int:
        return self._raw.status

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        return self._raw.headers

    @property
    def origin(self) -> str:
        return str(self._trail.url.origin)

    @property
    def hops(self) -> int:
        return self._trail.hops

    @property
    def given(self) -> int:
        return self._given

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """See `ports.Reply`; the bytes that came before a break are yielded before its error."""
        try:
            while True:
                piece, waited = await self._next()
                if not piece:
                    break
                yield piece
                if self._meter.record(waited, len(piece)) and self._given != self._length:
                    raise Stalled(f"{self.origin}: the body comes too slowly")
        except FOREIGN as error:
            rest = self._left_over()
            if rest:
                yield rest
            if self._given != self._length:  # all came, and then it broke: aiohttp#13348
                raise translated(error, self._trail.url.origin) from root(error)
        if self._ends_with_connection and self._line.was_cut:
            raise Unreachable(f"{self.origin}: the connection was reset in the body")

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[None]:
        """See `ports.Reply`: this body is for `chunks`."""
        yield None

    async def _next(self) -> tuple[bytes, float]:
        """Return the next bytes, none at the end, and the seconds we waited for them."""
        content = self._raw.content
        piece = content.read_nowait()
        if piece or content.at_eof():
            return self._counted(piece), 0.0
        began = anyio.current_time()
        with anyio.move_on_after(self._patience):
            piece = await content.readany()
            return self._counted(piece), anyio.current_time() - began
        raise Stalled(f"{self.origin}: no bytes for {self._patience:g} s")

    def _counted(self, piece: bytes) -> bytes:
        """Count what aiohttp gave; it gives all it has, so that this is what its parser counted.

        Raises:
            WrongBytes: Somebody else has read this body, too.
        """
        self._given += len(piece)
        parsed = self._raw.content.total_bytes
        if parsed != self._given:
            raise WrongBytes(f"{self.origin}: {parsed} bytes were parsed, {self._given} were read")
        return piece

    def _left_over(self) -> bytes:
        """Return what arrived before the break; aiohttp would drop it (rule 32)."""
        content = self._raw.content
        content._exception = None  # noqa: SLF001 - there is no public way past it
        return self._counted(content.read_nowait())

    @property
    def _length(self) -> int | None:
        length = self.headers.get("Content-Length")
        return None if length is None else int(length)

    @property
    def _ends_with_connection(self) -> bool:
        return self._length is None and "Transfer-Encoding" not in self.headers


def check_size(raw: ClientResponse, origin: Origin) -> None:
    """Refuse a head that is longer in all than we allow; aiohttp looks at single fields only.

    Raises:
        Garbled: It is.
    """
    if sum(len(name) + len(value) + 4 for name, value in raw.raw_headers) > MAX_HEAD:
        raise Garbled(f"{origin}: {TOO_LONG}")


def check_head(status: int, headers: CIMultiDictProxy[str], origin: Origin) -> None:
    """Refuse what a library lets pass, though it makes the end of the body a matter of opinion.

    Raises:
        Garbled: A coding nobody asked for, a switch of protocols, a field name with a blank, or
            two different redirects.
        BadReply: Two different ranges.
    """
    codings = headers.getall("Transfer-Encoding", ["chunked"])
    if [coding.strip().lower() for coding in codings] != ["chunked"]:
        raise Garbled(f"{origin}: the reply has a transfer coding that nobody asked for")
    if status < 200:
        raise Garbled(f"{origin}: the reply has the status {status}")
    if any(name != name.strip() for name in headers):
        raise Garbled(f"{origin}: the reply has a malformed field name")
    if len(set(headers.getall("Location", ()))) > 1:
        raise Garbled(f"{origin}: the reply has more than one Location")
    if len(set(headers.getall("Content-Range", ()))) > 1:
        raise BadReply(f"{origin}: the reply has more than one Content-Range")
