"""All stages, put together: those of each provider, and those that all providers share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from reelkeep.app.resources import Resources
from reelkeep.app.verification import not_intact
from reelkeep.core.model import Claim, Download, Outcome, ProviderName
from reelkeep.core.retry import PATIENCE
from reelkeep.stages import publish
from reelkeep.stages.acknowledge import Acknowledger
from reelkeep.stages.backfill import Backfiller
from reelkeep.stages.dispatch import Backlog, Dispatcher, RoundRobin
from reelkeep.stages.download import Attempts, Downloader
from reelkeep.stages.poll import Poller
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.stages.provider_trash import Disposer
from reelkeep.stages.publish import Publisher
from reelkeep.stages.signals import Notifiable, Signal
from reelkeep.stages.storage import DiskSpace, Storage
from reelkeep.stages.stream import PartStream
from reelkeep.stages.worker_pool import SlotPool, WorkerPool


class Occasion(Enum):
    """What happened, so that somebody may have something to do."""

    POLLED = auto()  #: There may be something new of a provider.
    CLAIMED = auto()  #: Something is in the backlog of a provider.
    ATTEMPTED = auto()  #: An attempt at a file has ended.
    RECORDED = auto()  #: Outcomes are in the catalog.
    FAILED = auto()  #: Among them were failures, which may be due again.
    PUBLISHED = auto()  #: Folders have appeared, or time has moved recordings on.
    STORABLE = auto()  #: Something can be stored again, or there may be room for it.
    CLOCK_SET = auto()


class Waiter(Enum):
    """Who waits for something to do."""

    DISPATCHER = auto()  #: One for each provider.
    ROUND_ROBIN = auto()
    PUBLISHER = auto()
    ACKNOWLEDGER = auto()  #: One for each provider.
    STEERING = auto()  #: Who decides how long the pipeline works.


WAKES: Final[Mapping[Occasion, Sequence[Waiter]]] = {
    Occasion.POLLED: (Waiter.DISPATCHER, Waiter.ROUND_ROBIN, Waiter.PUBLISHER),
    Occasion.CLAIMED: (Waiter.ROUND_ROBIN,),
    Occasion.ATTEMPTED: (Waiter.ROUND_ROBIN,),
    Occasion.RECORDED: (Waiter.PUBLISHER, Waiter.STEERING),
    Occasion.FAILED: (Waiter.DISPATCHER, Waiter.ROUND_ROBIN),
    Occasion.PUBLISHED: (Waiter.ACKNOWLEDGER, Waiter.STEERING),
    Occasion.STORABLE: (Waiter.DISPATCHER, Waiter.ROUND_ROBIN),
    Occasion.CLOCK_SET: (
        Waiter.DISPATCHER,
        Waiter.PUBLISHER,
        Waiter.ACKNOWLEDGER,
        Waiter.STEERING,
    ),
}
"""Who is woken on which occasion."""


class Wakes:
    """The signals of those who wait, which `WAKES` says when to notify."""

    def __init__(self) -> None:
        self._signals: dict[tuple[Waiter, ProviderName | None], Signal] = {}

    def add(self, waiter: Waiter, name: ProviderName | None = None) -> Signal:
        """Return the signal for `waiter`, that of the provider `name` if each has one."""
        return self._signals.setdefault((waiter, name), Signal())

    def forget(self, name: ProviderName) -> None:
        """Wake those of the provider `name` no more."""
        self._signals = {key: each for key, each in self._signals.items() if key[1] != name}

    def notify(self, occasion: Occasion, name: ProviderName | None = None) -> None:
        """Wake those who have to do with `occasion`, of one provider only if `name` is given."""
        for (waiter, whose), signal in self._signals.items():
            if waiter in WAKES[occasion] and (name is None or whose in (None, name)):
                signal.notify()

    def on(self, occasion: Occasion, name: ProviderName | None = None) -> Notifiable:
        """Return what notifies of `occasion`."""
        return _Notifying(self, occasion, name)


@dataclass(frozen=True, slots=True)
class _Notifying:
    wakes: Wakes
    occasion: Occasion
    name: ProviderName | None

    def notify(self) -> None:
        self.wakes.notify(self.occasion, self.name)


Work = Callable[[], Awaitable[None]]


class ProviderPipeline:
    """The stages of one provider. They end with the tasks they run in, or when dismissed."""

    def __init__(
        self, resources: Resources, name: ProviderName, *, wakes: Wakes, storage: Storage,
        space: DiskSpace,
    ) -> None:  # fmt: skip
        provider = resources.providers[name]
        clock, report, clean = resources.clock, resources.report, resources.clean
        self.backlog = Backlog(resources.settings.downloads.queue_size)
        self.health = ProviderHealth(name, provider.traits.interval, clock, report, clean)
        self.poller = Poller(
            provider,
            resources.intake,
            clock=clock,
            rng=resources.rng,
            report=report,
            work=wakes.on(Occasion.POLLED, name),
            health=self.health,
        )
        self.backfiller = Backfiller(
            provider,
            resources.backfills,
            self.poller.reader,
            clock=clock,
            report=report,
            clean=clean,
        )
        self.disposer = Disposer(
            provider,
            resources.disposals,
            partial(not_intact, resources.archive),
            clock=clock,
            report=report,
            clean=clean,
            health=self.health,
            withheld=resources.missing_content > 0,
        )
        self.acknowledger = Acknowledger(
            provider,
            resources.intake,
            clock=clock,
            report=report,
            archived=wakes.add(Waiter.ACKNOWLEDGER, name),
            withheld=resources.missing_content > 0,
        )
        self._dispatcher = Dispatcher(
            resources.queue,
            clock=clock,
            health=self.health,
            storage=storage,
            work=wakes.add(Waiter.DISPATCHER, name),
            filled=wakes.on(Occasion.CLAIMED),
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


Steer = Callable[[], Awaitable[None]]
"""Decides how long a pipeline works: until it returns."""


class Pipeline:
    """The stages of one process over its resources, for the providers `names`. `run` it once.

    With `polls`, each provider is asked on its interval; else whoever steers asks.
    """

    def __init__(
        self, resources: Resources, names: Sequence[ProviderName], *, polls: bool = False
    ) -> None:
        self._resources = resources
        self._polls = polls
        self._wakes = wakes = Wakes()
        self._groups: tuple[TaskGroup, TaskGroup]  # of what ends first at a stop, and last
        self.moved = wakes.add(Waiter.STEERING)
        self.storage = Storage(
            resources.archive, resources.report, reopened=wakes.on(Occasion.STORABLE)
        )
        self.space = DiskSpace(
            resources.archive,
            resources.transfers,
            resources.queue,
            resources.report,
            clock=resources.clock,
            names=lambda: list(self.pipelines),
        )
        self.pipelines: dict[ProviderName, ProviderPipeline] = {}
        self._backlogs: dict[ProviderName, Backlog] = {}
        self._health: dict[ProviderName, ProviderHealth] = {}
        for name in names:
            self._add(name)
        self.publisher = Publisher(
            resources.ledger,
            resources.archive,
            report=resources.report,
            done=wakes.on(Occasion.PUBLISHED),
            storage=self.storage,
        )
        options = resources.settings.downloads
        self._slots = SlotPool(resources.transfers, slots=options.workers, lanes=options.lanes)
        self.attempts = Attempts(
            self._downloader(),
            self._health,
            storage=self.storage,
            space=self.space,
            ended=wakes.on(Occasion.ATTEMPTED),
        )
        self._pool = WorkerPool(self.attempts, options.workers)

    @property
    def pollers(self) -> Mapping[ProviderName, Poller]:
        """Who asks each provider."""
        return {name: pipeline.poller for name, pipeline in self.pipelines.items()}

    @property
    def backfillers(self) -> Mapping[ProviderName, Backfiller]:
        """Who reads again what an operator wants of each provider."""
        return {name: pipeline.backfiller for name, pipeline in self.pipelines.items()}

    @property
    def disposers(self) -> Mapping[ProviderName, Disposer]:
        """Who moves to each provider's trash what is surely here."""
        return {name: pipeline.disposer for name, pipeline in self.pipelines.items()}

    @property
    def acknowledgers(self) -> Mapping[ProviderName, Acknowledger]:
        """Who tells each provider."""
        return {name: pipeline.acknowledger for name, pipeline in self.pipelines.items()}

    def queued(self) -> dict[ProviderName, int]:
        """Return how many recordings wait in memory, by provider."""
        return {name: len(backlog) for name, backlog in self._backlogs.items()}

    async def run(self, steer: Steer) -> None:
        """Work until `steer` returns; then take nothing new, and end what is under way.

        Transfers may finish within most of `shutdown_grace`; then they are cut off, which costs
        time but no bytes: parts resume at the next start, exactly as after a crash.
        """
        send_file, files = anyio.create_memory_object_stream[Download](0)
        send_outcome, outcomes = anyio.create_memory_object_stream[Outcome](publish.MOST_OUTCOMES)
        last = anyio.CancelScope()
        async with anyio.create_task_group() as back:
            recorded = self._wakes.add(Waiter.PUBLISHER)
            back.start_soon(self.publisher.forever, recorded, name="publish")
            async with anyio.create_task_group() as results:
                record = partial(
                    publish.run,
                    recorded=self._wakes.on(Occasion.RECORDED),
                    failed=self._wakes.on(Occasion.FAILED),
                )
                results.start_soon(record, outcomes, self._resources.ledger, name="record")
                async with anyio.create_task_group() as pool:
                    pool.start_soon(self._pool.run, files, send_outcome, name="download")
                    await self._feed(send_file, steer, back)
                    stopped_at, grace = (
                        anyio.current_time(),
                        self._resources.settings.shutdown_grace,
                    )
                    pool.cancel_scope.deadline = stopped_at + drain_time(grace)
                    last.deadline = stopped_at + grace.total_seconds()
            with last:
                await self.publisher.once()
            back.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._resources.queue.recover()

    async def dismiss(self, names: Iterable[ProviderName]) -> None:
        """Work no longer for these providers; what is under way of them goes on to its end."""
        for name in names:
            del self._backlogs[name], self._health[name]
            pipeline = self.pipelines.pop(name)
            self._wakes.forget(name)
            await self._resources.queue.release(await pipeline.dismiss())

    def engage(self, names: Iterable[ProviderName]) -> None:
        """Work for these providers, too. The pipeline must be running."""
        for name in names:
            self._start(self._add(name))

    def adjust(self) -> None:
        """Take over the limits that are in force now."""
        options = self._resources.settings.downloads
        self._slots.resize(slots=options.workers, lanes=options.lanes)
        self._pool.resize(options.workers)
        for pipeline in self.pipelines.values():
            pipeline.backlog.resize(options.queue_size)

    def poll(self) -> None:
        """Ask every provider at once."""
        for pipeline in self.pipelines.values():
            pipeline.poller.wake.notify()

    def _add(self, name: ProviderName) -> ProviderPipeline:
        pipeline = ProviderPipeline(
            self._resources, name, wakes=self._wakes, storage=self.storage, space=self.space
        )
        self.pipelines[name] = pipeline
        self._backlogs[name], self._health[name] = pipeline.backlog, pipeline.health
        return pipeline

    def _start(self, pipeline: ProviderPipeline) -> None:
        front, back = self._groups
        pipeline.start(front=front, back=back, polls=self._polls)

    async def _feed(
        self, files: MemoryObjectSendStream[Download], steer: Steer, back: TaskGroup
    ) -> None:
        """Claim and hand out what is due until `steer` returns; closes `files`."""
        async with anyio.create_task_group() as front:
            self._groups = front, back
            for pipeline in self.pipelines.values():
                self._start(pipeline)
            front.start_soon(self._round_robin().forever, files, name="turns")
            front.start_soon(self._watch_storage, name="storage")
            front.start_soon(self._resources.clock_watch.watch, self._stepped, name="clock")
            await steer()
            front.cancel_scope.cancel()

    def _stepped(self) -> None:
        """Look at all that waits: the clock was set."""
        for pipeline in self.pipelines.values():
            pipeline.poller.cursor.forget()
        self._wakes.notify(Occasion.CLOCK_SET)

    def _round_robin(self) -> RoundRobin:
        return RoundRobin(
            self._backlogs,
            filled=self._wakes.add(Waiter.ROUND_ROBIN),
            storage=self.storage,
            space=self.space,
            pass_over=self._pass_over,
            health=self._health,
            has_share=self._has_share,
        )

    async def _watch_storage(self) -> None:
        """Look at the disk now and then, and say what does not fit on it."""
        while True:
            await self.storage.look()
            if not self.storage.paused and await self.space.tell():
                self._wakes.notify(Occasion.STORABLE)
            await anyio.sleep(self.storage.pause)

    async def _pass_over(self, claim: Claim) -> None:
        """Leave in the catalog what does not fit now; it is tried again a little later."""
        await self._resources.queue.release([claim], until=self._resources.clock() + PATIENCE)

    def _has_share(self, name: ProviderName, others: int) -> bool:
        """Whether a provider has all downloaders but one for each of `others`, or half of them.

        A slow host of one provider shall not take them all.
        """
        workers = self._resources.settings.downloads.workers
        busy = sum(each.download.provider == name for each in self._resources.transfers.under_way)
        return busy >= max(1, workers // 2, workers - others)

    def _downloader(self) -> Downloader:
        resources = self._resources
        report, transfers = resources.report, resources.transfers
        stream = PartStream(
            resources.transport,
            clock=resources.clock,
            report=report,
            transfers=transfers,
            slots=self._slots,
        )
        return Downloader(
            resources.providers, resources.archive, stream, transfers=transfers, report=report
        )


def drain_time(grace: timedelta) -> float:
    """Return for how many seconds of a stop transfers may go on; the rest is for the commit."""
    seconds = grace.total_seconds()
    return max(0.0, seconds - max(1.0, seconds / 4))
