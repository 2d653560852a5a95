"""Commit outcomes to the catalog, and make finished recordings appear in the archive."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta

import anyio
from anyio import EndOfStream, WouldBlock
from anyio.streams.memory import MemoryObjectReceiveStream

from reelkeep.core.model import Failed, Holding, Outcome
from reelkeep.core.retry import reason_code
from reelkeep.errors import TransferError
from reelkeep.ports import Archive, Ledger, Report
from reelkeep.stages.signals import Notifiable, Signal
from reelkeep.stages.storage import Storage

MOST_OUTCOMES = 400
"""Outcomes in one transaction."""

GATHER = 0.05
"""Seconds that the first outcome waits for others: one commit for many small files."""


async def run(
    outcomes: MemoryObjectReceiveStream[Outcome],
    ledger: Ledger,
    *,
    recorded: Notifiable,
    failed: Notifiable,
) -> None:
    """Record until `outcomes` is closed and drained.

    `recorded` is notified after each commit, `failed` after one with failures: those
    may be due again.
    """
    async with outcomes:
        async for first in outcomes:
            await anyio.sleep(GATHER)
            batch = [first, *_rest(outcomes)]
            await ledger.record(batch)
            recorded.notify()
            if any(isinstance(outcome, Failed) for outcome in batch):
                failed.notify()


def _rest(outcomes: MemoryObjectReceiveStream[Outcome]) -> list[Outcome]:
    found: list[Outcome] = []
    while len(found) < MOST_OUTCOMES - 1:
        try:
            found.append(outcomes.receive_nowait())
        except (WouldBlock, EndOfStream):
            break
    return found


MOST_FOLDERS = 100
"""Recordings whose folders are committed in one transaction."""

AGAIN = timedelta(seconds=30)
"""When a recording that could not be published is tried again, and time is looked at."""


class Publisher:
    """Publishes whatever the ledger says is behind; `done` is notified after each commit."""

    def __init__(
        self,
        ledger: Ledger,
        archive: Archive,
        *,
        report: Report,
        done: Notifiable,
        storage: Storage,
    ) -> None:
        self._storage = storage
        self._said: set[int] = set()  # what is stuck for a reason of its own
        self._ledger = ledger
        self._archive = archive
        self._report = report
        self._done = done
        self._turn = anyio.Lock()
        self._again: dict[int, float] = {}  # what is stuck, and when it is tried again
        self._sweep_at = 0.0

    @property
    def stuck(self) -> AbstractSet[int]:
        """Rows of recordings that could not be published when last tried."""
        return frozenset(self._again)

    async def forever(self, recorded: Signal) -> None:
        """Publish whenever `recorded` is notified, and once in a while."""
        while True:
            await self.once()
            await recorded.wait(AGAIN.total_seconds())

    async def once(self) -> None:
        """Publish all that is behind, and now and then move on what time alone moves on.

        Nothing is published while nothing can be stored. What could not be published waits a while
        before it is tried again. One caller at a time: the others wait.
        """
        async with self._turn:
            while not self._storage.paused and (todo := await self._todo()):
                await self._publish(todo)
            if anyio.current_time() >= self._sweep_at:
                self._sweep_at = anyio.current_time() + AGAIN.total_seconds()
                await self._ledger.sweep()
                self._done.notify()

    async def _todo(self) -> Sequence[Holding]:
        now = anyio.current_time()
        waiting = {row for row, again in self._again.items() if again > now}
        behind = await self._ledger.publishable(MOST_FOLDERS + len(waiting))
        self._again = {h.row: self._again[h.row] for h in behind if h.row in self._again}
        self._said &= self._again.keys()
        return [holding for holding in behind if holding.row not in waiting][:MOST_FOLDERS]

    async def _publish(self, todo: Sequence[Holding]) -> None:
        done: list[tuple[Holding, str]] = []
        async with anyio.create_task_group() as group:
            for holding in todo:
                group.start_soon(self._one, holding, done)
        if done:
            await self._ledger.published(done)
            self._done.notify()

    async def _one(self, holding: Holding, done: list[tuple[Holding, str]]) -> None:
        try:
            if again := await self._archive.reclaim(holding):
                await self._ledger.reclaimed(holding, again)
                return  # it is published with them, when it is looked at next
            folder = await self._archive.publish(holding)
        except Exception as error:  # noqa: BLE001 (the item boundary)
            await self._set_aside(holding, error)
        else:
            self._again.pop(holding.row, None)
            self._said.discard(holding.row)
            done.append((holding, folder))

    async def _set_aside(self, holding: Holding, error: Exception) -> None:
        """Leave `holding` for later; a reason of its own is reported when it comes up first.

        That nothing at all can be stored is not said of each recording.
        """
        self._again[holding.row] = anyio.current_time() + AGAIN.total_seconds()
        if isinstance(error, TransferError):
            await self._storage.examine(error)
        if self._storage.paused or holding.row in self._said:
            return
        self._said.add(holding.row)
        self._report(
            "recording.publish_failed",
            provider=holding.provider,
            recording=holding.id,
            code=reason_code(error),
            reason=f"{type(error).__name__}: {error}",
        )
