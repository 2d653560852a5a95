from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest

import virtual
from fakes.archive import MemoryArchive
from fakes.log import RecordedLog
from fakes.provider import FakeProvider, many, recording
from fakes.rig import Rig, running
from reelkeep.core.file_system import PLENTY, Room
from reelkeep.core.model import Claim, Download, Failed, FileId, ProviderName, RecordingId
from reelkeep.errors import Throttled, Unreachable
from reelkeep.ports import PassedOver, Queue
from reelkeep.stages.dispatch import GULP, TICK, Backlog, Dispatcher, RoundRobin
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.stages.signals import Signal
from reelkeep.stages.storage import DiskSpace, Storage
from reelkeep.stages.worker_pool import ActiveTransfers
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

    async def claim(self, provider: ProviderName, limit: int, room: Room = PLENTY) -> Any:
        self.claims += 1
        return await self._queue.claim(provider, limit, room)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


class Desk:
    """One dispatcher over the catalog of a rig, and the its backlog."""

    def __init__(self, rig: Rig, *, size: float = math.inf, name: ProviderName = A) -> None:
        self.queue = Counting(rig.resources.queue)
        self.work, self.filled = Signal(), Signal()
        self.health = ProviderHealth(name, timedelta(minutes=5), virtual.clock, rig.log)
        self.room = PLENTY
        self.backlog = Backlog(size)
        self._dispatcher = Dispatcher(
            self.queue,
            clock=virtual.clock,
            health=self.health,
            storage=Storage(rig.archive, rig.log),
            work=self.work,
            filled=self.filled,
            room=self._room,
        )

    async def _room(self) -> Room:
        return self.room

    async def forever(self) -> None:
        await self._dispatcher.forever(self.backlog)

    def waiting(self) -> list[RecordingId]:
        """Take out what is in the queue."""
        return [claim.recording for claim in iter(self.backlog.take, None)]


async def admitted(*recordings: Any, name: ProviderName = A) -> Rig:
    provider = FakeProvider(name=name)
    rig = Rig(provider)
    await rig.resources.intake.admit(name, provider.traits, recordings)
    return rig


async def test_the_most_endangered_goes_first() -> None:
    soon, sooner = virtual.START + timedelta(days=9), virtual.START + timedelta(days=1)
    old = virtual.START - timedelta(days=99)
    operator = Desk(
        await admitted(
            recording("safe"),
            recording("old", started=old),
            recording("soon", deadline=soon),
            recording("sooner", deadline=sooner),
        )
    )
    async with running(operator.forever):
        await anyio.sleep(1)
        assert operator.waiting() == ["sooner", "soon", "old", "safe"]


async def test_no_more_than_a_queue_and_a_gulp_is_claimed() -> None:
    rig = await admitted(*many(1000))
    operator = Desk(rig, size=50)
    async with running(operator.forever):
        await anyio.sleep(60)
        assert await rig.files("active") <= 50 + GULP


async def test_nothing_is_claimed_of_a_paused_provider() -> None:
    rig = await admitted(recording())
    operator = Desk(rig)
    operator.health.paused = True
    async with running(operator.forever):
        await anyio.sleep(3600)
        assert await rig.files("due") == 1
        operator.health.paused = False
        await anyio.sleep(TICK.total_seconds())
        assert operator.waiting() == ["a"]


async def test_what_another_process_made_due_is_found_in_time() -> None:
    rig = await admitted()
    operator = Desk(rig)
    async with running(operator.forever):
        await anyio.sleep(60)
        await rig.resources.intake.admit(A, rig.providers[A].traits, [recording()])
        await anyio.sleep(TICK.total_seconds())
        assert operator.waiting() == ["a"]


async def test_a_ring_is_answered_at_once() -> None:
    rig = await admitted()
    operator = Desk(rig)
    async with running(operator.forever):
        await anyio.sleep(1)
        await rig.resources.intake.admit(A, rig.providers[A].traits, [recording()])
        operator.work.notify()
        await anyio.sleep(0.01)
        assert operator.waiting() == ["a"]


@pytest.mark.parametrize("error", [Unreachable("gone"), Throttled("slowly", after=1800)])
async def test_a_retry_is_claimed_when_it_is_due(error: Exception) -> None:
    rig = await admitted(recording())
    (claim,) = await rig.resources.queue.claim(A, 1)
    await rig.resources.ledger.record([Failed(download=claim.downloads[0], error=error)])
    due = await rig.resources.queue.next_due(A)
    assert due is not None
    operator = Desk(rig)
    async with running(operator.forever):
        await anyio.sleep((due - virtual.clock()).total_seconds() - 0.1)
        assert operator.waiting() == []
        await anyio.sleep(0.2)
        assert operator.waiting() == ["a"]


async def test_an_idle_catalog_is_looked_at_every_tick_and_no_oftener() -> None:
    operator = Desk(await admitted())
    async with running(operator.forever):
        await anyio.sleep(600)
    assert operator.queue.claims <= 600 / TICK.total_seconds() + 1


async def test_what_cannot_be_claimed_is_not_asked_for_in_a_loop() -> None:
    """A due file of a recording that has yet to be described again."""
    rig = await admitted(recording())
    await rig.database.write(lambda c: c.exec_driver_sql("UPDATE recording SET described = 0"))
    operator = Desk(rig)
    async with running(operator.forever):
        await anyio.sleep(600)
    assert operator.queue.claims <= 600 / TICK.total_seconds() + 1


class Nothing:
    """A queue in a catalog where no file waits for room."""

    async def endangered(self, *_: object) -> int:
        return 0

    async def too_large(self, *_: object) -> list[PassedOver]:
        return []


class Handed:
    """The turns over two queues with given claims, and who takes what is handed out."""

    def __init__(self, queued: Mapping[ProviderName, int], *, files: int = 1) -> None:
        self.archive = MemoryArchive()
        self.transfers = ActiveTransfers()
        self.storage = Storage(self.archive, RecordedLog())
        space = DiskSpace(
            self.archive, self.transfers, cast(Queue, Nothing()), RecordedLog(),
            clock=virtual.clock, names=lambda: [A, B],
        )  # fmt: skip
        self.health = {
            name: ProviderHealth(name, timedelta(minutes=5), virtual.clock, RecordedLog())
            for name in queued
        }
        self.shared: set[ProviderName] = set()
        self.passed_over: list[Claim] = []
        self.filled = Signal()
        self.queues = {name: Backlog(100) for name in queued}
        for name, count in queued.items():
            self.queues[name].add(claim(name, number, files) for number in range(count))
        self._send, self.files = anyio.create_memory_object_stream[Download](0)
        self.taken: list[str] = []
        self._turns = RoundRobin(
            self.queues,
            filled=self.filled,
            storage=self.storage,
            space=space,
            pass_over=self._pass_over,
            health=self.health,
            has_share=lambda name, others: bool(others) and name in self.shared,
        )

    async def _pass_over(self, claim: Claim) -> None:
        self.passed_over.append(claim)

    async def forever(self) -> None:
        await self._turns.forever(self._send)

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
    turns = Handed({A: 5, B: 2})
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
    assert turns.taken == ["a0.0", "b0.0", "a1.0", "b1.0", "a2.0", "a3.0", "a4.0"]
    turns.close()


async def test_the_files_of_a_recording_come_together() -> None:
    turns = Handed({A: 2}, files=3)
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
    assert turns.taken == ["a0.0", "a0.1", "a0.2", "a1.0", "a1.1", "a1.2"]
    turns.close()


async def test_what_is_queued_of_a_paused_provider_stays() -> None:
    turns = Handed({A: 3, B: 1})
    turns.health[A].paused = True
    async with running(turns.forever, turns.take):
        await anyio.sleep(60)
        assert turns.taken == ["b0.0"]
        turns.health[A].paused = False
        await anyio.sleep(TICK.total_seconds())
        assert turns.taken == ["b0.0", "a0.0", "a1.0", "a2.0"]
    turns.close()


async def test_nothing_is_handed_out_while_nobody_is_free() -> None:
    turns = Handed({A: 3})
    async with running(turns.forever):
        await anyio.sleep(60)
        assert len(turns.queues[A]) == 2
    turns.close()


async def test_nothing_is_handed_out_while_the_disk_is_full() -> None:
    turns = Handed({A: 3})
    turns.archive.room = 0
    await turns.storage.look()
    async with running(turns.forever, turns.take):
        await anyio.sleep(60)
        assert turns.taken == []
        turns.archive.room = 1000
        await anyio.sleep(10)
        assert len(turns.taken) == 3
    turns.close()


async def test_a_file_has_taken_off_before_the_room_of_the_next_is_reckoned() -> None:
    turns = Handed({A: 3})
    turns.archive.room = 25

    async def fly() -> None:
        async for download in turns.files:
            with turns.transfers.begin_transfer(download, 0):
                await anyio.sleep_forever()

    async with running(turns.forever, fly, fly, fly):
        await anyio.sleep(60)
        assert len(turns.transfers.under_way) == 2
        assert [each.recording for each in turns.passed_over] == ["2"]
    turns.close()


async def test_what_does_not_fit_holds_back_nothing_behind_it() -> None:
    turns = Handed({A: 2, B: 2})
    large = turns.queues[A].take()
    assert large is not None
    (download,) = large.downloads
    turns.queues[A].put_back(replace(large, downloads=(replace(download, size=1000),)))
    turns.archive.room = 100
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
    assert turns.taken == ["b0.0", "a1.0", "b1.0"]
    assert [each.recording for each in turns.passed_over] == ["0"]
    turns.close()


async def test_a_recording_of_which_one_file_does_not_fit_gives_the_others() -> None:
    turns = Handed({A: 1}, files=3)
    whole = turns.queues[A].take()
    assert whole is not None
    first, *others = whole.downloads
    turns.queues[A].put_back(replace(whole, downloads=(replace(first, size=1000), *others)))
    turns.archive.room = 100
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
    assert turns.taken == ["a0.1", "a0.2"]
    assert [each.file for each in turns.passed_over[0].downloads] == ["0"]
    turns.close()


async def test_a_provider_that_pauses_amid_a_claim_keeps_the_others_from_nothing() -> None:
    turns = Handed({A: 1, B: 2}, files=3)

    async def take() -> None:
        async for download in turns.files:
            turns.taken.append(f"{download.provider}{download.recording}.{download.file}")
            if download.provider == A:
                turns.health[A].paused = True

    async with running(turns.forever, take):
        await anyio.sleep(1)
        assert turns.taken == ["a0.0", *(f"b{n}.{m}" for n in range(2) for m in range(3))]
        turns.health[A].paused = False
        turns.filled.notify()
        await anyio.sleep(1)
        assert "a0.1" in turns.taken
    turns.close()


async def test_a_provider_with_its_share_of_the_downloaders_leaves_the_rest_to_others() -> None:
    turns = Handed({A: 3, B: 2})
    turns.shared.add(A)
    async with running(turns.forever, turns.take):
        await anyio.sleep(1)
        assert turns.taken == ["b0.0", "b1.0"]
        turns.shared.clear()
        turns.filled.notify()
        await anyio.sleep(1)
    assert turns.taken == ["b0.0", "b1.0", "a0.0", "a1.0", "a2.0"]
    turns.close()


async def test_a_file_that_does_not_fit_is_not_claimed_and_costs_no_loop() -> None:
    rig = await admitted(recording("large", size=1000), recording("small", size=10))
    operator = Desk(rig)
    operator.room = Room(urgent=100, other=100)
    async with running(operator.forever):
        await anyio.sleep(60)
        assert operator.waiting() == ["small"]
        assert operator.queue.claims <= 60 / TICK.total_seconds() + 2
        operator.room = PLENTY
        await anyio.sleep(TICK.total_seconds())
        assert operator.waiting() == ["large"]


async def test_a_backlog_that_is_given_more_room_is_filled_at_once() -> None:
    rig = await admitted(*many(1000))
    operator = Desk(rig, size=50)
    async with running(operator.forever):
        await anyio.sleep(1)
        before = len(operator.backlog)
        operator.backlog.resize(before + 50)
        await anyio.sleep(1)
        assert len(operator.backlog) == before + GULP


async def test_what_a_dismissed_dispatcher_had_claimed_is_all_in_its_backlog() -> None:
    """However it is cut off: the claim is committed by then."""
    rig = await admitted(*many(30))
    operator = Desk(rig)
    async with running(operator.forever):
        await anyio.lowlevel.checkpoint()
    await rig.resources.queue.release(operator.backlog.clear())
    assert await rig.files("due") == 30
