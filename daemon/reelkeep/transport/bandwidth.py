"""Share a bandwidth between all transfers, by wrapping the transport."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from weakref import WeakValueDictionary

import anyio
from anyio import Semaphore, WouldBlock

from reelkeep.core.rates import Allowance
from reelkeep.ports import DirectReader, Reply, Request, Transport


class Slots:
    """A semaphore for each host and port in use; it is forgotten with its last holder."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: WeakValueDictionary[tuple[str, int], Counter] = WeakValueDictionary()

    def at(self, host: str, port: int) -> Counter:
        """Return the semaphore to hold while talking to `host`."""
        counter = self._hosts.get((host, port))
        if counter is None:
            counter = self._hosts[host, port] = Counter(self._per_host)
        return counter

    def resize(self, per_host: int) -> None:
        """Let another number in from now on; those inside stay."""
        for counter in list(self._hosts.values()):
            counter.grow(per_host - self._per_host)
        self._per_host = per_host


class Counter:
    """A semaphore whose size may change while it is held."""

    def __init__(self, size: int) -> None:
        self._semaphore = Semaphore(size, fast_acquire=True)
        self._surplus = 0  # places that are gone as soon as they are given back

    def grow(self, by: int) -> None:
        """Let so many more in, or fewer."""
        for _ in range(by):
            self._give()
        for _ in range(-by):
            try:
                self._semaphore.acquire_nowait()
            except WouldBlock:
                self._surplus += 1

    async def __aenter__(self) -> None:
        """Wait for a place inside."""
        await self._semaphore.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._give()

    def _give(self) -> None:
        if self._surplus:
            self._surplus -= 1
        else:
            self._semaphore.release()


GRAIN = 0.05
"""Seconds' worth of the bandwidth that one transfer takes at a time, so that all flow evenly."""

LEAST = 16 << 10
"""Bytes that any transfer may pay for at a time."""

_NOTHING = memoryview(b"")


class Bandwidth:
    """See `ports.Transport`. Bodies of all replies together come at most at `rate` bytes/s.

    Without a rate they come as they like.
    """

    def __init__(self, transport: Transport, rate: int | None) -> None:
        self._transport = transport
        self._allowance = Allowance(rate)
        self.limit(rate)

    def limit(self, rate: int | None) -> None:
        """Hold all transfers to another rate, those under way too."""
        self._allowance.keep_to(rate)
        self.grain = None if rate is None else max(1, round(rate * GRAIN))  #: Bytes.

    def open(self, request: Request) -> AbstractAsyncContextManager[Reply]:
        """Open `request` as the wrapped transport does."""
        return _Opening(self._transport.open(request), self)

    async def spend(self, size: int) -> None:
        """Wait until `size` more bytes fit; what was not used is not saved up."""
        if self._allowance.rate is not None:
            await anyio.sleep(self._allowance.spend(size, anyio.current_time()))

    def refund(self, size: int) -> None:
        """Take back what was spent on `size` bytes that did not come."""
        self._allowance.refund(size)


class _Opening:
    """What opens a reply: a class, for this is passed once for each small file."""

    __slots__ = ("_bandwidth", "_inner")

    def __init__(self, inner: AbstractAsyncContextManager[Reply], bandwidth: Bandwidth) -> None:
        self._inner = inner
        self._bandwidth = bandwidth

    async def __aenter__(self) -> Reply:
        return _Slowed(await self._inner.__aenter__(), self._bandwidth)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, traceback)


@dataclass(slots=True)
class _Slowed:
    _reply: Reply
    _bandwidth: Bandwidth
    _rest: memoryview = _NOTHING  # of the piece begun last
    _tap: _SlowedTap | None = None

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

    @property
    def given(self) -> int:
        return self._reply.given - len(self._rest if self._tap is None else self._tap.rest)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        async with aclosing(self._reply.chunks()) as pieces:
            async for piece in pieces:
                if self._bandwidth.grain is None:
                    yield piece
                    continue
                self._rest = memoryview(piece)
                while self._rest:
                    grain = bytes(self._rest[: self._bandwidth.grain])  # the rest is for `tap`
                    self._rest = self._rest[len(grain) :]
                    yield grain
                    await self._bandwidth.spend(len(grain))

    @asynccontextmanager
    async def tap(self) -> AsyncIterator[DirectReader | None]:
        async with self._reply.tap() as tap:
            if tap is not None:
                self._tap = _SlowedTap(tap, self._bandwidth, self._rest)
            yield self._tap


class _SlowedTap:
    """Pays before it draws, and is refunded what did not come.

    A slow stream pays for about twice what came in its last slice, so that it does not hold what
    others could use.
    """

    def __init__(self, tap: DirectReader, bandwidth: Bandwidth, rest: memoryview) -> None:
        self._tap = tap
        self._bandwidth = bandwidth
        self.rest = rest  #: Came already, in the piece that the head of the file was cut from.
        self._paid: int | None = None  # for the slice under way, if it was paid for
        self._before = self.left

    @property
    def left(self) -> int:
        return len(self.rest) + self._tap.left

    async def grant(self) -> int:
        came = self._before - self.left
        if self._paid is not None:
            self._bandwidth.refund(self._paid - came)
        self._before = self.left
        grain = self._bandwidth.grain
        if grain is None:
            self._paid = None
            return len(self.rest) or await self._tap.grant()
        most = self._paid = min(grain, max(2 * came, LEAST), self.left)
        await self._bandwidth.spend(most)
        return min(most, len(self.rest) or await self._tap.grant())

    def draw(self, into: memoryview) -> int:
        if not self.rest:
            return self._tap.draw(into)
        size = min(len(into), len(self.rest))
        into[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size
