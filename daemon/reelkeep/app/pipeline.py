"""Put the stages together, and end them in the right order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.app.house import House
from reelkeep.app.station import Station
from reelkeep.core.model import Download, Failed, Outcome, ProviderName
from reelkeep.errors import ProviderError, Remedy
from reelkeep.stages import record
from reelkeep.stages.acknowledge import Acknowledger
from reelkeep.stages.backfill import Backfiller
from reelkeep.stages.bells import Bell, Carillon, Chime
from reelkeep.stages.dispatch import take_turns
from reelkeep.stages.dispose import Disposer
from reelkeep.stages.download import Fetch, Landed, Pool
from reelkeep.stages.fetch import Fetcher
from reelkeep.stages.hands import Hands
from reelkeep.stages.poll import Poller
from reelkeep.stages.publish import Publisher
from reelkeep.stages.space import Space
from reelkeep.stages.stream import Stream

Steer = Callable[[], Awaitable[None]]
"""Decides how long a pipeline works: until it returns."""


class Pipeline:
    """The stages of one process over one house, for the providers `names`. `run` it once.

    With `polls`, each provider is asked on its interval; else whoever steers asks.
    """

    def __init__(self, house: House, names: Sequence[ProviderName], *, polls: bool = False) -> None:
        self._house = house
        self._polls = polls
        self._filled, self._recorded = Bell(), Bell()
        self._groups: tuple[TaskGroup, TaskGroup]  # of what ends first at a stop, and last
        self.moved = Bell()  #: Rings when outcomes were recorded or recordings published.
        self.space = Space(house.archive, house.flights, house.report)
        self.stirred_at = anyio.current_time()  #: When last an attempt at a file came to something.
        self.stations = {name: self._station(name) for name in names}
        self._backlogs = {name: station.backlog for name, station in self.stations.items()}
        done = Chime([self.moved, Carillon(self._tellers)])
        self.publisher = Publisher(house.ledger, house.archive, report=house.report, done=done)
        options = house.settings.downloads
        self._hands = Hands(house.flights, slots=options.workers, lanes=options.lanes)
        self._pool = Pool(self._fetcher(), options.workers)

    @property
    def pollers(self) -> Mapping[ProviderName, Poller]:
        """Who asks each provider."""
        return {name: station.poller for name, station in self.stations.items()}

    @property
    def backfillers(self) -> Mapping[ProviderName, Backfiller]:
        """Who reads again what an operator wants of each provider."""
        return {name: station.backfiller for name, station in self.stations.items()}

    @property
    def disposers(self) -> Mapping[ProviderName, Disposer]:
        """Who moves to each provider's trash what is surely here."""
        return {name: station.disposer for name, station in self.stations.items()}

    @property
    def acknowledgers(self) -> Mapping[ProviderName, Acknowledger]:
        """Who tells each provider."""
        return {name: station.acknowledger for name, station in self.stations.items()}

    def queued(self) -> dict[ProviderName, int]:
        """Return how many recordings wait in memory, by provider."""
        return {name: len(backlog) for name, backlog in self._backlogs.items()}

    async def run(self, steer: Steer) -> None:
        """Work until `steer` returns; then take nothing new, and end what is under way.

        Transfers may finish within most of `shutdown_grace`; then they are cut off, which costs
        time but no bytes: parts resume at the next start, exactly as after a crash.
        """
        send_file, files = anyio.create_memory_object_stream[Download](0)
        send_outcome, outcomes = anyio.create_memory_object_stream[Outcome](record.MOST)
        last = anyio.CancelScope()
        async with anyio.create_task_group() as back:
            back.start_soon(self.publisher.forever, self._recorded, name="publish")
            async with anyio.create_task_group() as results:
                results.start_soon(self._record, outcomes, name="record")
                async with anyio.create_task_group() as pool:
                    pool.start_soon(self._pool.run, files, send_outcome, name="download")
                    await self._feed(send_file, steer, back)
                    stopped_at, grace = anyio.current_time(), self._house.settings.shutdown_grace
                    pool.cancel_scope.deadline = stopped_at + drain_time(grace)
                    last.deadline = stopped_at + grace.total_seconds()
            with last:
                await self.publisher.once()
            back.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._house.queue.recover()

    async def dismiss(self, names: Iterable[ProviderName]) -> None:
        """Work no longer for these providers; what is under way of them goes on to its end."""
        for name in names:
            del self._backlogs[name]
            station = self.stations.pop(name)
            await self._house.queue.release(await station.dismiss())

    def engage(self, names: Iterable[ProviderName]) -> None:
        """Work for these providers of the house, too. The pipeline must be running."""
        for name in names:
            station = self.stations[name] = self._station(name)
            self._backlogs[name] = station.backlog
            self._start(station)

    def adjust(self) -> None:
        """Take over the limits that are in force in the house now."""
        options = self._house.settings.downloads
        self._hands.resize(slots=options.workers, lanes=options.lanes)
        self._pool.resize(options.workers)
        for station in self.stations.values():
            station.backlog.resize(options.queue_size)

    def poll(self) -> None:
        """Ask every provider at once."""
        for station in self.stations.values():
            station.poller.wake.ring()

    def _station(self, name: ProviderName) -> Station:
        return Station(self._house, name, filled=self._filled, recorded=self._recorded)

    def _start(self, station: Station) -> None:
        front, back = self._groups
        station.start(front=front, back=back, polls=self._polls)

    async def _feed(
        self, files: MemoryObjectSendStream[Download], steer: Steer, back: TaskGroup
    ) -> None:
        """Claim and hand out what is due until `steer` returns; closes `files`."""
        async with anyio.create_task_group() as front:
            self._groups = front, back
            for station in self.stations.values():
                self._start(station)
            front.start_soon(self._take_turns, files, name="turns")
            await steer()
            front.cancel_scope.cancel()

    async def _take_turns(self, files: MemoryObjectSendStream[Download]) -> None:
        await take_turns(
            self._backlogs,
            files,
            filled=self._filled,
            space=self.space,
            paused=lambda name: self.stations[name].poller.health.paused,
        )

    def _fetcher(self) -> Fetch:
        house = self._house
        report, flights = house.report, house.flights
        stream = Stream(
            house.transport, clock=house.clock, report=report, flights=flights, hands=self._hands
        )
        fetch = Fetcher(house.providers, house.archive, stream, flights=flights, report=report)

        async def watched(download: Download, landed: Landed) -> Outcome:
            outcome = await fetch(download, landed)
            self._note(outcome)
            return outcome

        return watched

    def _note(self, outcome: Outcome) -> None:
        """Draw from `outcome` what it says about more than one file."""
        error = outcome.error if isinstance(outcome, Failed) else None
        station = self.stations.get(outcome.download.provider)
        if isinstance(error, ProviderError) and station is not None:
            station.poller.met(error)
        if getattr(error, "remedy", None) not in (Remedy.WAIT, Remedy.PAUSE):
            self.stirred_at = anyio.current_time()

    async def _record(self, outcomes: MemoryObjectReceiveStream[Outcome]) -> None:
        await record.run(
            outcomes,
            self._house.ledger,
            recorded=Chime([self._recorded, self.moved]),
            failed=Carillon(lambda: [station.work for station in self.stations.values()]),
        )

    def _tellers(self) -> list[Bell]:
        return [station.acknowledger.archived for station in self.stations.values()]


def drain_time(grace: timedelta) -> float:
    """Return for how many seconds of a stop transfers may go on; the rest is for the commit."""
    seconds = grace.total_seconds()
    return max(0.0, seconds - max(1.0, seconds / 4))
