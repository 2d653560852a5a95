"""Read URLs that strangers wrote, and decide which network addresses may be connected to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import PurePath
from typing import Self
from urllib.parse import quote, urljoin

from reelkeep.errors import Refused

MAX_LENGTH = 16 * 1024
"""Longer URLs are refused (bytes, after escaping)."""

Address = IPv4Address | IPv6Address

_PORTS = {"http": 80, "https": 443}
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?:#.*)?"
)
_AUTHORITY = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?)"
    r"(?::(?P<port>\d{0,5}))?"
)
_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_FOREIGN = re.compile(r"[^\x21-\x7e]+")
_NUMERIC = re.compile(r"(?:.*\.)?(?:\d+|0[xX][0-9A-Fa-f]*)\.?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a credential belongs to (RFC 6454), and all we ever log."""

    scheme: str
    host: str  #: Lower case; an IPv6 address without brackets.
    port: int

    @property
    def address(self) -> Address | None:
        """The host as an address, None for a name."""
        return _address(self.host)

    @property
    def authority(self) -> str:
        """Host and port as a URL writes them, a default port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute http or https URL without user, password and fragment."""

    origin: Origin
    target: str = field(repr=False)  #: Path and query, byte for byte as they were given.

    @property
    def text(self) -> str:
        """The whole URL: a secret, where its query is signed."""
        return f"{self.origin}{self.target}"


def parse(text: str) -> Url:
    """Read an absolute URL; what is not ASCII is escaped, nothing else is touched.

    Raises:
        Refused: It is no http(s) URL, holds control characters, a user or a password, or is
            too long. The message never quotes it.
    """
    match = _URL.fullmatch(_escaped(text))
    if match is None:
        raise Refused("the address is not an absolute URL")
    scheme = match["scheme"].lower()
    if scheme not in _PORTS:
        raise Refused("the address is neither https nor http")
    if "@" in match["authority"]:
        raise Refused("the address holds a user or a password")
    origin = _origin(scheme, match["authority"])
    rest = match["rest"]
    return Url(origin, rest if rest.startswith("/") else f"/{rest}")


def resolve(base: Url, location: str) -> Url:
    """Return where `location`, found in a reply from `base`, leads (RFC 3986 section 5).

    Raises:
        Refused: As for `parse`.
    """
    reference = _escaped(location)
    if _ABSOLUTE.match(reference):
        return parse(reference)
    if reference.startswith("//"):
        return parse(f"{base.origin.scheme}:{reference}")
    if reference.startswith("/"):
        return parse(f"{base.origin}{reference}")
    return parse(urljoin(base.text, reference))


@lru_cache(maxsize=256)
def _address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _escaped(text: str) -> str:
    """Return `text` with spaces and non-ASCII characters as escaped UTF-8, as browsers do."""
    text = text.strip(" ")
    if _UNSAFE.search(text):
        raise Refused("the address holds control characters")
    try:
        escaped = _FOREIGN.sub(lambda run: quote(run[0].encode("utf-8", "surrogateescape")), text)
    except UnicodeEncodeError:
        raise Refused("the address holds half a character") from None
    if len(escaped) > MAX_LENGTH:
        raise Refused(f"the address is longer than {MAX_LENGTH} bytes")
    return escaped


@lru_cache(maxsize=256)
def _origin(scheme: str, authority: str) -> Origin:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise Refused("the address has no readable host and port")
    port = int(match["port"] or _PORTS[scheme])
    if not 0 < port < 1 << 16:
        raise Refused("the address has an impossible port")
    return Origin(scheme, _host(match["host"]), port)


def _host(text: str) -> str:
    """Return a host in lower case; `127.1` and other nicknames of addresses are refused."""
    if text.startswith("[") or _NUMERIC.fullmatch(text):
        try:
            return str(ip_address(text.strip("[]")))
        except ValueError:
            raise Refused("the address has a host that is no proper IP address") from None
    return text.lower()


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
