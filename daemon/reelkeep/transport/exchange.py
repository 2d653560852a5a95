"""Speak HTTP/1.1 on a connection of our own, by h11: one request, one reply."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import h11
from multidict import CIMultiDict, CIMultiDictProxy

from reelkeep.core.addresses import Origin
from reelkeep.errors import BadReply, Garbled, Unreachable
from reelkeep.transport.connection import Connection
from reelkeep.transport.options import MAX_FIELDS, MAX_HEAD, MAX_LINE, TOO_LONG

_UNREADABLE = "the reply is not readable as HTTP"
_BEGINNING = b"HTTP/1."
_LENGTHS = re.compile(rb"^content-length[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOO_LARGE = 431
_EMPTY = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a reply: `size` bytes, with all interim replies before it."""

    status: int
    headers: CIMultiDictProxy[str]
    length: int | None  #: Bytes of the body; None: it says itself where it ends.
    size: int


class Exchange:
    """One request and its reply on `connection`. `ask` comes first, `head` next, then the body.

    A body of known length is what comes next on the connection, after `early`; any other is read
    by `piece`.
    """

    def __init__(self, connection: Connection, origin: Origin) -> None:
        self._connection = connection
        self._origin = origin
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._ended = False
        self.early = b""  #: What came with the head, if the length of the body is known.

    async def ask(self, target: str, headers: Sequence[tuple[str, str]]) -> None:
        """Send a GET."""
        request = h11.Request(method="GET", target=target, headers=list(headers))
        await self._connection.send(self._encoded(request))

    async def tunnel(self, headers: Sequence[tuple[str, str]]) -> int:
        """Ask a proxy for a tunnel to the origin; return the status it answers."""
        whom = _with_port(self._origin)
        fields = [("Host", whom), *headers]
        request = h11.Request(method="CONNECT", target=whom, headers=fields)
        await self._connection.send(self._encoded(request))
        event, _ = await self._final()
        return event.status_code

    async def head(self) -> Head:
        """Return the head of the reply.

        Raises:
            Garbled: It is not HTTP, contradicts itself, or is too long.
            Unreachable: The connection was closed before it was complete.
        """
        event, raw = await self._final()
        headers = _fields(event)
        self._check(headers, raw, event.http_version)
        length = _length(event.status_code, headers)
        after = self._http.trailing_data[0]
        if length is not None:
            self.early = after
        size = self._connection.received - len(after)
        return Head(event.status_code, CIMultiDictProxy(headers), length, size)

    async def piece(self) -> bytes:
        """Return the next bytes of a body without a known length, none at its end.

        Raises:
            BadReply: The framing is broken.
            Unreachable: The stream ended within it.
        """
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise self._broken(error) from None
            if isinstance(event, h11.Data):
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage):
                return b""
            self._take(await self._connection.receive())

    def _encoded(self, request: h11.Request) -> bytes:
        begin, end = self._http.send(request), self._http.send(h11.EndOfMessage())
        return (begin or b"") + (end or b"")

    async def _final(self) -> tuple[h11.Response, bytes]:
        """Return the reply that is not interim, and its head as it came."""
        raw = bytearray()
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise self._garbled(error) from None
            if isinstance(event, h11.InformationalResponse):
                raw[:] = self._http.trailing_data[0]
            elif isinstance(event, h11.Response):
                return event, bytes(raw[: len(raw) - len(self._http.trailing_data[0])])
            else:
                piece = await self._connection.receive()
                raw += piece
                if not _BEGINNING.startswith(raw[: len(_BEGINNING)]):
                    raise Garbled(f"{self._origin}: {_UNREADABLE}")
                self._take(piece)

    def _take(self, piece: bytes) -> None:
        self._ended = not piece
        self._http.receive_data(piece)

    def _check(self, headers: CIMultiDict[str], raw: bytes, version: bytes) -> None:
        """Refuse what h11 reads in one of two ways, and what is longer than we allow."""
        longest = max(map(len, raw.splitlines()), default=0)
        if len(raw) > MAX_HEAD or longest > MAX_LINE or len(headers) > MAX_FIELDS:
            raise Garbled(f"{self._origin}: {TOO_LONG}")
        lengths = _LENGTHS.findall(raw)
        doubtful = len(lengths) > 1 or b"," in b"".join(lengths)
        doubtful = doubtful or bool(lengths and "Transfer-Encoding" in headers)
        if doubtful or any(_CONTROL.search(value) for value in headers.values()):
            raise Garbled(f"{self._origin}: {_UNREADABLE}")
        if version == b"1.0" and "Transfer-Encoding" in headers:  # RFC 9112 section 6.1
            raise Garbled(f"{self._origin}: {_UNREADABLE}")

    def _garbled(self, error: h11.RemoteProtocolError) -> Garbled | Unreachable:
        if self._ended:
            return Unreachable(f"{self._origin}: the connection was closed before the reply")
        too_long = error.error_status_hint == _TOO_LARGE
        return Garbled(f"{self._origin}: {TOO_LONG if too_long else _UNREADABLE}")

    def _broken(self, error: h11.RemoteProtocolError) -> BadReply | Unreachable:
        if self._ended:
            return Unreachable(f"{self._origin}: the stream ended too early")
        if error.error_status_hint == _TOO_LARGE:
            return BadReply(f"{self._origin}: a chunk's head or the trailers are too long")
        return BadReply(f"{self._origin}: {_UNREADABLE}")


def _fields(event: h11.Response) -> CIMultiDict[str]:
    return CIMultiDict(
        (name.decode("ascii"), value.decode("utf-8", "surrogateescape"))
        for name, value in event.headers.raw_items()
    )


def _length(status: int, headers: CIMultiDict[str]) -> int | None:
    if status in _EMPTY:
        return 0
    length = headers.get("Content-Length")
    return None if length is None else int(length)


def _with_port(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}:{origin.port}"
