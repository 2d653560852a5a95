"""Ask a daemon on this machine for one of its pages."""

from __future__ import annotations

import os
import socket
from http.client import HTTPConnection, HTTPException
from pathlib import Path, PurePath

from reelkeep.core.addresses import Endpoint, SocketFile

_MOST = 4 << 20
_SECONDS = 2.0


class Unanswered(Exception):
    """No daemon gave an answer; the text says why."""


def ask(at: Endpoint | SocketFile, path: str) -> tuple[int, bytes]:
    """Return status and body of the page `path` of the daemon that listens `at`.

    It is asked directly, whatever proxy the environment names. This blocks, for a few seconds at
    the most.

    Raises:
        Unanswered: There is none, or it does not speak.
    """
    connection = _connection(at)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read(_MOST)
    except (OSError, HTTPException) as error:
        raise Unanswered(f"nothing answers on {at}: {error}") from error
    finally:
        connection.close()


def same_catalog(ours: str | PurePath, theirs: object) -> bool:
    """Return whether both name one file, however they are spelled."""
    if str(ours) == str(theirs):
        return True
    try:
        return Path(ours).samefile(str(theirs))
    except (OSError, ValueError):
        return os.path.normpath(str(ours)) == os.path.normpath(str(theirs))


def _connection(at: Endpoint | SocketFile) -> HTTPConnection:
    if isinstance(at, SocketFile):
        return _Local(at.path)
    return HTTPConnection(at.host, at.port, timeout=_SECONDS)


class _Local(HTTPConnection):
    """A connection over a Unix socket."""

    def __init__(self, path: PurePath) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))
