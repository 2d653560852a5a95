"""Feed what is due into bounded queues, and hand it out file by file, taking turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import anyio
from anyio import WouldBlock
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.core.model import Claim, Download, ProviderName
from reelkeep.ports import Clock, Queue
from reelkeep.stages.bells import Bell
from reelkeep.stages.space import Space

TICK = timedelta(seconds=5)
"""Another process may have made a file due: the catalog is looked at this often at least."""

GULP = 100
"""Recordings claimed in one transaction."""

ROUNDING = timedelta(milliseconds=10)
"""The shortest wait for what is due soon: clocks are finer than the catalog's times."""

Claims = MemoryObjectReceiveStream[Claim]


class Dispatcher:
    """Keeps one provider's queue filled from the catalog; the catalog holds the rest.

    `work` rings when something may be due; `filled` is rung when something is in the queue.
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

    async def forever(self, claims: MemoryObjectSendStream[Claim]) -> None:
        """Claim what is due until cancelled; closes `claims`."""
        async with claims:
            while True:
                found = () if self._paused() else await self._queue.claim(self._name, GULP)
                for claim in found:
                    await claims.send(claim)
                    self._filled.ring()
                if not found:
                    await self._work.wait(await self._until_due())

    async def _until_due(self) -> float:
        """Return the seconds until something is due, at most a tick."""
        at = None if self._paused() else await self._queue.next_due(self._name)
        left = TICK if at is None else min(TICK, at - self._clock())
        return max(left, ROUNDING).total_seconds()


async def take_turns(
    queues: Mapping[ProviderName, Claims],
    files: MemoryObjectSendStream[Download],
    *,
    filled: Bell,
    space: Space,
    paused: Callable[[ProviderName], bool],
) -> None:
    """Hand out one recording of each provider in turn, its files in order; closes `files`.

    A file is handed out only when a downloader is free and there is room for it on the disk.
    What is queued of a provider that is `paused` stays where it is.
    """
    async with files:
        while True:
            ready = [claims for name, claims in queues.items() if not paused(name)]
            found = [claim for claims in ready if (claim := _next(claims)) is not None]
            for claim in found:
                for download in claim.downloads:
                    await space.wait_for(download)
                    await files.send(download)
                    await checkpoint()  # it takes off, so that the next one's room is reckoned well
            if not found:
                await filled.wait(TICK.total_seconds())


def _next(claims: Claims) -> Claim | None:
    try:
        return claims.receive_nowait()
    except (WouldBlock, anyio.EndOfStream, anyio.ClosedResourceError):
        return None
