"""Requests on connections that aiohttp makes and reads alone; it keeps those of a GET in its pool.

What changes something is asked for on a new connection each time: what a host said unasked on a
kept one can be no reply to it, and aiohttp never sends it twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from weakref import WeakSet

import anyio
from aiohttp import (
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from multidict import CIMultiDict
from yarl import URL

from reelkeep.core.redirects import Trail
from reelkeep.core.urls import Origin
from reelkeep.errors import Refused, Stalled
from reelkeep.ports import Request
from reelkeep.transport.accounting import queued
from reelkeep.transport.connection_watch import Line
from reelkeep.transport.faults import at_the_edge
from reelkeep.transport.limits import MAX_FIELDS, MAX_LINE
from reelkeep.transport.options import TransportOptions
from reelkeep.transport.reply import AiohttpReply, check_size
from reelkeep.transport.tls import Trust

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
        line = Line(raw)
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
