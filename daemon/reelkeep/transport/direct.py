"""Requests on connections of their own: for large bodies, each read by a thread."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from multidict import CIMultiDict

from reelkeep.core.redirects import Trail
from reelkeep.errors import Stalled
from reelkeep.transport.body import Body
from reelkeep.transport.dialer import Dialer
from reelkeep.transport.door import Door
from reelkeep.transport.exchange import Exchange, Head
from reelkeep.transport.faults import at_the_edge
from reelkeep.transport.options import TransportOptions
from reelkeep.transport.owned import OwnedReply

DIRECT_FROM = 1 << 20
"""Bytes from which a body is worth a connection of its own."""


class DirectClient:
    """Asks by h11, each time on a new connection, which ends with the reply."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._door = Door((os.cpu_count() or 1) + 1)

    @asynccontextmanager
    async def asked(
        self, trail: Trail, headers: CIMultiDict[str], options: TransportOptions
    ) -> AsyncIterator[OwnedReply]:
        """Give the reply to a GET; leaving closes the connection."""
        origin = trail.url.origin
        patience = options.connect_timeout.total_seconds()
        async with self._dialer.connected(origin, patience) as connection:
            exchange = Exchange(connection, origin)
            head = await self._head(exchange, trail, headers, options)
            body = Body(connection, exchange, head, origin)
            yield OwnedReply(head, body, trail, options=options, door=self._door)

    async def _head(
        self, exchange: Exchange, trail: Trail, headers: CIMultiDict[str], options: TransportOptions
    ) -> Head:
        origin = trail.url.origin
        with at_the_edge(origin), anyio.move_on_after(options.stall_timeout.total_seconds()):
            target, addressed = self._dialer.addressed(trail.url)
            await exchange.ask(target, [*addressed, *headers.items(), ("Connection", "close")])
            return await exchange.head()
        raise Stalled(f"{origin}: no reply in time")
