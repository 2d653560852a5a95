"""Feed what is due into bounded queues, and hand it out file by file, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import anyio
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectSendStream

from reelkeep.core.model import Download, ProviderName
from reelkeep.ports import Clock, Queue
from reelkeep.stages.backlog import Backlog
from reelkeep.stages.bells import Bell
from reelkeep.stages.space import Space

TICK = timedelta(seconds=5)
"""Another process may have made a file due: the catalog is looked at this often at least."""

GULP = 100
"""Recordings claimed in one transaction."""

ROUNDING = timedelta(milliseconds=10)
"""The shortest wait for what is due soon: clocks are finer than the catalog's times."""


class Dispatcher:
    """Keeps one provider's backlog filled from the catalog; the catalog holds the rest.

    `work` rings when something may be due; `filled` is rung when something is in the backlog.
    """

    def __init__(
        self, name: ProviderName, queue: Queue, *, clock: Clock, paused: Callable[[], bool],
        work: Bell, filled: Bell,
    ) -> None:  # fmt: skip
        self._name = name
        self._queue = queue
        self._clock = clock
        self._paused = paused
        self._filled = filled
        self._work = work

    async def forever(self, backlog: Backlog) -> None:
        """Claim what is due until cancelled; what was claimed by then is in `backlog`."""
        while True:
            await backlog.room()
            if self._paused() or not await self._claim(backlog):
                await self._work.wait(await self._until_due())

    async def _claim(self, backlog: Backlog) -> bool:
        """Claim once; return whether there was anything. What is committed is never lost."""
        with anyio.CancelScope(shield=True):
            found = await self._queue.claim(self._name, GULP)
        backlog.add(found)
        if found:
            self._filled.ring()
        return bool(found)

    async def _until_due(self) -> float:
        """Return the seconds until something is due, at most a tick."""
        at = None if self._paused() else await self._queue.next_due(self._name)
        left = TICK if at is None else min(TICK, at - self._clock())
        return max(left, ROUNDING).total_seconds()


async def take_turns(
    queues: Mapping[ProviderName, Backlog],
    files: MemoryObjectSendStream[Download],
    *,
    filled: Bell,
    space: Space,
    paused: Callable[[ProviderName], bool],
) -> None:
    """Hand out one recording of each provider in turn, its files in order; closes `files`.

    A file is handed out only when a downloader is free and there is room for it on the disk.
    What is queued of a provider that is `paused` stays where it is. `queues` may change meanwhile.
    """
    async with files:
        while True:
            ready = [backlog for name, backlog in queues.items() if not paused(name)]
            found = [claim for backlog in ready if (claim := backlog.take()) is not None]
            for claim in found:
                for download in claim.downloads:
                    await space.wait_for(download)
                    await files.send(download)
                    await checkpoint()  # it takes off, so that the next one's room is reckoned well
            if not found:
                await filled.wait(TICK.total_seconds())
