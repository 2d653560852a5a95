"""Where the daemon listens, as an operator writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the daemon listens. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


DEFAULT = Endpoint("127.0.0.1", 9477)
"""Where it listens if nothing else is said."""


def parse_endpoint(value: object) -> Endpoint:
    """Return what `HOST:PORT` means; an IPv6 address stands in brackets.

    Raises:
        ValueError: It is none; the message says what was expected.
    """
    if isinstance(value, Endpoint):
        return value
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not _is_host(bare) or (":" in bare) != host.startswith("["):
        raise ValueError("expected HOST:PORT such as 127.0.0.1:9477 or [::1]:9477")
    if re.fullmatch(r"[0-9]{1,5}", port) is None or int(port) > 65535:
        raise ValueError("expected a port from 0 to 65535 after the colon")
    return Endpoint(bare, int(port))


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text.lower()) is not None
    return True
