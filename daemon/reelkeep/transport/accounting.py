"""Compare what the kernel received on a connection with what its one reader took from it.

Linux counts the bytes of a TCP connection that arrived in order (`tcpi_bytes_received` in
`TCP_INFO`, RFC 4898). Less those that are still queued, these are the bytes that somebody took.
If that was not us alone, bytes are missing from the middle of what we have, and nothing else would
tell. Where there is no such count, there is no such proof.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios
from dataclasses import dataclass

_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_STATE, _RECEIVED = 0, 128  # offsets in struct tcp_info, linux/tcp.h
_SIZE = _RECEIVED + 8
_CLOSED = 7  # TCP_CLOSE
_AFTER_FIN = frozenset({6, 8, 9, 11})  # TCP_TIME_WAIT, _CLOSE_WAIT, _LAST_ACK, _CLOSING
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Count:
    """What the kernel received of a connection: at least and at most so many bytes were taken."""

    least: int
    most: int

    def difference(self, taken: int) -> int:
        """Return how many bytes more (or fewer, negative) were taken than we took; 0 if none."""
        if taken < self.least:
            return self.least - taken
        return min(0, self.most - taken)


def count_of(sock: socket.socket) -> Count | None:
    """Return how many bytes were taken from `sock`; None if the kernel does not tell.

    Bytes may arrive between two questions. Then the count is not exact; it is asked for again
    a few times, and what is best is returned.
    """
    best: Count | None = None
    for _ in range(_TRIES):
        found = _once(sock)
        if found is None:
            return None
        if best is None or found.most - found.least < best.most - best.least:
            best = found
        if best.most == best.least:
            break
    return best


def taken_at_least(sock: socket.socket) -> int | None:
    """Return how many bytes were taken from `sock` for certain; None if the kernel does not tell.

    Bytes that arrive between the two questions only make it less: it is never too much.
    """
    before = _received(sock)
    waiting = queued(sock)
    return None if before is None or waiting is None else before[0] - waiting


def _once(sock: socket.socket) -> Count | None:
    before = _received(sock)
    waiting = queued(sock)
    after = _received(sock)
    if before is None or after is None or waiting is None:
        return None
    return Count(before[0] - waiting, after[1] - waiting)


def _received(sock: socket.socket) -> tuple[int, int] | None:
    """Return the least and the most bytes that arrived.

    The kernel counts the end of the stream as a byte. On a connection that was reset it does not
    tell whether the end had come before.
    """
    if _TCP_INFO is None:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 256)
    except OSError:
        return None
    if len(info) < _SIZE:
        return None
    state, (received,) = info[_STATE], struct.unpack_from("=Q", info, _RECEIVED)
    if not received:  # nothing came, or a kernel that leaves the field empty
        return None
    if state in _AFTER_FIN:
        return received - 1, received - 1
    return (received - 1, received) if state == _CLOSED else (received, received)


def queued(sock: socket.socket) -> int | None:
    """Return how many bytes came on `sock` that nobody has taken; None if nobody tells."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0])
    except OSError:
        return None
