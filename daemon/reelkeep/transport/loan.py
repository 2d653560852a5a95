"""Borrow the connection beneath a reply from aiohttp and asyncio, and give it back.

asyncio reads all sockets in the one thread of its loop. For a large body that thread is the
limit, so the body's connection is lent to a thread of its own: the loop reads it no more, and
what came before is handed over. The public interfaces of asyncio and aiohttp do not provide for
that. All that is known here of their inside is in this module; where it is not as expected, as
with another event loop, nothing is borrowed, and the body is read as ever.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, StreamReader
from anyio.lowlevel import checkpoint

_SELECTOR = "asyncio.selector_events"


@dataclass(frozen=True, slots=True)
class Tls:
    """The TLS session of a connection: cipher text goes into one end, plain text comes out."""

    session: ssl.SSLObject
    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO


@dataclass(frozen=True, slots=True)
class Loan:
    """A connection that nobody reads but its borrower. `sock` does not block; it is ours."""

    sock: socket.socket
    tls: Tls | None
    _raw: ClientResponse
    _layers: tuple[asyncio.Transport, ...]

    def give_back(self, *, clean: bool) -> None:
        """End the loan. Only a `clean` connection, with the body read to its end, lives on.

        One that has more to say, though nobody asked, does not: that is no reply to what is asked
        next.
        """
        clean = clean and self._is_silent()
        self.sock.close()
        if not clean:
            self._layers[0].abort()  # TLS would wait for an answer that nobody reads any more
            self._raw.close()
            return
        _resume(self._layers)
        self._raw.content.feed_eof()  # aiohttp puts the connection back into its pool

    def _is_silent(self) -> bool:
        if self.tls is not None and (self.tls.incoming.pending or self.tls.session.pending()):
            return False
        try:
            self.sock.recv(1, socket.MSG_PEEK)  # a byte, or the end
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


async def borrow(raw: ClientResponse) -> tuple[list[bytes], Loan | None]:
    """Take the connection of `raw` over; return also what had come of the body by now.

    Without a loan these bytes are still the next ones, and aiohttp has the rest.
    """
    early = _drain(raw.content)
    layers = _layers(raw)
    if layers is None:
        return early, None
    _pause(layers)
    try:
        await checkpoint()  # a reading that was scheduled already finds the connection paused
    except BaseException:
        _resume(layers)  # torn away: TLS could not end, as it waits for what nobody reads
        raise
    _pause(layers)
    early += _drain(raw.content)
    loan = _lent(raw, layers)
    if loan is None:  # it may be back in its pool: who asks there next must hear an answer
        _resume(layers)
    return early, loan


def _lent(raw: ClientResponse, layers: tuple[asyncio.Transport, ...]) -> Loan | None:
    """Return the loan of a paused connection, None if there is nothing more to be had of it."""
    tls = _tls(layers[-1])
    over = raw.connection is None or raw.content.is_eof() or raw.content.exception() is not None
    if over or (tls is None and len(layers) > 1):
        return None
    try:
        sock: socket.socket = layers[0].get_extra_info("socket").dup()
    except OSError:  # too many files are open
        return None
    return Loan(sock, tls, raw, layers)


def _drain(content: StreamReader) -> list[bytes]:
    """Return what aiohttp holds; that it may read on for a moment changes nothing."""
    pieces = []
    while content.exception() is None and (piece := content.read_nowait()):
        pieces.append(piece)
    return pieces


def _layers(raw: ClientResponse) -> tuple[asyncio.Transport, ...] | None:
    """Return the transports of the connection, that of the socket first; None if unknown."""
    top: Any = None if raw.connection is None else raw.connection.transport
    if top is None or raw.content.exception() is not None:
        return None
    bottom = top
    if top.get_extra_info("ssl_object") is not None:
        if _tls(top) is None:
            return None
        bottom = top._ssl_protocol._transport  # noqa: SLF001 - see the module's docstring
    if type(bottom).__module__ != _SELECTOR or bottom.is_closing():
        return None
    return (bottom,) if bottom is top else (bottom, top)


def _tls(transport: Any) -> Tls | None:
    protocol = getattr(transport, "_ssl_protocol", None)
    session = getattr(protocol, "_sslobj", None)
    ends = getattr(protocol, "_incoming", None), getattr(protocol, "_outgoing", None)
    if getattr(protocol, "_transport", None) is None or not isinstance(session, ssl.SSLObject):
        return None
    incoming, outgoing = ends
    if not isinstance(incoming, ssl.MemoryBIO) or not isinstance(outgoing, ssl.MemoryBIO):
        return None
    return Tls(session, incoming, outgoing)


def _pause(layers: tuple[asyncio.Transport, ...]) -> None:
    for transport in layers:
        transport.pause_reading()


def _resume(layers: tuple[asyncio.Transport, ...]) -> None:
    for transport in layers:
        transport.resume_reading()
