"""A reply as the client hears it: piece by piece, as they arrive, and perhaps later."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import accumulate
from random import Random

import anyio
from anyio.lowlevel import checkpoint
from multidict import CIMultiDict, CIMultiDictProxy

from reelkeep.core.replies import Trail
from reelkeep.errors import Unreachable
from reelkeep.ports import DirectReader
from reelkeep.transport import direct_reader
from simulation import connections
from simulation.bodies import Said
from simulation.connections import Connection
from simulation.fate import Fate

LATE = 0.5
"""The share of shared connections' pieces that are read late."""

LATEST = 60.0
"""Seconds for which a piece waits for its reader at most."""

GLANCE = 0.05
"""Seconds after which a late reader looks whether this is the worst moment to come."""


class Heard:
    """A `ports.Reply` whose body begins to arrive on `connection` when it is made."""

    def __init__(
        self, said: Said, trail: Trail, fate: Fate, connection: Connection, *, rng: Random
    ) -> None:
        self._said = said
        self._trail = trail
        self._fate = fate
        self._connection = connection
        self._rng = rng
        self._headers = CIMultiDictProxy(CIMultiDict(said.headers))
        moments = accumulate((silence for silence, _ in said.pieces), initial=anyio.current_time())
        next(moments)
        self.pieces = deque(zip(moments, (piece for _, piece in said.pieces), strict=True))
        self._breaks = any(isinstance(piece, Exception) for _, piece in self.pieces)
        self._ends_at = self.pieces[-1][0] if self.pieces else 0.0
        self.is_drawn = False
        self.received = 0
        connection.carry(self)

    @property
    def status(self) -> int:
        return self._said.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def origin(self) -> str:
        return str(self._trail.url.origin)

    @property
    def hops(self) -> int:
        return self._trail.hops

    @property
    def given(self) -> int:
        return self.received

    @property
    def announced(self) -> int | None:
        length = self._headers.get("Content-Length")
        return None if length is None else int(length)

    def has_arrived(self) -> bool:
        """See `connections.Body`."""
        return not self._breaks and self.announced is not None and self._ends_at <= _now()

    def lose(self, most: int) -> int:
        """See `connections.Body`."""
        left = most
        while left and self.pieces:
            piece = self.pieces[0][1]
            if isinstance(piece, Exception):
                break
            left -= len(self._cut(left))
        return most - left

    def leave(self) -> None:
        """Leave the connection as this body is left."""
        self._breaks = self._breaks or bool(self.pieces)
        self._connection.leave(self)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        while self.pieces:
            await self.wait()
            await self._be_late()
            piece = self.take(1 << 30)
            self._connection.resume(self)
            if piece:
                yield piece
        if self.announced not in (None, self.received):
            raise Unreachable(f"{self.origin}: the body ended too early")

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[DirectReader | None]:
        left = (self.announced or 0) - self.received
        if left < direct_reader.TAP_FROM or not connections.may_be_drawn(self._connection):
            yield None
            return
        self.is_drawn = True
        try:
            yield _Tap(self)
        finally:
            self.is_drawn = False

    async def wait(self) -> None:
        """Let the silence pass that comes before the next piece."""
        silence = self.pieces[0][0] - _now() if self.pieces else 0.0
        if silence > 0:
            await anyio.sleep(silence)
        else:
            await checkpoint()
        await self._fate.reach()

    async def _be_late(self) -> None:
        """Be busy elsewhere, now and then until a thread reads from the same connection."""
        if not self._said.key or self._connection.owned or self._rng.random() >= LATE:
            return
        until = _now() + self._rng.random() * LATEST
        while _now() < until and not self._connection.is_drawn_by_another(self):  # noqa: ASYNC110 - no event tells
            await anyio.sleep(GLANCE)
        await self._fate.reach()

    def take(self, most: int) -> bytes:
        """Return what comes next, raise it if it is an error."""
        piece = self._cut(most)
        self.received += len(piece)
        return piece

    def _cut(self, most: int) -> bytes:
        moment, piece = self.pieces.popleft()
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > most:
            self.pieces.appendleft((moment, piece[most:]))
        return piece[:most]


class _Tap:
    """A `ports.Tap`: one piece a slice."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    @property
    def left(self) -> int:
        return (self._heard.announced or 0) - self._heard.received

    async def grant(self) -> int:
        await self._heard.wait()
        return 1 << 20

    def draw(self, into: memoryview) -> int:
        if not self._heard.pieces:
            raise Unreachable("the body ended too early")
        if self._heard.pieces[0][0] > _now():  # it has not come yet
            return 0
        piece = self._heard.take(min(len(into), self.left))
        into[: len(piece)] = piece
        return len(piece)


def _now() -> float:
    return anyio.current_time()
