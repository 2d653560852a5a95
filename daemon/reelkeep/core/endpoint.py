"""Where the daemon listens, as an operator writes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePath

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
