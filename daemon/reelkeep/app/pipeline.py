"""Put the stages together, and end them in the right order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.app.house import House
from reelkeep.core.model import Claim, Download, Failed, Outcome, ProviderName
from reelkeep.errors import ProviderError, Remedy
from reelkeep.stages import download, record
from reelkeep.stages.acknowledge import Acknowledger
from reelkeep.stages.bells import Bell, Chime
from reelkeep.stages.dispatch import Dispatcher, take_turns
from reelkeep.stages.fetch import Fetcher
from reelkeep.stages.hands import Hands
from reelkeep.stages.poll import Poller
from reelkeep.stages.publish import Publisher
from reelkeep.stages.space import Space
from reelkeep.stages.stream import Stream

Steer = Callable[[], Awaitable[None]]
"""Decides how long a pipeline works: until it returns."""

Claims = Mapping[ProviderName, MemoryObjectReceiveStream[Claim]]


class Pipeline:
    """The stages of one process over one house, for the providers `names`. `run` it once."""

    def __init__(self, house: House, names: Sequence[ProviderName]) -> None:
        self._house = house
        self._filled, self._recorded = Bell(), Bell()
        self.moved = Bell()  #: Rings when outcomes were recorded or recordings published.
        self.space = Space(house.archive, house.flights, house.report)
        self.pollers: dict[ProviderName, Poller] = {}
        self.acknowledgers: dict[ProviderName, Acknowledger] = {}
        self._dispatchers: dict[ProviderName, Dispatcher] = {}
        self._queues: dict[ProviderName, MemoryObjectReceiveStream[Claim]] = {}
        self._work: list[Bell] = []
        self.stirred_at = anyio.current_time()  #: When last an attempt at a file came to something.
        for name in names:
            self._add(name)
        tellers = (acknowledger.archived for acknowledger in self.acknowledgers.values())
        done = Chime([self.moved, *tellers])
        self.publisher = Publisher(house.ledger, house.archive, report=house.report, done=done)

    def _add(self, name: ProviderName) -> None:
        house, provider, work = self._house, self._house.providers[name], Bell()
        poller = Poller(
            provider,
            house.intake,
            clock=house.clock,
            dice=house.dice,
            report=house.report,
            work=Chime([work, self._recorded]),
            clean=house.clean,
        )
        self._work.append(work)
        self.pollers[name] = poller
        self._dispatchers[name] = Dispatcher(
            name,
            house.queue,
            clock=house.clock,
            paused=lambda: poller.health.paused,
            work=work,
            filled=self._filled,
        )
        self.acknowledgers[name] = Acknowledger(
            provider, house.intake, clock=house.clock, report=house.report
        )

    def queued(self) -> dict[ProviderName, int]:
        """Return how many recordings wait in memory, by provider."""
        return {
            name: queue.statistics().current_buffer_used for name, queue in self._queues.items()
        }

    async def run(self, steer: Steer, *, grace: timedelta) -> None:
        """Work until `steer` returns; then take nothing new, and end what is under way.

        Transfers may finish within most of `grace`; then they are cut off, which costs time but no
        bytes: parts resume at the next start, exactly as after a crash.
        """
        send_file, files = anyio.create_memory_object_stream[Download](0)
        send_outcome, outcomes = anyio.create_memory_object_stream[Outcome](record.MOST)
        last = anyio.CancelScope()
        async with anyio.create_task_group() as back:
            back.start_soon(self.publisher.forever, self._recorded, name="publish")
            for name, acknowledger in self.acknowledgers.items():
                back.start_soon(acknowledger.forever, name=f"acknowledge {name}")
            async with anyio.create_task_group() as results:
                results.start_soon(self._record, outcomes, name="record")
                async with anyio.create_task_group() as pool:
                    pool.start_soon(self._download, files, send_outcome, name="download")
                    await self._feed(send_file, steer)
                    stopped_at = anyio.current_time()
                    pool.cancel_scope.deadline = stopped_at + drain_time(grace)
                    last.deadline = stopped_at + grace.total_seconds()
            with last:
                await self.publisher.once()
            back.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._house.queue.recover()

    async def _feed(self, files: MemoryObjectSendStream[Download], steer: Steer) -> None:
        """Claim and hand out what is due until `steer` returns; closes `files`."""
        size = self._house.settings.downloads.queue_size
        async with AsyncExitStack() as stack, anyio.create_task_group() as front:
            queues = self._queues
            for name, dispatcher in self._dispatchers.items():
                send, queues[name] = anyio.create_memory_object_stream[Claim](size)
                stack.enter_context(queues[name])
                front.start_soon(dispatcher.forever, send, name=f"dispatch {name}")
            front.start_soon(self._take_turns, queues, files, name="turns")
            await steer()
            front.cancel_scope.cancel()

    async def _take_turns(self, queues: Claims, files: MemoryObjectSendStream[Download]) -> None:
        await take_turns(
            queues,
            files,
            filled=self._filled,
            space=self.space,
            paused=lambda name: self.pollers[name].health.paused,
        )

    async def _download(
        self,
        files: MemoryObjectReceiveStream[Download],
        outcomes: MemoryObjectSendStream[Outcome],
    ) -> None:
        house = self._house
        report, flights = house.report, house.flights
        options = house.settings.downloads
        hands = Hands(flights, slots=options.workers, lanes=options.lanes)
        stream = Stream(
            house.transport, clock=house.clock, report=report, flights=flights, hands=hands
        )
        fetch = Fetcher(house.providers, house.archive, stream, flights=flights, report=report)

        async def watched(download: Download) -> Outcome:
            outcome = await fetch(download)
            self._note(outcome)
            return outcome

        await download.run(files, outcomes, fetch=watched, workers=options.workers)

    def _note(self, outcome: Outcome) -> None:
        """Draw from `outcome` what it says about more than one file."""
        error = outcome.error if isinstance(outcome, Failed) else None
        if isinstance(error, ProviderError):
            self.pollers[outcome.download.provider].met(error)
        if getattr(error, "remedy", None) not in (Remedy.WAIT, Remedy.PAUSE):
            self.stirred_at = anyio.current_time()

    async def _record(self, outcomes: MemoryObjectReceiveStream[Outcome]) -> None:
        await record.run(
            outcomes,
            self._house.ledger,
            recorded=Chime([self._recorded, self.moved]),
            failed=Chime(self._work),
        )


def drain_time(grace: timedelta) -> float:
    """Return for how many seconds of a stop transfers may go on; the rest is for the commit."""
    seconds = grace.total_seconds()
    return max(0.0, seconds - max(1.0, seconds / 4))
