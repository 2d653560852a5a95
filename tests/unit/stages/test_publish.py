from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import pytest

from fakes.archive import MemoryArchive
from fakes.provider import NAME, FakeProvider, many, recording
from fakes.rig import Rig, running
from reelkeep.core.model import Holding, Level, Stored
from reelkeep.errors import DiskFull, IoFailed
from reelkeep.stages.publish import AGAIN, Publisher
from reelkeep.stages.signals import Signal
from reelkeep.stages.storage import Storage
from virtual import VIRTUAL, Backend

LATER = AGAIN.total_seconds()


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@dataclass
class Stubborn(MemoryArchive):
    """Refuses recordings, and remembers who tried."""

    refusals: dict[str, Exception] = field(default_factory=dict)
    tried: list[tuple[float, str]] = field(default_factory=list)
    takes: float = 0.0

    async def publish(self, holding: Holding) -> str:
        self.tried.append((anyio.current_time(), holding.id))
        await anyio.sleep(self.takes)
        if holding.id in self.refusals:
            raise self.refusals[holding.id]
        return f"at/{holding.id}"


class Print:
    """A publisher over a catalog with stored recordings."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.archive = Stubborn()
        self.recorded, self.done = Signal(), Signal()
        self.storage = Storage(self.archive, rig.log)
        self.publisher = Publisher(
            rig.resources.ledger, self.archive, report=rig.log, done=self.done, storage=self.storage
        )

    async def forever(self) -> None:
        await self.publisher.forever(self.recorded)


async def stored(count: int = 1) -> Print:
    found = many(count) if count > 1 else [recording()]
    rig = Rig(FakeProvider())
    await rig.resources.intake.admit(NAME, rig.providers[NAME].traits, found)
    while claims := await rig.resources.queue.claim(NAME, 100):
        await rig.resources.ledger.record(
            [
                Stored(
                    download=each.downloads[0], size=10, sha256="0" * 64,
                    verified=Level.SIZE, source="https://files.example", seconds=1,
                )
                for each in claims
            ]
        )  # fmt: skip
    return Print(rig)


async def test_what_is_stored_is_published_and_archived() -> None:
    press = await stored()
    await press.publisher.once()
    assert await press.rig.recordings("archived") == ["a"]
    assert await press.done.wait(0)


async def test_a_backlog_is_published_whole() -> None:
    press = await stored(250)
    await press.publisher.once()
    assert len(await press.rig.recordings("archived")) == 250


async def test_what_is_published_is_not_published_again() -> None:
    press = await stored()
    async with running(press.forever):
        await anyio.sleep(3600)
    assert len(press.archive.tried) == 1


@pytest.mark.parametrize("error", [DiskFull("no room"), IoFailed("bad"), KeyError("a bug")])
async def test_a_failure_is_tried_again_later_and_said_once(error: Exception) -> None:
    press = await stored()
    press.archive.refusals["a"] = error
    async with running(press.forever):
        await anyio.sleep(10 * LATER)
        assert 9 <= len(press.archive.tried) <= 11
        assert press.rig.log.count("recording.publish_failed") == [1]
        press.archive.refusals.clear()
        await anyio.sleep(LATER)
        assert await press.rig.recordings("archived") == ["a"]
    assert press.publisher.stuck == frozenset()


async def test_a_failure_is_not_tried_with_every_ring() -> None:
    press = await stored()
    press.archive.refusals["a"] = IoFailed("bad")
    async with running(press.forever):
        for _ in range(100):
            press.recorded.notify()
            await anyio.sleep(0.01)
    assert len(press.archive.tried) == 1


async def test_a_failure_does_not_hold_the_others_back() -> None:
    press = await stored(3)
    press.archive.refusals["r00000"] = IoFailed("bad")
    await press.publisher.once()
    assert await press.rig.recordings("archived") == ["r00001", "r00002"]
    assert len(press.publisher.stuck) == 1


async def test_more_failures_than_a_batch_hold_nobody_back() -> None:
    press = await stored(250)
    for number in range(150):
        press.archive.refusals[f"r{number:05}"] = IoFailed("bad")
    await press.publisher.once()
    assert len(await press.rig.recordings("archived")) == 100


async def test_two_who_publish_take_turns() -> None:
    press = await stored()
    press.archive.takes = 5
    async with anyio.create_task_group() as group:
        group.start_soon(press.publisher.once)
        group.start_soon(press.publisher.once)
    assert len(press.archive.tried) == 1


async def test_time_alone_is_looked_at_once_in_a_while() -> None:
    press = await stored()
    await press.publisher.once()
    await press.done.wait(0)
    async with running(press.forever):
        await anyio.sleep(LATER + 1)
        assert await press.done.wait(0)
