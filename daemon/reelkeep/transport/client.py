"""The HTTP client behind `ports.Transport`.

It sends what `core.redirects` decides to whom `core.addresses` permits, and translates whatever
goes wrong. It knows nothing of files, never retries by itself, and keeps no cookies.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from types import TracebackType
from typing import Self

import anyio
from aiohttp import (
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    ThreadedResolver,
)
from aiohttp.abc import AbstractResolver
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from anyio.to_thread import run_sync
from multidict import CIMultiDict
from yarl import URL

from reelkeep.core import redirects
from reelkeep.core.redirects import Trail
from reelkeep.core.urls import Origin, parse
from reelkeep.errors import Refused, Stalled
from reelkeep.ports import Reply, Request
from reelkeep.transport.door import Door
from reelkeep.transport.faults import at_the_edge
from reelkeep.transport.line import Line
from reelkeep.transport.options import TransportOptions
from reelkeep.transport.reply import AiohttpReply, check_head
from reelkeep.transport.resolver import PolicyResolver
from reelkeep.transport.slots import Slots
from reelkeep.transport.tls import tls_context

_DNS_TTL = 300
_KEEPALIVE = 30.0
_AGENT = f"reelkeep/{version('reelkeep')}"


class AiohttpTransport:
    """See `ports.Transport`. An async context manager; its connections live as long as it does."""

    def __init__(
        self, options: TransportOptions, *, resolver: AbstractResolver | None = None
    ) -> None:
        """Build a client that looks names up with `resolver`, by default as the system does."""
        self._options = options
        self._timeout = _timeout(options)
        self._resolver = resolver
        self._slots = Slots(options.per_host)
        self._door = Door((os.cpu_count() or 1) + 1)
        self._sessions: dict[str, ClientSession] = {}
        self._opening = anyio.Lock(fast_acquire=True)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """See whom to trust, if more than the system says; each pool opens when it is needed.

        Raises:
            ConfigError: `ca_file` cannot be used.
        """
        if self._options.ca_file is not None:
            await self._opened("https")
        return self

    def adjust(self, options: TransportOptions) -> None:
        """Begin each request as `options` say from now on; those under way go on as they are.

        How the network is reached stays as it is: `proxy`, `ca_file` and `allow`.
        """
        old = self._options
        self._options = replace(options, proxy=old.proxy, ca_file=old.ca_file, allow=old.allow)
        self._timeout = _timeout(options)
        self._slots.resize(options.per_host)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._sessions = {}
        await self._stack.aclose()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        """See `ports.Transport`. A slot of the host is held until the context is left."""
        trail: Trail | None = redirects.begin(parse(request.url), kin=request.kin)
        while trail is not None:
            self._check(trail.url.origin)
            origin = trail.url.origin
            async with (
                self._slots.at(origin.host, origin.port),
                self._sent(request, trail) as (raw, line),
            ):
                check_head(raw, trail)
                here, trail = trail, _next_hop(request, trail, raw)
                if trail is None:
                    yield AiohttpReply(raw, line, here, self._options, self._door)

    @asynccontextmanager
    async def _sent(
        self, request: Request, trail: Trail
    ) -> AsyncIterator[tuple[ClientResponse, Line]]:
        """Give the reply; leaving with its body unread closes the connection (aiohttp#10169)."""
        raw = await self._head(request, trail)
        line = Line(raw)
        try:
            yield raw, line
        finally:
            line.leave()
            raw.close()  # does nothing after the whole body was read

    async def _head(self, request: Request, trail: Trail) -> ClientResponse:
        origin = trail.url.origin
        session = self._sessions.get(origin.scheme) or await self._opened(origin.scheme)
        with at_the_edge(origin), anyio.CancelScope() as scope:
            _WAIT.set(_Wait(scope, self._options.stall_timeout))
            return await session.request(
                request.method,
                _target(trail),
                headers=_headers(request, trail),
                data=request.body,
                allow_redirects=False,
                proxy=self._options.proxy,
                timeout=self._timeout,
            )
        raise Stalled(f"{origin}: no reply in time")

    async def _opened(self, scheme: str) -> ClientSession:
        """Return the pool for `scheme`; to read whom to trust for https takes a while."""
        async with self._opening:
            if scheme not in self._sessions:
                session = _session(await self._connector(scheme))
                self._sessions[scheme] = await self._stack.enter_async_context(session)
        return self._sessions[scheme]

    async def _connector(self, scheme: str) -> TCPConnector:
        proxy = self._options.proxy or ""
        secure = scheme == "https" or proxy.startswith("https:")
        return _Connector(
            ssl=await run_sync(tls_context, self._options.ca_file) if secure else True,
            resolver=self._resolver_for(scheme),
            limit=0,
            ttl_dns_cache=_DNS_TTL,
            keepalive_timeout=_KEEPALIVE,
        )

    def _check(self, origin: Origin) -> None:
        """Judge what no resolver will see: an address in the URL, and all that a proxy resolves."""
        if origin.address is None and self._options.proxy is None:
            return
        objection = self._options.allow.objection(origin, origin.address)
        if objection is not None:
            raise Refused(f"{origin}: {objection}")

    def _resolver_for(self, scheme: str) -> AbstractResolver:
        inner = self._resolver or ThreadedResolver()
        if self._options.proxy is not None:  # only the proxy's own name is looked up by us
            return inner
        return PolicyResolver(inner, self._options.allow, scheme)


class _Connector(TCPConnector):
    """Starts the clock for the head once there is a connection; until then another one runs."""

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the base class has it
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        wait = _WAIT.get()
        wait.scope.deadline = anyio.current_time() + wait.most.total_seconds()
        return connection


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
    )


def _next_hop(request: Request, trail: Trail, raw: ClientResponse) -> Trail | None:
    if not request.follow or request.method != "GET":
        return None
    return redirects.follow(trail, raw.status, raw.headers.get("Location"))


def _target(trail: Trail) -> URL:
    """Return the URL for aiohttp, unaltered, once both parsers agree on whom it names."""
    origin = trail.url.origin
    url = URL(trail.url.text, encoded=True)
    if (url.scheme, url.raw_host, url.port) != (origin.scheme, origin.host, origin.port):
        raise Refused(f"{origin}: the address can be read in two ways")
    return url


def _headers(request: Request, trail: Trail) -> CIMultiDict[str]:
    """Build the headers of one hop from scratch (rule 20)."""
    headers = CIMultiDict(request.headers)
    if trail.trusted:
        headers.update(request.credentials)
    headers["Accept-Encoding"] = "identity"
    headers["User-Agent"] = _AGENT
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise Refused(f"{trail.url.origin}: our header {name} would hold control characters")
    return headers
