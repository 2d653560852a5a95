"""Watch the connection beneath a reply, for what aiohttp's stream of the body does not tell."""

from __future__ import annotations

import asyncio

from aiohttp import ClientPayloadError, ClientResponse, StreamReader
from aiohttp.client_proto import ResponseHandler


class Line:
    """The connection of one reply, from its head until it is closed or goes back to the pool.

    aiohttp 3.14 is silent in two cases. When a later chunk has a broken frame, it drops the
    connection, but the reader waits on. When a body that ends with its connection is reset, the
    reader sees an ordinary end. Both are in `ResponseHandler.closed`.
    """

    def __init__(self, raw: ClientResponse) -> None:
        self._content: StreamReader = raw.content
        self._protocol = _protocol(raw)
        self._closed = None if self._protocol is None else self._protocol.closed
        if self._closed is not None:
            self._closed.add_done_callback(self._lost)

    @property
    def was_cut(self) -> bool:
        """The connection ended by an error, not by being closed."""
        closed = self._closed
        return closed is not None and closed.done() and closed.exception() is not None

    def leave(self) -> None:
        """Stop watching; a pooled connection must not collect its former replies."""
        if self._closed is not None:
            self._closed.remove_done_callback(self._lost)
            self._closed.remove_done_callback(_heard)
            self._closed.add_done_callback(_heard)

    def _lost(self, closed: asyncio.Future[None]) -> None:
        _heard(closed)
        if self._content.is_eof() or self._content.exception() is not None:
            return
        fault = None if self._protocol is None else self._protocol.exception()
        self._content.set_exception(fault or ClientPayloadError())


def _protocol(raw: ClientResponse) -> ResponseHandler | None:
    return None if raw.connection is None else raw.connection.protocol


def _heard(closed: asyncio.Future[None]) -> None:
    """Take note of how a connection ended, or asyncio complains that nobody did."""
    if not closed.cancelled():
        closed.exception()
