"""A `ports.Transport` without a network.

    transport = FakeTransport([FakeReply.json({"items": []}), Unreachable("gone")])
    transport = FakeTransport(lambda request: FakeReply.of(b"...", ETag='"1"'))

It follows redirects as the real one does, by `core.replies`: the script is asked for every hop,
and `requests` remembers every hop, with `credentials` only where they would have been shown.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import anyio
from anyio.lowlevel import checkpoint
from multidict import CIMultiDict, CIMultiDictProxy

from reelkeep.core import replies
from reelkeep.core.addresses import parse
from reelkeep.core.replies import Trail
from reelkeep.errors import Unreachable
from reelkeep.ports import DirectReader, Reply, Request

Piece = bytes | Exception | anyio.Event
"""Bytes of a body; an error that breaks it; or an event that is waited for before it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeReply:
    """What a script answers. A `Content-Length` is announced only if `headers` hold one."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[Piece] = ()
    drawn: bool = False  #: A thread may draw the body, if it has a length.

    @classmethod
    def of(cls, body: bytes, *, status: int = 200, **headers: str) -> Self:
        """Return a whole body with its length. In the names of headers, `_` stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(
            status=status, headers={"Content-Length": str(len(body)), **named}, pieces=[body]
        )

    @classmethod
    def json(cls, document: Any, *, status: int = 200, **headers: str) -> Self:
        """Return a JSON document."""
        body = json.dumps(document).encode()
        return cls.of(body, status=status, **{"Content_Type": "application/json", **headers})

    @classmethod
    def redirect(cls, location: str, *, status: int = 302) -> Self:
        """Return a redirect without a body."""
        return cls.of(b"", status=status, Location=location)


Answer = FakeReply | Exception
Script = Callable[[Request], Answer] | Iterable[Answer]


class FakeTransport:
    """Plays a script: a function of each request, or the answers in their order."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Request] = []  #: Every hop so far.
        self.open_replies = 0  #: Contexts that were entered and not left yet.
        self._ask = script if callable(script) else _in_order(script)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        trail: Trail | None = replies.begin(parse(request.url), kin=request.kin)
        while trail is not None:
            await checkpoint()
            answer = self._answer(request, trail)
            here, trail = trail, _next_hop(request, trail, answer)
            if trail is None:
                self.open_replies += 1
                try:
                    yield _Played(answer, here)
                finally:
                    self.open_replies -= 1

    def _answer(self, request: Request, trail: Trail) -> FakeReply:
        credentials = request.credentials if trail.trusted else {}
        hop = replace(request, url=trail.url.text, credentials=credentials)
        self.requests.append(hop)
        answer = self._ask(hop)
        if isinstance(answer, Exception):
            raise answer
        return answer


class _Played:
    def __init__(self, answer: FakeReply, trail: Trail) -> None:
        self._answer = answer
        self._trail = trail
        self._headers = CIMultiDictProxy(CIMultiDict(answer.headers))
        self._pieces = deque(answer.pieces)
        self.received = 0

    @property
    def status(self) -> int:
        return self._answer.status

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

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        while self._pieces:
            piece = self._pieces.popleft()
            await checkpoint()
            if isinstance(piece, Exception):
                raise piece
            if isinstance(piece, anyio.Event):
                await piece.wait()
            elif piece:
                self.received += len(piece)
                yield piece
        self._check_length()

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[DirectReader | None]:
        announced = self._headers.get("Content-Length")
        drawn = self._answer.drawn and announced is not None
        yield _PlayedTap(self, self._pieces, int(announced or 0)) if drawn else None

    def _check_length(self) -> None:
        if self.received != int(self._headers.get("Content-Length", self.received)):
            raise Unreachable(f"{self.origin}: the body ended too early")


class _PlayedTap:
    """Gives one piece of the script a slice, cut where it does not fit."""

    def __init__(self, played: _Played, pieces: deque[Piece], length: int) -> None:
        self._played = played
        self._pieces = pieces
        self._length = length

    @property
    def left(self) -> int:
        return self._length - self._played.received

    async def grant(self) -> int:
        await checkpoint()
        while self._pieces and isinstance(event := self._pieces[0], anyio.Event):
            await event.wait()
            self._pieces.popleft()
        return 1 << 20

    def draw(self, into: memoryview) -> int:
        if not self._pieces:
            raise Unreachable(f"{self._played.origin}: the body ended too early")
        piece = self._pieces[0]
        if isinstance(piece, anyio.Event):
            return 0
        self._pieces.popleft()
        if isinstance(piece, Exception):
            raise piece
        count = min(len(piece), len(into), self.left)
        into[:count] = piece[:count]
        if count < len(piece):
            self._pieces.appendleft(piece[count:])
        self._played.received += count
        return count


def _next_hop(request: Request, trail: Trail, answer: FakeReply) -> Trail | None:
    if not request.follow or request.method != "GET":
        return None
    location = CIMultiDict(answer.headers).get("Location")
    return replies.follow(trail, answer.status, location)


def _in_order(script: Iterable[Answer]) -> Callable[[Request], Answer]:
    answers = iter(script)

    def next_answer(request: Request) -> Answer:
        for answer in answers:
            return answer
        raise AssertionError(f"the script has no answer left for {request.method} {request.url}")

    return next_answer
