"""Requests on connections that aiohttp makes and reads alone; it keeps those of a GET in its pool.

What changes something is asked for on a new connection each time: what a host said unasked on a
kept one can be no reply to it, and aiohttp never sends it twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import anyio
from aiohttp import (
    ClientPayloadError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    StreamReader,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from reelkeep.core.addresses import Origin
from reelkeep.core.rates import StallMeter
from reelkeep.core.replies import Trail
from reelkeep.errors import BadReply, Garbled, Refused, Stalled, Unreachable, WrongBytes
from reelkeep.ports import Request
from reelkeep.transport.connection import queued
from reelkeep.transport.faults import FOREIGN, at_the_edge, root, translated
from reelkeep.transport.options import (
    MAX_FIELDS,
    MAX_HEAD,
    MAX_LINE,
    TOO_LONG,
    TransportOptions,
    Trust,
)


class ConnectionWatch:
    """The connection of one reply, from its head until it is closed or goes back to the pool.

    aiohttp 3.14 is silent in two cases. When a later chunk has a broken frame, it drops the
    connection, but the reader waits on. When a body that ends with its connection is reset, the
    reader sees an ordinary end. Both are in `ResponseHandler.closed`.
    """

    def __init__(self, raw: ClientResponse) -> None:
        self._content: StreamReader = raw.content
        self._protocol = _protocol(raw)
        self._closed = None if self._protocol is None else self._protocol.closed
        if self._closed is not None:
            self._closed.add_done_callback(self._lost)

    @property
    def was_cut(self) -> bool:
        """The connection ended by an error, not by being closed."""
        closed = self._closed
        return closed is not None and closed.done() and closed.exception() is not None

    def leave(self) -> None:
        """Stop watching; a pooled connection must not collect its former replies."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
            self._closed.remove_done_callback(_heard)
            self._closed.add_done_callback(_heard)

    def _lost(self, closed: asyncio.Future[None]) -> None:
        _heard(closed)
        if self._content.is_eof() or self._content.exception() is not None:
            return
        fault = None if self._protocol is None else self._protocol.exception()
        self._content.set_exception(fault or ClientPayloadError())


def _protocol(raw: ClientResponse) -> ResponseHandler | None:
    return None if raw.connection is None else raw.connection.protocol


def _heard(closed: asyncio.Future[None]) -> None:
    """Take note of how a connection ended, or asyncio complains that nobody did."""
    if not closed.cancelled():
        closed.exception()


class AiohttpReply:
    """See `ports.Reply`. The body is aiohttp's own pieces, neither copied nor cut.

    Nobody but aiohttp ever reads the connection: it belongs to a pool, and may serve another
    request as soon as the end of this body has arrived, before anybody has read it.
    """

    def __init__(
        self, raw: ClientResponse, line: ConnectionWatch, trail: Trail, options: TransportOptions
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


_DNS_TTL = 300
_KEEPALIVE = 30.0


class PooledClient:
    """Asks by aiohttp. `close` ends all its connections."""

    def __init__(
        self, resolver: Callable[[str], AbstractResolver], trust: Trust, *, proxy: str | None
    ) -> None:
        self._resolver = resolver
        self._trust = trust
        self._proxy = proxy
        self._sessions: dict[tuple[str, bool], ClientSession] = {}
        self._opening = anyio.Lock(fast_acquire=True)
        self._stack = AsyncExitStack()

    async def close(self) -> None:
        """Close every connection."""
        self._sessions = {}
        await self._stack.aclose()

    @asynccontextmanager
    async def asked(
        self, request: Request, trail: Trail, headers: CIMultiDict[str], options: TransportOptions
    ) -> AsyncIterator[AiohttpReply]:
        """Give the reply; leaving with its body unread closes the connection (aiohttp#10169)."""
        raw = await self._head(request, trail, headers, options)
        line = ConnectionWatch(raw)
        try:
            check_size(raw, trail.url.origin)
            yield AiohttpReply(raw, line, trail, options)
        finally:
            line.leave()
            raw.close()  # does nothing after the whole body was read

    async def _head(
        self, request: Request, trail: Trail, headers: CIMultiDict[str], options: TransportOptions
    ) -> ClientResponse:
        origin = trail.url.origin
        which = origin.scheme, request.method == "GET" and request.body is None
        session = self._sessions.get(which) or await self._opened(*which)
        with at_the_edge(origin), anyio.CancelScope() as scope:
            _WAIT.set(_Wait(scope, options.stall_timeout))
            return await session.request(
                request.method,
                _target(trail),
                headers=headers,
                data=request.body,
                allow_redirects=False,
                proxy=self._proxy,
                timeout=_timeout(options),
            )
        raise Stalled(f"{origin}: no reply in time")

    async def _opened(self, scheme: str, keeps: bool) -> ClientSession:  # noqa: FBT001 - as the key has it
        """Return the pool for `scheme`; to read whom to trust for https takes a while."""
        which = scheme, keeps
        async with self._opening:
            if which not in self._sessions:
                session = _session(await self._connector(scheme, keeps=keeps))
                self._sessions[which] = await self._stack.enter_async_context(session)
        return self._sessions[which]

    async def _connector(self, scheme: str, *, keeps: bool) -> TCPConnector:
        secure = scheme == "https" or (self._proxy or "").startswith("https:")
        return _Connector(
            ssl=await self._trust.context() if secure else True,
            resolver=self._resolver(scheme),
            limit=0,
            ttl_dns_cache=_DNS_TTL,
            **({"keepalive_timeout": _KEEPALIVE} if keeps else {"force_close": True}),
        )


class _Connector(TCPConnector):
    """Gives only connections on which nothing came unasked, and starts the clock for the head.

    aiohttp takes what a host says on a connection in the pool for the reply to the next request.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the base class has it
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        while self._has_unasked(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        wait = _WAIT.get()
        wait.scope.deadline = anyio.current_time() + wait.most.total_seconds()
        return connection

    def _has_unasked(self, connection: Connection) -> bool:
        """Return whether bytes came since the last reply, or are in the kernel."""
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            return False
        if protocol not in self._used:  # what comes first may belong to TLS
            self._used.add(protocol)
            return False
        sock = transport.get_extra_info("socket")
        return protocol.should_close or bool(sock is not None and queued(sock))


@dataclass(frozen=True, slots=True)
class _Wait:
    """The wait for one head, and how long it may take."""

    scope: anyio.CancelScope
    most: timedelta


_WAIT: ContextVar[_Wait] = ContextVar("wait for a head")
"""Of the task that asks: aiohttp connects for a request in the task that makes it."""


def _timeout(options: TransportOptions) -> ClientTimeout:
    patience = options.connect_timeout.total_seconds()
    return ClientTimeout(total=None, connect=patience, sock_connect=patience)


def _session(connector: TCPConnector) -> ClientSession:
    return ClientSession(
        connector=connector,
        auto_decompress=False,
        requote_redirect_url=False,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_FIELDS,
    )


def _target(trail: Trail) -> URL:
    """Return the URL for aiohttp, unaltered, once both parsers agree on whom it names."""
    origin: Origin = trail.url.origin
    url = URL(trail.url.text, encoded=True)
    if (url.scheme, url.raw_host, url.port) != (origin.scheme, origin.host, origin.port):
        raise Refused(f"{origin}: the address can be read in two ways")
    return url
