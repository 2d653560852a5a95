"""A reply as the client hears it: piece by piece, in its own time."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
from anyio.lowlevel import checkpoint
from multidict import CIMultiDict, CIMultiDictProxy

from reelkeep.core.redirects import Trail
from reelkeep.errors import Unreachable
from reelkeep.ports import Tap
from simulation.bodies import Said
from simulation.fate import Fate


class Heard:
    """A `ports.Reply`."""

    def __init__(self, said: Said, trail: Trail, fate: Fate) -> None:
        self._said = said
        self._trail = trail
        self._fate = fate
        self._headers = CIMultiDictProxy(CIMultiDict(said.headers))
        self.pieces = deque(said.pieces)
        self.received = 0

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

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        while self.pieces:
            await self.wait()
            piece = self.take(1 << 30)
            if piece:
                yield piece
        if self.announced not in (None, self.received):
            raise Unreachable(f"{self.origin}: the body ended too early")

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[Tap | None]:
        yield None if self.announced is None else _Tap(self)

    async def wait(self) -> None:
        """Let the silence pass that comes before the next piece."""
        silence = self.pieces[0][0] if self.pieces else 0.0
        if silence:
            await anyio.sleep(silence)
            self.pieces[0] = (0.0, self.pieces[0][1])
        else:
            await checkpoint()
        await self._fate.reach()

    def take(self, most: int) -> bytes:
        """Return what comes next, raise it if it is an error."""
        _, piece = self.pieces.popleft()
        if isinstance(piece, Exception):
            raise piece
        if len(piece) > most:
            self.pieces.appendleft((0.0, piece[most:]))
        self.received += len(piece[:most])
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
        if self._heard.pieces[0][0]:  # it has not come yet
            return 0
        piece = self._heard.take(min(len(into), self.left))
        into[: len(piece)] = piece
        return len(piece)
