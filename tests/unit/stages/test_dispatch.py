from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest

import virtual
from fakes.archive import MemoryArchive
from fakes.provider import FakeProvider, many, recording
from fakes.rig import Rig, StrictLog, running
from reelkeep.core.model import Claim, Download, Failed, FileId, ProviderName, RecordingId
from reelkeep.errors import Throttled, Unreachable
from reelkeep.ports import Queue
from reelkeep.stages.backlog import Backlog
from reelkeep.stages.bells import Bell
from reelkeep.stages.dispatch import GULP, TICK, Dispatcher, take_turns
from reelkeep.stages.flights import Flights
from reelkeep.stages.space import Space
from virtual import VIRTUAL, Backend

A, B = ProviderName("a"), ProviderName("b")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Counting:
    """Counts what is asked of the queue."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.claims = 0

    async def claim(self, provider: ProviderName, limit: int) -> Any:
        self.claims += 1
        return await self._queue.claim(provider, limit)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


class Desk:
    """One dispatcher over the catalog of a rig, and the its backlog."""

    def __init__(self, rig: Rig, *, size: float = math.inf, name: ProviderName = A) -> None:
        self.queue = Counting(rig.house.queue)
        self.work, self.filled = Bell(), Bell()
        self.paused = False
        self.backlog = Backlog(size)
        self._dispatcher = Dispatcher(
            name,
            self.queue,
            clock=virtual.clock,
            paused=lambda: self.paused,
            work=self.work,
            filled=self.filled,
        )

    async def forever(self) -> None:
        await self._dispatcher.forever(self.backlog)

    def waiting(self) -> list[RecordingId]:
        """Take out what is in the queue."""
        return [claim.recording for claim in iter(self.backlog.take, None)]


async def admitted(*recordings: Any, name: ProviderName = A) -> Rig:
    provider = FakeProvider(name=name)
    rig = Rig(provider)
    await rig.house.intake.admit(name, provider.traits, recordings)
    return rig


async def test_the_most_endangered_goes_first() -> None:
    soon, sooner = virtual.START + timedelta(days=9), virtual.START + timedelta(days=1)
    old = virtual.START - timedelta(days=99)
    desk = Desk(
        await admitted(
            recording("safe"),
            recording("old", started=old),
            recording("soon", deadline=soon),
            recording("sooner", deadline=sooner),
        )
    )
    async with running(desk.forever):
        await anyio.sleep(1)
        assert desk.waiting() == ["sooner", "soon", "old", "safe"]


async def test_no_more_than_a_queue_and_a_gulp_is_claimed() -> None:
    rig = await admitted(*many(1000))
    desk = Desk(rig, size=50)
    async with running(desk.forever):
        await anyio.sleep(60)
        assert await rig.files("active") <= 50 + GULP


async def test_nothing_is_claimed_of_a_paused_provider() -> None:
    rig = await admitted(recording())
    desk = Desk(rig)
    desk.paused = True
    async with running(desk.forever):
        await anyio.sleep(3600)
        assert await rig.files("due") == 1
        desk.paused = False
        await anyio.sleep(TICK.total_seconds())
        assert desk.waiting() == ["a"]


async def test_what_another_process_made_due_is_found_in_time() -> None:
    rig = await admitted()
    desk = Desk(rig)
    async with running(desk.forever):
        await anyio.sleep(60)
        await rig.house.intake.admit(A, rig.providers[A].traits, [recording()])
        await anyio.sleep(TICK.total_seconds())
        assert desk.waiting() == ["a"]


async def test_a_ring_is_answered_at_once() -> None:
    rig = await admitted()
    desk = Desk(rig)
    async with running(desk.forever):
        await anyio.sleep(1)
        await rig.house.intake.admit(A, rig.providers[A].traits, [recording()])
        desk.work.ring()
        await anyio.sleep(0.01)
        assert desk.waiting() == ["a"]


@pytest.mark.parametrize("error", [Unreachable("gone"), Throttled("slowly", after=1800)])
async def test_a_retry_is_claimed_when_it_is_due(error: Exception) -> None:
    rig = await admitted(recording())
    (claim,) = await rig.house.queue.claim(A, 1)
    await rig.house.ledger.record([Failed(download=claim.downloads[0], error=error)])
    due = await rig.house.queue.next_due(A)
    assert due is not None
    desk = Desk(rig)
    async with running(desk.forever):
        await anyio.sleep((due - virtual.clock()).total_seconds() - 0.1)
        assert desk.waiting() == []
        await anyio.sleep(0.2)
        assert desk.waiting() == ["a"]


async def test_an_idle_catalog_is_looked_at_every_tick_and_no_oftener() -> None:
    desk = Desk(await admitted())
    async with running(desk.forever):
        await anyio.sleep(600)
    assert desk.queue.claims <= 600 / TICK.total_seconds() + 1


async def test_what_cannot_be_claimed_is_not_asked_for_in_a_loop() -> None:
    """A due file of a recording that has yet to be described again."""
    rig = await admitted(recording())
    await rig.database.write(lambda c: c.exec_driver_sql("UPDATE recording SET described = 0"))
    desk = Desk(rig)
    async with running(desk.forever):
        await anyio.sleep(600)
    assert desk.queue.claims <= 600 / TICK.total_seconds() + 1


class Turns:
    """The turns over two queues with given claims, and who takes what is handed out."""

    def __init__(self, queued: Mapping[ProviderName, int], *, files: int = 1) -> None:
        self.archive = MemoryArchive()
        self.flights = Flights()
        self.space = Space(self.archive, self.flights, StrictLog())
        self.paused: set[ProviderName] = set()
        self.filled = Bell()
        self.queues = {name: Backlog(100) for name in queued}
        for name, count in queued.items():
            self.queues[name].add(claim(name, number, files) for number in range(count))
        self._send, self.files = anyio.create_memory_object_stream[Download](0)
        self.taken: list[str] = []

    async def forever(self) -> None:
        await take_turns(
            self.queues,
            self._send,
            filled=self.filled,
            space=self.space,
            paused=self.paused.__contains__,
        )

    async def take(self) -> None:
        async for download in self.files:
            self.taken.append(f"{download.provider}{download.recording}.{download.file}")

    def close(self) -> None:
        self._send.close()
        self.files.close()


def claim(name: ProviderName, number: int, files: int) -> Claim:
    id_ = RecordingId(str(number))
    downloads = tuple(
        Download(
            row=file,
            provider=name,
            recording=id_,
            file=FileId(str(file)),
            key="k",
            name="n",
            size=10,
        )
        for file in range(files)
    )
    return Claim(row=number, provider=name, recording=id_, downloads=downloads)


async def test_providers_take_turns() -> None:
    turns = Turns({A: 5, B: 2})
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
    assert turns.taken == ["a0.0", "b0.0", "a1.0", "b1.0", "a2.0", "a3.0", "a4.0"]
    turns.close()


async def test_the_files_of_a_recording_come_together() -> None:
    turns = Turns({A: 2}, files=3)
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
    assert turns.taken == ["a0.0", "a0.1", "a0.2", "a1.0", "a1.1", "a1.2"]
    turns.close()


async def test_what_is_queued_of_a_paused_provider_stays() -> None:
    turns = Turns({A: 3, B: 1})
    turns.paused.add(A)
    async with running(turns.forever, turns.take):
        await anyio.sleep(60)
        assert turns.taken == ["b0.0"]
        turns.paused.clear()
        await anyio.sleep(TICK.total_seconds())
        assert turns.taken == ["b0.0", "a0.0", "a1.0", "a2.0"]
    turns.close()


async def test_nothing_is_handed_out_while_nobody_is_free() -> None:
    turns = Turns({A: 3})
    async with running(turns.forever):
        await anyio.sleep(60)
        assert len(turns.queues[A]) == 2
    turns.close()


async def test_nothing_is_handed_out_while_the_disk_is_full() -> None:
    turns = Turns({A: 3})
    turns.archive.room = 0
    async with running(turns.forever, turns.take):
        await anyio.sleep(60)
        assert turns.taken == []
        turns.archive.room = 1000
        await anyio.sleep(10)
        assert len(turns.taken) == 3
    turns.close()


async def test_a_file_has_taken_off_before_the_room_of_the_next_is_reckoned() -> None:
    turns = Turns({A: 3})
    turns.archive.room = 25

    async def fly() -> None:
        async for download in turns.files:
            with turns.flights.take_off(download, 0):
                await anyio.sleep_forever()

    async with running(turns.forever, fly, fly, fly):
        await anyio.sleep(60)
        assert len(turns.flights.under_way) == 2
    turns.close()


async def test_a_backlog_that_is_given_more_room_is_filled_at_once() -> None:
    rig = await admitted(*many(1000))
    desk = Desk(rig, size=50)
    async with running(desk.forever):
        await anyio.sleep(1)
        before = len(desk.backlog)
        desk.backlog.resize(before + 50)
        await anyio.sleep(1)
        assert len(desk.backlog) == before + GULP


async def test_what_a_dismissed_dispatcher_had_claimed_is_all_in_its_backlog() -> None:
    """However it is cut off: the claim is committed by then."""
    rig = await admitted(*many(30))
    desk = Desk(rig)
    async with running(desk.forever):
        await anyio.lowlevel.checkpoint()
    await rig.house.queue.release(desk.backlog.clear())
    assert await rig.files("due") == 30
