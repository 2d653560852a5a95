"""Decide which network addresses may be connected to, and read where to listen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePath
from typing import Self

from reelkeep.core.urls import Address, Origin

_SPECIAL = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network, unspecified
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata services of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
"""IANA's special-purpose IPv4 registry; spelled out, for `is_global` differs between Pythons."""

_GLOBAL6 = IPv6Network("2000::/3")
"""All of IPv6 that is given out; loopback, local, mapped and NAT64 addresses lie outside."""

_SPECIAL6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds any IPv4 address
        "3fff::/20",  # documentation
    )
)


def is_public(address: Address) -> bool:
    """Return whether `address` is an ordinary one of the public internet."""
    if address.version == 4:
        return not any(address in network for network in _SPECIAL)
    return address in _GLOBAL6 and not any(address in network for network in _SPECIAL6)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What `network.allow` exempts: networks, and hosts by their exact name."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> Self:
        """Read `network.allow`. What is neither a network nor an address is a host name.

        Raises:
            ValueError: An entry can be neither.
        """
        networks, hosts = [], set()
        for entry in entries:
            try:
                networks.append(ip_network(entry))
            except ValueError:
                hosts.add(_host_name(entry))
        return cls(tuple(networks), frozenset(hosts))

    def objection(self, origin: Origin, address: Address | None) -> str | None:
        """Return why `origin` must not be reached at `address`, None if it may be.

        Without an address, which only a proxy learns, the name alone is judged.
        """
        if _plain(origin.host) in self.hosts or (address is not None and self._exempts(address)):
            return None
        if origin.scheme != "https":
            return "plain http is kept for what network.allow names"
        if address is not None and not is_public(address):
            return f"{address} is not a public address, and network.allow does not name it"
        return None

    def _exempts(self, address: Address) -> bool:
        return any(address in network for network in self.networks)


def _host_name(entry: str) -> str:
    name = _plain(entry)
    labels = name.split(".")
    if not all(label.replace("-", "").replace("_", "").isalnum() for label in labels):
        raise ValueError(f"neither a network, an address nor a host name: {entry!r}")
    if labels[-1].isdigit() or not name.isascii():
        raise ValueError(f"neither a network, an address nor a host name: {entry!r}")
    return name


def _plain(host: str) -> str:
    return host.lower().removesuffix(".")


_UNIX = "unix:"
_LONGEST_SOCKET = 107  # bytes of a path, unix(7)
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the daemon listens. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SocketFile:
    """Where the daemon listens on this machine only: a Unix socket."""

    path: PurePath

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"


DEFAULT = Endpoint("127.0.0.1", 9477)
"""Where it listens if nothing else is said."""


def parse_endpoint(value: object) -> Endpoint | SocketFile:
    """Return what `HOST:PORT` or `unix:/PATH` means; an IPv6 address stands in brackets.

    Raises:
        ValueError: It is neither; the message says what was expected.
    """
    if isinstance(value, Endpoint | SocketFile):
        return value
    if isinstance(value, str) and value.startswith(_UNIX):
        return SocketFile(_socket_path(value.removeprefix(_UNIX)))
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not _is_host(bare) or (":" in bare) != host.startswith("["):
        raise ValueError(
            "expected HOST:PORT such as 127.0.0.1:9477 or [::1]:9477, or unix:/PATH of a socket"
        )
    if re.fullmatch(r"[0-9]{1,5}", port) is None or int(port) > 65535:
        raise ValueError("expected a port from 0 to 65535 after the colon")
    return Endpoint(bare, int(port))


def _socket_path(text: str) -> PurePath:
    if not text.startswith("/") or text.endswith("/") or not text.isprintable():
        raise ValueError("expected an absolute path such as unix:/run/reelkeep/reelkeep.sock")
    if len(text.encode()) > _LONGEST_SOCKET:
        raise ValueError(f"expected a path of at most {_LONGEST_SOCKET} bytes after unix:")
    return PurePath(text)


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text.lower()) is not None
    return True
