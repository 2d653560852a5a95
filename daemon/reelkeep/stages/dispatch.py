"""Feed what is due into bounded queues, and hand it out file by file, taking turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import anyio
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectSendStream

from reelkeep.core.file_system import Room
from reelkeep.core.model import Claim, Download, ProviderName
from reelkeep.ports import Clock, Queue
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.stages.signals import Notifiable, Signal
from reelkeep.stages.storage import DiskSpace, Storage


class Backlog:
    """Claims that wait in memory: fewer than `size`, and what one more claiming brings."""

    def __init__(self, size: float) -> None:
        self._claims: deque[Claim] = deque()
        self._size = size
        self._moved = Signal()

    def __len__(self) -> int:
        return len(self._claims)

    async def room(self) -> None:
        """Return once there is room for more."""
        while len(self._claims) >= self._size:
            await self._moved.wait()

    def add(self, claims: Iterable[Claim]) -> None:
        """Put `claims` at the end."""
        self._claims.extend(claims)

    def put_back(self, claim: Claim) -> None:
        """Put `claim`, or what is left of it, at the beginning: it was taken too early."""
        self._claims.appendleft(claim)

    def take(self) -> Claim | None:
        """Return the first claim, None if there is none."""
        self._moved.notify()
        return self._claims.popleft() if self._claims else None

    def resize(self, size: float) -> None:
        """Hold another number from now on; what is here stays."""
        self._size = size
        self._moved.notify()

    def clear(self) -> Sequence[Claim]:
        """Give back everything."""
        claims = tuple(self._claims)
        self._claims.clear()
        return claims


TICK = timedelta(seconds=5)
"""Another process may have made a file due: the catalog is looked at this often at least."""

ReadRoom = Callable[[], Awaitable[Room]]
"""Says what fits on the disk now."""

PassOver = Callable[[Claim], Awaitable[None]]
"""Gives back to the catalog what was claimed, and does not fit any more."""

GULP = 100
"""Recordings claimed in one transaction."""

ROUNDING = timedelta(milliseconds=10)
"""The shortest wait for what is due soon: clocks are finer than the catalog's times."""


class Dispatcher:
    """Keeps one provider's backlog filled from the catalog; the catalog holds the rest.

    What does not fit in `room` is not claimed: it stays due, and holds nothing back.

    `work` is notified when something may be due; `filled` when something is in the backlog.
    """

    def __init__(
        self, queue: Queue, *, clock: Clock, health: ProviderHealth, storage: Storage,
        work: Signal, filled: Notifiable, room: ReadRoom,
    ) -> None:  # fmt: skip
        self._health = health
        self._storage = storage
        self._name = health.name
        self._queue = queue
        self._room = room
        self._clock = clock
        self._filled = filled
        self._work = work

    @property
    def _paused(self) -> bool:
        return self._health.paused or self._storage.paused

    async def forever(self, backlog: Backlog) -> None:
        """Claim what is due until cancelled; what was claimed by then is in `backlog`."""
        while True:
            await backlog.room()
            if self._paused or not await self._claim(backlog):
                await self._work.wait(await self._until_due())

    async def _claim(self, backlog: Backlog) -> bool:
        """Claim once; return whether there was anything. What is committed is never lost."""
        room = await self._room()
        with anyio.CancelScope(shield=True):
            found = await self._queue.claim(self._name, GULP, room)
        backlog.add(found)
        if found:
            self._filled.notify()
        return bool(found)

    async def _until_due(self) -> float:
        """Return the seconds until something is due, at most a tick."""
        at = None
        if not self._paused:
            at = await self._queue.next_due(self._name, await self._room())
        left = TICK if at is None else min(TICK, at - self._clock())
        return max(left, ROUNDING).total_seconds()


class RoundRobin:
    """Hands out one recording of each provider in turn, its files in order.

    A file is handed out only when a downloader is free, something can be stored, and there is room
    for it on the disk. What does not fit is passed over. What is queued of a provider that is
    `paused`, or that has its `share` of the downloaders, stays where it is, and holds up nobody.
    """

    def __init__(
        self, queues: Mapping[ProviderName, Backlog], *, filled: Signal, storage: Storage,
        space: DiskSpace, pass_over: PassOver, health: Mapping[ProviderName, ProviderHealth],
        has_share: Callable[[ProviderName, int], bool] = lambda _name, _others: False,
    ) -> None:  # fmt: skip
        """`queues` and `health` may change at any time.

        `filled` is notified when there may be something to do.
        `has_share` says whether a provider has as many downloaders as it may have beside so many
        others, which may have work at any time.
        """
        self._queues = queues
        self._filled = filled
        self._storage = storage
        self._space = space
        self._pass_over = pass_over
        self._health = health
        self._has_share = has_share

    async def forever(self, files: MemoryObjectSendStream[Download]) -> None:
        """Hand out until cancelled; closes `files`."""
        async with files:
            while True:
                await self._storage.opened()
                turns = [(name, backlog) for name, backlog in self._queues.items()]
                moved = [await self._turn(name, backlog, files) for name, backlog in turns]
                if not any(moved):
                    await self._filled.wait(TICK.total_seconds())

    async def _turn(
        self, name: ProviderName, backlog: Backlog, files: MemoryObjectSendStream[Download]
    ) -> bool:
        """Hand out the next recording of one provider; return whether there was one to hand out."""
        if self._stays(name) or (claim := backlog.take()) is None:
            return False
        left: list[Download] = []
        for number, download in enumerate(claim.downloads):
            await self._storage.opened()
            if number and self._stays(name):
                backlog.put_back(replace(claim, downloads=claim.downloads[number:]))
                break
            if await self._space.admits(download, claim.deadline):
                await files.send(download)
                for _ in range(2):  # it takes off, so that the next one's room is right
                    await checkpoint()
            else:
                left.append(download)
        if left:
            await self._pass_over(replace(claim, downloads=tuple(left)))
        return True

    def _stays(self, name: ProviderName) -> bool:
        others = sum(
            1 for other in self._queues if other != name and not self._health[other].paused
        )
        return self._health[name].paused or self._has_share(name, others)
