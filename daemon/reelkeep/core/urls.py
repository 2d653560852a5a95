"""Read URLs that strangers wrote, without altering a byte that a signature may cover."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
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
