"""All stages, put together: those of each provider, and those that all providers share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.app.resources import Resources
from reelkeep.app.verification import not_intact
from reelkeep.core.model import Claim, Download, Failed, Outcome, ProviderName
from reelkeep.core.retry import PATIENCE
from reelkeep.errors import DiskFull, ProviderError, Remedy, TooLarge, TransferError
from reelkeep.stages import publish
from reelkeep.stages.acknowledge import Acknowledger
from reelkeep.stages.backfill import Backfiller
from reelkeep.stages.dispatch import Backlog, Dispatcher, RoundRobin
from reelkeep.stages.download import Downloader
from reelkeep.stages.poll import Poller
from reelkeep.stages.provider_trash import Disposer
from reelkeep.stages.publish import Publisher
from reelkeep.stages.signals import Signal, SignalGroup, SignalRegistry
from reelkeep.stages.storage import DiskSpace, Storage
from reelkeep.stages.stream import PartStream
from reelkeep.stages.worker_pool import Fetch, Landed, SlotPool, WorkerPool

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
        self._filled, self._recorded = Signal(), Signal()
        self._groups: tuple[TaskGroup, TaskGroup]  # of what ends first at a stop, and last
        self.moved = Signal()  #: Notified when outcomes were recorded or recordings published.
        self.storage = Storage(
            resources.archive, resources.report, reopened=SignalRegistry(self._workers)
        )
        self.space = DiskSpace(
            resources.archive,
            resources.transfers,
            resources.queue,
            resources.report,
            clock=resources.clock,
            names=lambda: list(self.pipelines),
        )
        self.stirred_at = anyio.current_time()  #: When last an attempt at a file came to something.
        self.pipelines: dict[ProviderName, ProviderPipeline] = {}
        self.pipelines.update((name, self._pipeline_of(name)) for name in names)
        self._backlogs = {name: pipeline.backlog for name, pipeline in self.pipelines.items()}
        done = SignalGroup([self.moved, SignalRegistry(self._tellers)])
        self.publisher = Publisher(
            resources.ledger,
            resources.archive,
            report=resources.report,
            done=done,
            storage=self.storage,
        )
        options = resources.settings.downloads
        self._slots = SlotPool(resources.transfers, slots=options.workers, lanes=options.lanes)
        self._pool = WorkerPool(self._fetcher(), options.workers)

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
            back.start_soon(self.publisher.forever, self._recorded, name="publish")
            async with anyio.create_task_group() as results:
                results.start_soon(self._record, outcomes, name="record")
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
            del self._backlogs[name]
            pipeline = self.pipelines.pop(name)
            await self._resources.queue.release(await pipeline.dismiss())

    def engage(self, names: Iterable[ProviderName]) -> None:
        """Work for these providers, too. The pipeline must be running."""
        for name in names:
            pipeline = self.pipelines[name] = self._pipeline_of(name)
            self._backlogs[name] = pipeline.backlog
            self._start(pipeline)

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

    def _pipeline_of(self, name: ProviderName) -> ProviderPipeline:
        return ProviderPipeline(
            self._resources,
            name,
            filled=self._filled,
            recorded=self._recorded,
            storage=self.storage,
            space=self.space,
        )

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
            front.start_soon(self._take_turns, files, name="turns")
            front.start_soon(self._watch_storage, name="storage")
            front.start_soon(self._resources.clock_watch.watch, self._stepped, name="clock")
            await steer()
            front.cancel_scope.cancel()

    def _stepped(self) -> None:
        """Look at all that waits: the clock was set."""
        self._recorded.notify()
        self.moved.notify()
        for pipeline in self.pipelines.values():
            pipeline.poller.cursor.forget()
            pipeline.work.notify()
            pipeline.acknowledger.archived.notify()

    async def _take_turns(self, files: MemoryObjectSendStream[Download]) -> None:
        turns = RoundRobin(
            self._backlogs,
            filled=self._filled,
            storage=self.storage,
            space=self.space,
            pass_over=self._pass_over,
            paused=lambda name: self.pipelines[name].poller.health.paused,
            has_share=self._has_share,
        )
        await turns.forever(files)

    async def _watch_storage(self) -> None:
        """Look at the disk now and then, and say what does not fit on it."""
        while True:
            await self.storage.look()
            if not self.storage.paused and await self.space.tell():
                SignalRegistry(self._workers).notify()  # there may be room by now
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

    def _fetcher(self) -> Fetch:
        resources = self._resources
        report, transfers = resources.report, resources.transfers
        stream = PartStream(
            resources.transport,
            clock=resources.clock,
            report=report,
            transfers=transfers,
            slots=self._slots,
        )
        fetch = Downloader(
            resources.providers, resources.archive, stream, transfers=transfers, report=report
        )

        async def watched(download: Download, landed: Landed) -> Outcome:
            outcome = await self._examined(await fetch(download, landed))
            self._note(outcome)
            return outcome

        return watched

    async def _examined(self, outcome: Outcome) -> Outcome:
        """Return `outcome` with the error that is to be recorded."""
        if not isinstance(outcome, Failed) or not isinstance(outcome.error, TransferError):
            return outcome
        error = await self.storage.examine(outcome.error)
        if isinstance(error, TooLarge):
            self.space.outgrown(outcome.download, error.size)
            await self.space.tell()
        return replace(outcome, error=error)

    def _note(self, outcome: Outcome) -> None:
        """Draw from `outcome` what it says about more than one file."""
        self._filled.notify()
        if not isinstance(outcome, Failed) or not isinstance(outcome.error, DiskFull):
            self.space.settled(outcome.download.row)
        error = outcome.error if isinstance(outcome, Failed) else None
        pipeline = self.pipelines.get(outcome.download.provider)
        if isinstance(error, ProviderError) and pipeline is not None:
            pipeline.poller.met(error)
        if getattr(error, "remedy", None) not in (Remedy.WAIT, Remedy.PAUSE):
            self.stirred_at = anyio.current_time()

    async def _record(self, outcomes: MemoryObjectReceiveStream[Outcome]) -> None:
        await publish.run(
            outcomes,
            self._resources.ledger,
            recorded=SignalGroup([self._recorded, self.moved]),
            failed=SignalRegistry(self._workers),
        )

    def _workers(self) -> list[Signal]:
        return [self._filled, *(pipeline.work for pipeline in self.pipelines.values())]

    def _tellers(self) -> list[Signal]:
        return [pipeline.acknowledger.archived for pipeline in self.pipelines.values()]


def drain_time(grace: timedelta) -> float:
    """Return for how many seconds of a stop transfers may go on; the rest is for the commit."""
    seconds = grace.total_seconds()
    return max(0.0, seconds - max(1.0, seconds / 4))
