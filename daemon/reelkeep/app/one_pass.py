"""One complete pass: poll everything once, and work until nothing is left that can be done now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio

from reelkeep.app.house import House
from reelkeep.app.pipeline import Pipeline
from reelkeep.catalog.outlook import Outlook, look
from reelkeep.core.model import ProviderName

TRANSCODE_PATIENCE = timedelta(minutes=5)
"""How long a pass without a time limit waits for transcodings once nothing else is left."""

FIRST_LOOK = 0.5
LONGEST_LOOK = 15.0
"""Seconds between two polls that ask whether a transcoding is done: doubling, from and to."""

GLANCE = 0.2
"""Seconds between two looks at what is left."""


@dataclass(slots=True)
class _Patience:
    """How long a pass may still wait for what others do."""

    deadline: float
    waits_until: float | None = None
    pause: float = FIRST_LOOK


class Pass:
    """Steers a pipeline through one pass. `cut_short` is true if the time was up first."""

    def __init__(
        self, house: House, names: Sequence[ProviderName], *, limit: timedelta | None
    ) -> None:
        self._house = house
        self._names = names
        self._limit = limit
        self.pipeline = Pipeline(house, names)
        self.cut_short = False

    async def run(self, stop: anyio.Event) -> None:
        """Poll once, work until nothing is left that can be done within the limit, or `stop`."""

        async def steer() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(self._stop, stop, group.cancel_scope)
                await self._work()
                group.cancel_scope.cancel()

        await self.pipeline.run(steer, grace=self._house.settings.shutdown_grace)
        for acknowledger in self.pipeline.acknowledgers.values():
            if acknowledger.acknowledges and not stop.is_set():
                await acknowledger.once()

    async def _stop(self, stop: anyio.Event, scope: anyio.CancelScope) -> None:
        await stop.wait()
        scope.cancel()

    async def _work(self) -> None:
        limit = float("inf") if self._limit is None else self._limit.total_seconds()
        patience = _Patience(anyio.current_time() + limit)
        with anyio.move_on_at(patience.deadline):
            async with anyio.create_task_group() as group:
                for poller in self.pipeline.pollers.values():
                    group.start_soon(poller.once)
            while not await self._is_over(patience):
                await self.pipeline.moved.wait(GLANCE)
            return
        self.cut_short = True

    async def _is_over(self, patience: _Patience) -> bool:
        outlook = await self._look()
        if self._busy(outlook):
            return False
        if self._soon(outlook, patience):
            return False
        return not await self._ask_again(outlook, patience)

    async def _look(self) -> Outlook:
        working = [n for n in self._names if not self.pipeline.pollers[n].health.paused]
        acknowledgers = self.pipeline.acknowledgers
        telling = [
            n for n in working if acknowledgers[n].acknowledges and not acknowledgers[n].stuck
        ]
        return await look(self._house.database, self._house.clock, names=working, telling=telling)

    def _busy(self, outlook: Outlook) -> bool:
        """Whether something moves by itself."""
        fetching = outlook.active or outlook.due or bool(self._house.flights.under_way)
        blocked = self.pipeline.space.low and not self._house.flights.under_way
        publishing = bool(outlook.unpublished - self.pipeline.publisher.stuck)
        return (fetching and not blocked) or publishing or outlook.untold

    def _soon(self, outlook: Outlook, patience: _Patience) -> bool:
        """Whether a file becomes due again within the time."""
        if outlook.next_due is None:
            return False
        left = (outlook.next_due - self._house.clock()).total_seconds()
        if self._limit is None:
            longest = self._house.settings.downloads.retry.max
            return left <= longest.total_seconds()
        return anyio.current_time() + left < patience.deadline

    async def _ask_again(self, outlook: Outlook, patience: _Patience) -> bool:
        """Wait a little and poll those that transcode; False if the patience is at its end."""
        slow = [n for n in outlook.transcoding if self._house.providers[n].traits.transcodes]
        broken = {n for n in slow if self.pipeline.pollers[n].health.broken_since is not None}
        if not slow or broken == set(slow):
            return False
        now = anyio.current_time()
        if patience.waits_until is None:
            patience.waits_until = now + TRANSCODE_PATIENCE.total_seconds()
        if self._limit is None and now >= patience.waits_until:
            return False
        await anyio.sleep(patience.pause)
        patience.pause = min(patience.pause * 2, LONGEST_LOOK)
        for name in slow:
            await self.pipeline.pollers[name].once()
        return True
