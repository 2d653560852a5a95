"""Plant the old bug: somebody else reads from connections that one reader should own.

Large bodies were once read from connections that aiohttp had lent, and aiohttp could take bytes
from them at any moment (ADR 23). Here a thread does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from unittest.mock import patch
from weakref import ReferenceType, ref

from reelkeep.transport.connection import Plain

_SIZES = (2, 1000, 65_536, 3 * (256 << 10))
"""Bytes taken at a time. Of a connection that was reset, the kernel's count is one byte vague."""

_LATEST = 200
"""Connections that it knows at most."""


@dataclass
class Taken:
    """What the second reader took."""

    times: int = 0
    bytes: int = 0


@contextmanager
def second_reader(draw: Random, *, every: float = 0.005) -> Iterator[Taken]:
    """While inside, take bytes from owned connections, every `every` seconds on average."""
    taken, over, plains = Taken(), threading.Event(), list[ReferenceType[Plain]]()
    made = Plain.__init__

    def remember(plain: Plain, sock: socket.socket) -> None:
        made(plain, sock)
        plains.append(ref(plain))  # as one step, whatever the thread does
        del plains[:-_LATEST]

    def read() -> None:
        while not over.wait(draw.random() * 2 * every):
            known = [each() for each in plains.copy()]
            if there := [each for each in known if each is not None and each.taken > 0]:
                _take(draw.choice(there), draw, taken)

    thread = threading.Thread(target=read, name="second reader")
    with patch.object(Plain, "__init__", remember):
        thread.start()
        try:
            yield taken
        finally:
            over.set()
            thread.join()


def _take(plain: Plain, draw: Random, taken: Taken) -> None:
    try:
        count = len(plain._sock.recv(draw.choice(_SIZES)))
    except OSError:  # there is nothing now, or it is closed
        return
    taken.times += bool(count)
    taken.bytes += count
