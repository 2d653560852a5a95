"""A connection that one reader makes, reads and closes; nobody else ever has it.

    who reads      the task that opened it, until the head of the reply is here; then, for a large
                   body, one thread at a time, while that task waits for it
    who closes     the task that opened it, after the last thread has ended
    used for       one request; it is never lent, pooled or used again

So there is no second party that could read, resume or close it (ADR 23). TLS is between two
buffers in memory, so that each byte is counted where it leaves the socket and where it leaves TLS.
"""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import sys
import termios
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from anyio import wait_readable, wait_writable

_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_STATE, _RECEIVED = 0, 128  # offsets in struct tcp_info, linux/tcp.h
_SIZE = _RECEIVED + 8
_CLOSED = 7  # TCP_CLOSE
_AFTER_FIN = frozenset({6, 8, 9, 11})  # TCP_TIME_WAIT, _CLOSE_WAIT, _LAST_ACK, _CLOSING
_TRIES = 5


@dataclass(frozen=True, slots=True)
class KernelCount:
    """What the kernel received of a connection: at least and at most so many bytes were taken."""

    least: int
    most: int

    def difference(self, taken: int) -> int:
        """Return how many bytes more (or fewer, negative) were taken than we took; 0 if none."""
        if taken < self.least:
            return self.least - taken
        return min(0, self.most - taken)


def count_of(sock: socket.socket) -> KernelCount | None:
    """Return how many bytes were taken from `sock`; None if the kernel does not tell.

    Bytes may arrive between two questions. Then the count is not exact; it is asked for again
    a few times, and what is best is returned.
    """
    best: KernelCount | None = None
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


def _once(sock: socket.socket) -> KernelCount | None:
    before = _received(sock)
    waiting = queued(sock)
    after = _received(sock)
    if before is None or after is None or waiting is None:
        return None
    return KernelCount(before[0] - waiting, after[1] - waiting)


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


_CIPHER = 256 << 10
_PIECE = 64 << 10


class Layer(Protocol):
    """What carries bytes: a socket, or TLS over another layer. Nothing here blocks."""

    def receive_into(self, into: memoryview) -> int:
        """Put bytes into `into`; return how many, 0 at the end of the stream.

        Raises:
            BlockingIOError: There are none yet.
        """
        ...

    def put(self, data: bytes) -> None:
        """Take `data` to be sent."""
        ...

    def flush(self) -> None:
        """Send what was put.

        Raises:
            BlockingIOError: Not all of it could be sent yet.
        """
        ...


class Plain:
    """A TCP socket that does not block. It counts the bytes that were `taken` from it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._unsent = b""
        self.taken = 0

    def receive_into(self, into: memoryview) -> int:
        count = self._sock.recv_into(into)
        self.taken += count
        return count

    def put(self, data: bytes) -> None:
        self._unsent += data

    def flush(self) -> None:
        while self._unsent:
            self._unsent = self._unsent[self._sock.send(self._unsent) :]


class Secure:
    """TLS over `lower`; as many records at a time as there are and fit."""

    def __init__(self, lower: Layer, context: ssl.SSLContext, host: str) -> None:
        self._lower = lower
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._read = self._session.read
        self._cipher = memoryview(bytearray(_CIPHER))

    def shake_hands(self) -> None:
        """Go on with the handshake.

        Raises:
            BlockingIOError: The other side has to say something first.
        """
        while True:
            try:
                self._session.do_handshake()
            except ssl.SSLWantReadError:
                self._feed()
            except ssl.SSLError:
                with suppress(OSError):
                    self.flush()  # the alert that says why
                raise
            else:
                break
        self.flush()

    def receive_into(self, into: memoryview) -> int:
        got, size = 0, len(into)
        while not got:
            try:
                while got < size:
                    count: int = self._read(size - got, into[got:])  # type: ignore[assignment]  # typeshed: with a buffer, it is a count
                    if not count:
                        return got
                    got += count
            except ssl.SSLWantReadError:
                if not got:
                    self._feed()
            except ssl.SSLZeroReturnError:  # the other side said that this is the end
                return got
            except OSError:
                if not got:  # what came before is given first; then it fails again
                    raise
        return got

    def put(self, data: bytes) -> None:
        self._session.write(data)

    def flush(self) -> None:
        if self._outgoing.pending:
            self._lower.put(self._outgoing.read())
        self._lower.flush()

    def _feed(self) -> None:
        """Pass cipher text on, and any answer that TLS itself has to give."""
        self.flush()
        count = self._lower.receive_into(self._cipher)
        if count:
            self._incoming.write(self._cipher[:count])
        else:
            self._incoming.write_eof()


class Connection:
    """A connected socket `sock`, and the layers over it. Whoever makes it closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = 0  #: Bytes that left the topmost layer.
        self._plain = Plain(sock)
        self._top: Layer = self._plain
        self._buffer = memoryview(bytearray(_PIECE))

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on, with whoever proves to be `host`."""
        self._top = secure = Secure(self._top, context, host)
        while True:
            try:
                return secure.shake_hands()
            except BlockingIOError:
                await self._ready()

    async def send(self, data: bytes) -> None:
        """Send all of `data`."""
        self._top.put(data)
        while True:
            try:
                return self._top.flush()
            except BlockingIOError:
                await wait_writable(self.sock)

    async def receive(self, most: int | None = None) -> bytes:
        """Return the next bytes, at most so many, none at the end of the stream."""
        while True:
            try:
                count = self.receive_into(self._buffer[:most])
            except BlockingIOError:
                await wait_readable(self.sock)
            else:
                return bytes(self._buffer[:count])

    def receive_into(self, into: memoryview) -> int:
        """See `Layer.receive_into`."""
        count = self._top.receive_into(into)
        self.received += count
        return count

    def lost(self) -> int:
        """Return how many bytes somebody else took from the socket, as the kernel counts.

        0 if nobody did, and where the kernel does not count. Negative: we counted too many.
        """
        count = count_of(self.sock)
        return 0 if count is None else count.difference(self._plain.taken)

    def lost_for_certain(self) -> int:
        """Return how many bytes somebody else took, less those that may just have arrived.

        Cheaper than `lost`, for each of the many times before the end.
        """
        least = taken_at_least(self.sock)
        return 0 if least is None else max(0, least - self._plain.taken)

    def close(self) -> None:
        """Close the connection, whatever is still to come on it."""
        self.sock.close()

    async def _ready(self) -> None:
        """Wait until the handshake can go on."""
        try:
            self._plain.flush()
        except BlockingIOError:
            await wait_writable(self.sock)
        else:
            await wait_readable(self.sock)
