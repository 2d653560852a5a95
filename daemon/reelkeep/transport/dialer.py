"""Make connections that one reader owns: look up, connect, pass the proxy, speak TLS."""

from __future__ import annotations

import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import anyio
from aiohappyeyeballs import start_connection
from aiohttp.abc import AbstractResolver, ResolveResult
from cachetools import TTLCache

from reelkeep.core.addresses import AddressPolicy, Origin, Url, parse
from reelkeep.errors import Refused, TransferError, Unreachable
from reelkeep.transport.connection import Connection
from reelkeep.transport.exchange import Exchange
from reelkeep.transport.faults import translated
from reelkeep.transport.options import Trust


class PolicyResolver(AbstractResolver):
    """Resolves for connections of one scheme; the pool of connections keeps schemes apart too."""

    def __init__(self, inner: AbstractResolver, policy: AddressPolicy, scheme: str) -> None:
        self._inner = inner
        self._policy = policy
        self._scheme = scheme

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the permitted addresses of `host`.

        Raises:
            Refused: It has addresses, and none may be used.
        """
        origin = Origin(self._scheme, host.lower(), port)
        results = await self._inner.resolve(host, port, family)
        objections = [
            self._policy.objection(origin, ip_address(result["host"])) for result in results
        ]
        permitted = [
            result
            for result, objection in zip(results, objections, strict=True)
            if objection is None
        ]
        if results and not permitted:
            raise Refused(f"{origin}: {objections[0]}")
        return permitted

    async def close(self) -> None:
        await self._inner.close()


_EYEBALLS = 0.25
"""Seconds after which the next address is tried beside the one before (RFC 8305)."""

_TTL, _NAMES = 300.0, 1000
"""Seconds for which the addresses of a name are remembered, and of how many names at most."""

Resolver = Callable[[str], AbstractResolver]
"""Gives the resolver for connections of one scheme, which knows whom the policy permits."""


class Proxy:
    """The proxy that all connections go through."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.origin = parse(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}").origin
        self.headers: list[tuple[str, str]] = []  #: For the proxy and nobody else.
        if parts.username is not None or parts.password is not None:
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            credentials = b64encode(f"{user}:{password}".encode("latin-1", "replace")).decode()
            self.headers.append(("Proxy-Authorization", f"Basic {credentials}"))


class Dialer:
    """Opens a connection to an origin, by way of the proxy if there is one."""

    def __init__(self, resolver: Resolver, trust: Trust, *, proxy: Proxy | None) -> None:
        self._resolver = resolver
        self._trust = trust
        self._proxy = proxy
        self._known: TTLCache[Origin, list[_Info]] = TTLCache(
            _NAMES, _TTL, timer=anyio.current_time
        )

    @asynccontextmanager
    async def connected(self, origin: Origin, patience: float) -> AsyncIterator[Connection]:
        """Give a connection to `origin` that is nobody else's; it is closed at the end.

        Raises:
            Refused: The policy forbids all its addresses, or its certificate is not accepted.
            Unreachable: There is no connection within `patience` seconds.
        """
        with _within(patience, origin):
            connection = await self._dial(origin)
        try:
            yield connection
        finally:
            connection.close()

    def addressed(self, url: Url) -> tuple[str, list[tuple[str, str]]]:
        """Return what a request for `url` says of it: the target, and fields with the host."""
        host = url.origin.authority.removesuffix(".").replace(".:", ":")
        fields = [("Host", host)]
        if self._proxy is None or url.origin.scheme == "https":
            return url.target, fields
        return url.text, fields + self._proxy.headers

    async def _dial(self, origin: Origin) -> Connection:
        first = origin if self._proxy is None else self._proxy.origin
        connection = Connection(await self._socket(first, origin))
        try:
            if self._proxy is not None:
                await self._pass(connection, self._proxy, origin)
            if origin.scheme == "https":
                await connection.secure(await self._trust.context(), _name(origin))
        except BaseException:
            connection.close()
            raise
        return connection

    async def _pass(self, connection: Connection, proxy: Proxy, origin: Origin) -> None:
        """Have `proxy` connect us with `origin`; plain http needs no tunnel."""
        if proxy.origin.scheme == "https":
            await connection.secure(await self._trust.context(), _name(proxy.origin))
        if origin.scheme == "https":
            exchange = Exchange(connection, origin)
            status = await exchange.tunnel(proxy.headers)
            if status != 200:
                raise Unreachable(f"{origin}: the proxy answered {status}")

    async def _socket(self, first: Origin, origin: Origin) -> socket.socket:
        """Return a socket that is connected with `first`, on the way to `origin`."""
        found = await self._addresses(first, origin)
        try:
            sock = await start_connection(found, happy_eyeballs_delay=_EYEBALLS, interleave=1)
        except BaseException:  # it may be elsewhere by now
            self._known.pop(first, None)
            raise
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _addresses(self, first: Origin, origin: Origin) -> list[_Info]:
        """Return where `first` is: each time another address is the first one, as in the pool.

        So the rest of a file that stalled comes from another machine (rule 55).
        """
        if first.address is not None:
            family = socket.AF_INET6 if first.address.version == 6 else socket.AF_INET
            return [_info(family, str(first.address), first.port)]
        if (known := self._known.get(first)) is not None:
            known.append(known.pop(0))
            return known.copy()
        try:
            resolver = self._resolver(first.scheme)
            found = await resolver.resolve(first.host, first.port, socket.AF_UNSPEC)
        except OSError as error:
            raise _unknown(origin) from error
        if not found:
            raise _unknown(origin)
        infos = [_info(each["family"], each["host"], each["port"]) for each in found]
        infos.append(infos.pop(0))  # the first one has served the pool
        self._known[first] = infos
        return infos.copy()


_Info = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


def _info(family: int, host: str, port: int) -> _Info:
    address = (host, port, 0, 0) if family == socket.AF_INET6 else (host, port)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address


def _name(origin: Origin) -> str:
    """Return whom a certificate must be for."""
    return origin.host.rstrip(".")


def _unknown(origin: Origin) -> Unreachable:
    return Unreachable(f"{origin}: the name could not be resolved")


def _fault(error: OSError | UnicodeError, origin: Origin) -> TransferError:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or "unknown reason"
        return Refused(f"{origin}: its certificate is not accepted: {reason}")
    return translated(error, origin)


@contextmanager
def _within(patience: float, origin: Origin) -> Iterator[None]:
    """Raise what goes wrong on the way to `origin`, or that there is nothing after `patience`."""
    with anyio.move_on_after(patience) as scope:
        try:
            yield
        except (OSError, UnicodeError) as error:
            raise _fault(error, origin) from error
    if scope.cancelled_caught:
        raise Unreachable(f"{origin}: no connection in time")
