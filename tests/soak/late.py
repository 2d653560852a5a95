"""A transport whose replies are read late and slowly, as a busy pipeline may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from random import Random

import anyio

from reelkeep.ports import DirectReader, Reply, Request, Transport
from reelkeep.transport.direct_reader import OwnedReply

LATE, SLOW = 0.2, 0.05
"""Shares of the replies that are read late, and slowly from then on."""

_LATEST, _SLOWEST = 0.05, 0.02
"""Seconds before the first piece, and between two, at most."""


class LateTransport:
    """Wraps `inner`, and counts in `replies` by whom bodies were read."""

    def __init__(self, inner: Transport, draw: Random, replies: Counter[str]) -> None:
        self._inner = inner
        self._draw = draw
        self._replies = replies

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        async with self._inner.open(request) as reply:
            self._replies["owned" if isinstance(reply, OwnedReply) else "pooled"] += 1
            asked = request.headers.get("Range", "")
            self._replies["segments"] += bool(asked) and not asked.endswith("-")
            yield _LateReply(reply, self._draw)


class _LateReply:
    def __init__(self, inner: Reply, draw: Random) -> None:
        self._inner = inner
        self._draw = draw

    @property
    def status(self) -> int:
        return self._inner.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._inner.headers

    @property
    def origin(self) -> str:
        return self._inner.origin

    @property
    def hops(self) -> int:
        return self._inner.hops

    @property
    def given(self) -> int:
        return self._inner.given

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        if self._draw.random() < LATE:
            await anyio.sleep(self._draw.random() * _LATEST)
        slow = self._draw.random() < SLOW
        async with aclosing(self._inner.chunks()) as body:
            async for piece in body:
                yield piece
                if slow:
                    await anyio.sleep(self._draw.random() * _SLOWEST)

    def tap(self) -> AbstractAsyncContextManager[DirectReader | None]:
        return self._inner.tap()
