"""The HTTP client behind `ports.Transport`.

It sends what `core.replies` decides to whom `core.addresses` permits, and translates whatever
goes wrong. It knows nothing of files, never retries by itself, and keeps no cookies.

    a large file, a range, a     each request has a connection of its own (`direct`), which nobody
    file of unpromised size      but its one reader ever reads
    what changes something       aiohttp asks and reads, each time on a new connection (`pooled`)
    all else                     aiohttp asks and reads, on kept connections, however large it is
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from types import TracebackType
from typing import Self

import anyio
from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict

from reelkeep.core import replies
from reelkeep.core.addresses import Origin, parse
from reelkeep.core.replies import Trail
from reelkeep.errors import Refused, Stalled
from reelkeep.ports import Reply, Request
from reelkeep.transport.bandwidth import Slots
from reelkeep.transport.dialer import Dialer, PolicyResolver, Proxy
from reelkeep.transport.direct_reader import Body, OwnedReply, ReaderSlots
from reelkeep.transport.exchange import Exchange
from reelkeep.transport.faults import at_the_edge
from reelkeep.transport.options import TransportOptions, Trust
from reelkeep.transport.pooled import AiohttpReply, PooledClient, check_head

DIRECT_FROM = 1 << 20
"""Bytes from which a body is worth a connection of its own."""


class DirectClient:
    """Asks by h11, each time on a new connection, which ends with the reply."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._door = ReaderSlots((os.cpu_count() or 1) + 1)

    @asynccontextmanager
    async def asked(
        self, trail: Trail, headers: CIMultiDict[str], options: TransportOptions
    ) -> AsyncIterator[OwnedReply]:
        """Give the reply to a GET; leaving closes the connection."""
        origin = trail.url.origin
        patience = options.connect_timeout.total_seconds()
        async with self._dialer.connected(origin, patience) as connection:
            exchange = Exchange(connection, origin)
            with _in_time(origin, options.stall_timeout):
                target, addressed = self._dialer.addressed(trail.url)
                fields = [*addressed, *headers.items(), ("Connection", "close")]
                await exchange.ask(target, fields)
                head = await exchange.head()
            body = Body(connection, exchange, head, origin)
            yield OwnedReply(head, body, trail, options=options, door=self._door)


@contextmanager
def _in_time(origin: Origin, most: timedelta) -> Iterator[None]:
    """Raise what goes wrong until the head of a reply is here, or that it does not come."""
    with at_the_edge(origin), anyio.move_on_after(most.total_seconds()) as scope:
        yield
    if scope.cancelled_caught:
        raise Stalled(f"{origin}: no reply in time")


_AGENT = f"reelkeep/{version('reelkeep')}"


class AiohttpTransport:
    """See `ports.Transport`. An async context manager; its connections live as long as it does."""

    def __init__(
        self, options: TransportOptions, *, resolver: AbstractResolver | None = None
    ) -> None:
        """Build a client that looks names up with `resolver`, by default as the system does."""
        self._options = options
        self._resolver = resolver
        self._slots = Slots(options.per_host)
        self._trust = Trust(options.ca_file)
        proxy = None if options.proxy is None else Proxy(options.proxy)
        self._pooled = PooledClient(self._resolver_for, self._trust, proxy=options.proxy)
        self._direct = DirectClient(Dialer(self._resolver_for, self._trust, proxy=proxy))

    async def __aenter__(self) -> Self:
        """See whom to trust, if more than the system says; each pool opens when it is needed.

        Raises:
            ConfigError: `ca_file` cannot be used.
        """
        if self._options.ca_file is not None:
            await self._trust.context()
        return self

    def adjust(self, options: TransportOptions) -> None:
        """Begin each request as `options` say from now on; those under way go on as they are.

        How the network is reached stays as it is: `proxy`, `ca_file` and `allow`.
        """
        old = self._options
        self._options = replace(options, proxy=old.proxy, ca_file=old.ca_file, allow=old.allow)
        self._slots.resize(options.per_host)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pooled.close()

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        """See `ports.Transport`. A slot of the host is held until the context is left."""
        trail: Trail | None = replies.begin(parse(request.url), kin=request.kin)
        while trail is not None:
            origin = trail.url.origin
            self._check(origin)
            async with (
                self._slots.at(origin.host, origin.port),
                self._asked(request, trail) as reply,
            ):
                check_head(reply.status, reply.headers, origin)
                trail = _next_hop(request, trail, reply)
                if trail is None:
                    yield reply

    def _asked(
        self, request: Request, trail: Trail
    ) -> AbstractAsyncContextManager[AiohttpReply | OwnedReply]:
        """Send one request, to where `trail` leads."""
        headers = _headers(request, trail)
        if _is_apart(request):
            return self._direct.asked(trail, headers, self._options)
        return self._pooled.asked(request, trail, headers, self._options)

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


def _is_apart(request: Request) -> bool:
    """Return whether the reply to `request` has a connection of its own."""
    if request.method != "GET" or request.body is not None:
        return False
    if request.is_file and request.expects is None:
        return True
    return (request.expects or 0) >= DIRECT_FROM


def _next_hop(request: Request, trail: Trail, reply: AiohttpReply | OwnedReply) -> Trail | None:
    if not request.follow or request.method != "GET":
        return None
    return replies.follow(trail, reply.status, reply.headers.get("Location"))


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
