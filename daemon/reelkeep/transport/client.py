"""The HTTP client behind `ports.Transport`.

It sends what `core.redirects` decides to whom `core.addresses` permits, and translates whatever
goes wrong. It knows nothing of files, never retries by itself, and keeps no cookies.

    a large file, a range, a     each request has a connection of its own (`direct`), which nobody
    file of unpromised size      but its one reader ever reads
    what changes something       aiohttp asks and reads, each time on a new connection (`pooled`)
    all else                     aiohttp asks and reads, on kept connections, however large it is
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from types import TracebackType
from typing import Self

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict

from reelkeep.core import redirects
from reelkeep.core.redirects import Trail
from reelkeep.core.urls import Origin, parse
from reelkeep.errors import Refused
from reelkeep.ports import Reply, Request
from reelkeep.transport import direct
from reelkeep.transport.dialer import Dialer, Proxy
from reelkeep.transport.direct import DirectClient
from reelkeep.transport.options import TransportOptions
from reelkeep.transport.owned import OwnedReply
from reelkeep.transport.pooled import PooledClient
from reelkeep.transport.reply import AiohttpReply, check_head
from reelkeep.transport.resolver import PolicyResolver
from reelkeep.transport.slots import Slots
from reelkeep.transport.tls import Trust

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
        trail: Trail | None = redirects.begin(parse(request.url), kin=request.kin)
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
    return (request.expects or 0) >= direct.DIRECT_FROM


def _next_hop(request: Request, trail: Trail, reply: AiohttpReply | OwnedReply) -> Trail | None:
    if not request.follow or request.method != "GET":
        return None
    return redirects.follow(trail, reply.status, reply.headers.get("Location"))


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
