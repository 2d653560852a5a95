"""Share a bandwidth between all transfers, by wrapping the transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass

import anyio

from reelkeep.ports import Reply, Request, Transport


class Bandwidth:
    """See `ports.Transport`. Bodies of all replies together come at most at `rate` bytes/s."""

    def __init__(self, transport: Transport, rate: int) -> None:
        self._transport = transport
        self._rate = rate
        self._paid_until = 0.0

    def open(self, request: Request) -> AbstractAsyncContextManager[Reply]:
        """Open `request` as the wrapped transport does."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncIterator[Reply]:
        async with self._transport.open(request) as reply:
            yield _Slowed(reply, self)

    async def spend(self, size: int) -> None:
        """Wait until `size` more bytes fit; what was not used is not saved up."""
        now = anyio.current_time()
        self._paid_until = max(now, self._paid_until) + size / self._rate
        await anyio.sleep(self._paid_until - now)


@dataclass(frozen=True, slots=True)
class _Slowed:
    _reply: Reply
    _bandwidth: Bandwidth

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._reply.headers

    @property
    def origin(self) -> str:
        return self._reply.origin

    @property
    def hops(self) -> int:
        return self._reply.hops

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._reply.chunks()) as pieces:
            async for piece in pieces:
                yield piece
                await self._bandwidth.spend(len(piece))
