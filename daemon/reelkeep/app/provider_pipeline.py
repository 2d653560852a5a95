"""All that works for one provider: it is asked, dispatched for, and told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup

from reelkeep.app.resources import Resources
from reelkeep.app.verification import not_intact
from reelkeep.core.model import Claim, ProviderName
from reelkeep.stages.acknowledge import Acknowledger
from reelkeep.stages.backfill import Backfiller
from reelkeep.stages.dispatch import Backlog, Dispatcher
from reelkeep.stages.poll import Poller
from reelkeep.stages.provider_trash import Disposer
from reelkeep.stages.signals import Signal, SignalGroup
from reelkeep.stages.storage import DiskSpace, Storage

Work = Callable[[], Awaitable[None]]


class ProviderPipeline:
    """The stages of one provider. They end with the tasks they run in, or when dismissed.

    `filled` is notified when there is something in the backlog, `recorded` when there is
    something to publish.
    """

    def __init__(
        self, resources: Resources, name: ProviderName, *, filled: Signal, recorded: Signal,
        storage: Storage, space: DiskSpace,
    ) -> None:  # fmt: skip
        provider = resources.providers[name]
        self.work = Signal()  #: Notify it when something may be due.
        self.backlog = Backlog(resources.settings.downloads.queue_size)
        self.poller = Poller(
            provider,
            resources.intake,
            clock=resources.clock,
            rng=resources.rng,
            report=resources.report,
            work=SignalGroup([self.work, filled, recorded]),
            clean=resources.clean,
        )
        self.backfiller = Backfiller(
            provider,
            resources.backfills,
            self.poller.reader,
            clock=resources.clock,
            report=resources.report,
            clean=resources.clean,
        )
        self.disposer = Disposer(
            provider,
            resources.disposals,
            partial(not_intact, resources.archive),
            clock=resources.clock,
            report=resources.report,
            clean=resources.clean,
            troubled=lambda: self.poller.health.troubled or resources.missing_content > 0,
        )
        self.acknowledger = Acknowledger(
            provider,
            resources.intake,
            clock=resources.clock,
            report=resources.report,
            withheld=lambda: resources.missing_content > 0,
        )
        self._dispatcher = Dispatcher(
            name,
            resources.queue,
            clock=resources.clock,
            paused=lambda: self.poller.health.paused or storage.paused,
            work=self.work,
            filled=filled,
            room=space.room,
        )
        self._name = name
        self._ends: list[_End] = []

    def start(self, *, front: TaskGroup, back: TaskGroup, polls: bool) -> None:
        """Begin in these groups: to ask, if it `polls`, and to claim; and to tell."""
        self._start(back, self.acknowledger.forever, "acknowledge")
        self._start(front, lambda: self._dispatcher.forever(self.backlog), "dispatch")
        if polls:
            self._start(front, self.poller.forever, "poll")
            self._start(front, self.backfiller.forever, "backfill")
            self._start(front, self.disposer.forever, "dispose")

    async def dismiss(self) -> Sequence[Claim]:
        """End all that was started; return what was claimed, and not begun on."""
        for end in self._ends:
            end.scope.cancel()
        for end in self._ends:
            await end.reached.wait()
        return self.backlog.clear()

    def _start(self, group: TaskGroup, work: Work, verb: str) -> None:
        end = _End()
        self._ends.append(end)
        group.start_soon(end.around, work, name=f"{verb} {self._name}")


class _End:
    """The end of one task, before the group's that it runs in."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.reached = anyio.Event()

    async def around(self, work: Work) -> None:
        try:
            with self.scope:
                await work()
        finally:
            self.reached.set()
