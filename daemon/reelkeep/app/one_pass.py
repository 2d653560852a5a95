"""One complete pass: poll everything once, and work until nothing is left that can be done now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

import anyio

from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.resources import Resources, retry_policy
from reelkeep.catalog.remaining_work import RemainingWork, look
from reelkeep.core.model import ProviderName
from reelkeep.core.retry import poll_again
from reelkeep.stages.storage import LOOK_AGAIN

PATIENCE = timedelta(minutes=5)
"""How long a pass without a time limit waits for others while no attempt comes to anything: for
transcodings, for a provider that is out of order, for a pause that a host asked for."""

UNFINISHED = timedelta(seconds=30)
"""How long a pass without a time limit waits, while nothing moves, for recordings and files that a
provider lists and gives no address for. The next pass asks for them again."""

TELLING = timedelta(seconds=5)
"""How long a pass whose time is up goes on telling providers what was archived, at most."""

FIRST_LOOK = 0.5
LONGEST_LOOK = 15.0
"""Seconds between two polls that ask whether a transcoding is done: doubling, from and to."""

GLANCE = 0.2
LONGEST_GLANCE = 2.0
"""Seconds between two looks at what is left: from and to, the rarer the longer nothing moves."""


@dataclass(slots=True)
class _Patience:
    """How long a pass may still wait for what others do."""

    deadline: float  #: On the loop's clock; infinite if there is no limit.
    pause: float = FIRST_LOOK


class Pass:
    """Steers a pipeline through one pass. `cut_short` is true if the time was up first."""

    def __init__(
        self, resources: Resources, names: Sequence[ProviderName], *, limit: timedelta | None,
        polls: bool = True,
    ) -> None:  # fmt: skip
        """Without `polls`, only the windows are read that an operator wants to be read again."""
        self._resources = resources
        self._names = names
        self._limit = limit
        self._polls = polls
        self.pipeline = Pipeline(resources, names)
        self.cut_short = False

    async def run(self, stop: anyio.Event) -> None:
        """Poll once, work until nothing is left that can be done within the limit, or `stop`.

        Raises:
            CatalogError: The catalog failed us.
        """

        async def steer() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(self._stop, stop, group.cancel_scope)
                await self._work()
                group.cancel_scope.cancel()

        with unwrapped():
            await self.pipeline.run(steer)
        if self.cut_short:
            grace = min(self._resources.settings.shutdown_grace, TELLING)
            with anyio.move_on_after(grace.total_seconds()):
                await self._tell_the_rest()

    async def _stop(self, stop: anyio.Event, scope: anyio.CancelScope) -> None:
        await stop.wait()
        scope.cancel()

    async def _tell_the_rest(self) -> None:
        """Acknowledge what was archived while the pipeline came to rest."""
        for acknowledger in self.pipeline.acknowledgers.values():
            if acknowledger.acknowledges and not acknowledger.failing:
                await acknowledger.once()

    async def _work(self) -> None:
        limit = float("inf") if self._limit is None else self._limit.total_seconds()
        patience = _Patience(anyio.current_time() + limit)
        with anyio.move_on_at(patience.deadline):
            async with anyio.create_task_group() as group:
                for name in self._names:
                    group.start_soon(self._read, name, patience.deadline)
            self.pipeline.attempts.moved_at = anyio.current_time()
            while not await self._is_over(patience):
                await self._rest()
            await self.pipeline.space.tell()
            for disposer in self.pipeline.disposers.values() if self._polls else ():
                await disposer.once()
            return
        self.cut_short = True

    async def _read(self, name: ProviderName, deadline: float) -> None:
        if self._polls:
            await self._poll(name, min(deadline, anyio.current_time() + self._waits()))
        await self.pipeline.backfillers[name].all()

    async def _poll(self, name: ProviderName, deadline: float) -> None:
        """Poll, and again until `deadline` while what is in the way may pass by itself."""
        poller, policy = self.pipeline.pollers[name], retry_policy(self._resources.settings)
        for attempt in count(1):
            await poller.once()
            if poller.error is None:
                return
            wait = poll_again(
                poller.error, attempt, now=self._resources.clock(), policy=policy,
                rng=self._resources.rng(),
            )  # fmt: skip
            if wait is None or anyio.current_time() + wait.total_seconds() >= deadline:
                return
            await anyio.sleep(wait.total_seconds())

    def _waits(self) -> float:
        """Return for how many seconds a provider is waited for; with a limit, that decides."""
        return self._patience() if self._limit is None else float("inf")

    async def _rest(self) -> None:
        """Return after a glance's time, or when something moved and no transfer is under way."""
        with anyio.move_on_after(self._glance()):
            await self.pipeline.moved.wait()
            while self._resources.transfers.under_way:
                await self.pipeline.moved.wait()

    def _glance(self) -> float:
        return min(max(GLANCE, self._still() / 20), LONGEST_GLANCE)

    async def _is_over(self, patience: _Patience) -> bool:
        outlook = await self._look()
        if self._busy(outlook):
            return False
        if self._blocked() or not self._has_patience():
            return True
        if self._soon(outlook.next_due, patience, self._patience()):
            return False
        tired = self._limit is None and self._still() > UNFINISHED.total_seconds()
        if tired and not outlook.transcoding:
            return True
        if self._soon(outlook.next_wait, patience, UNFINISHED.total_seconds() - self._still()):
            return False
        return not await self._ask_again(outlook, patience)

    async def _look(self) -> RemainingWork:
        working = [n for n in self._names if not self.pipeline.pollers[n].health.paused]
        acknowledgers = self.pipeline.acknowledgers
        telling = [
            n for n in working if acknowledgers[n].acknowledges and not acknowledgers[n].stuck
        ]
        return await look(
            self._resources.database,
            self._resources.clock,
            names=working,
            telling=telling,
            room=await self.pipeline.space.room(),
            longest=self._resources.queue.longest,
        )

    def _busy(self, outlook: RemainingWork) -> bool:
        """Whether something moves by itself."""
        fetching = (outlook.active or outlook.due) and not self._blocked()
        publishing = not self._blocked() and bool(
            outlook.unpublished - self.pipeline.publisher.stuck
        )
        return bool(self._resources.transfers.under_way) or fetching or publishing or outlook.untold

    def _blocked(self) -> bool:
        """Whether nothing can be stored, and nothing of ours is going to change that."""
        since = self.pipeline.storage.paused_since
        if since is None or self._resources.transfers.under_way:
            return False
        return anyio.current_time() - since > 2 * LOOK_AGAIN.total_seconds()

    def _has_patience(self) -> bool:
        """Whether things moved lately; with a limit, that alone decides."""
        return self._limit is not None or self._still() <= self._patience()

    def _still(self) -> float:
        """Return for how many seconds nothing has moved."""
        return anyio.current_time() - self.pipeline.attempts.moved_at

    def _patience(self) -> float:
        return max(PATIENCE, self._resources.settings.downloads.retry.max).total_seconds()

    def _soon(self, due: datetime | None, patience: _Patience, most: float) -> bool:
        """Whether a file becomes due again within the limit, or in `most` seconds without one."""
        if due is None:
            return False
        left = (due - self._resources.clock()).total_seconds()
        if self._limit is None:
            return left <= most
        return anyio.current_time() + left < patience.deadline

    async def _ask_again(self, outlook: RemainingWork, patience: _Patience) -> bool:
        """Wait a little and poll those that transcode; False if there are none."""
        pollers = self.pipeline.pollers
        slow = [
            name
            for name in sorted(outlook.transcoding | outlook.unready)
            if self._resources.providers[name].traits.transcodes
            and pollers[name].health.broken_since is None
        ]
        if slow:
            await anyio.sleep(patience.pause)
            patience.pause = min(patience.pause * 2, LONGEST_LOOK)
        for name in slow:
            await pollers[name].once()
        return bool(slow)
