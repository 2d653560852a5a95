from __future__ import annotations

from contextlib import ExitStack

import anyio
import pytest

from fakes.archive import MemoryArchive
from fakes.holdings import download
from fakes.rig import StrictLog, running
from reelkeep.errors import IoFailed
from reelkeep.stages.flights import Flights
from reelkeep.stages.space import LOOK_AGAIN, Space
from virtual import VIRTUAL, Backend

LATER = LOOK_AGAIN.total_seconds()


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def space(archive: MemoryArchive) -> tuple[Space, Flights, StrictLog]:
    flights, log = Flights(), StrictLog()
    return Space(archive, flights, log), flights, log


async def test_a_file_that_fits_goes_at_once() -> None:
    room, _, log = space(MemoryArchive(room=100))
    await room.wait_for(download(size=100))
    assert (anyio.current_time(), log.events) == (0, [])


async def test_a_file_without_a_size_needs_some_room_all_the_same() -> None:
    room, _, log = space(MemoryArchive(room=0))
    with anyio.move_on_after(1):
        await room.wait_for(download())
    assert log.count("disk.low") == [1]


async def test_a_full_disk_is_said_once_and_waited_for() -> None:
    archive = MemoryArchive(room=0)
    room, _, log = space(archive)

    async def tidy_up() -> None:
        await anyio.sleep(3600)
        archive.room = 1000

    async with anyio.create_task_group() as group:
        group.start_soon(tidy_up)
        await room.wait_for(download(size=10))
    assert log.count("disk.low", "disk.recovered") == [1, 1]
    assert 3600 <= anyio.current_time() <= 3600 + LATER


async def test_rule_58_what_is_under_way_has_its_room_kept() -> None:
    room, flights, _ = space(MemoryArchive(room=100))
    with ExitStack() as stack:
        stack.enter_context(flights.take_off(download("first", size=60), 0))
        async with running(lambda: room.wait_for(download("second", size=60))):
            await anyio.sleep(1)
            assert room.low


async def test_what_has_come_already_needs_no_room() -> None:
    room, flights, _ = space(MemoryArchive(room=100))
    with flights.take_off(download("first", size=60), 0) as flight:
        flight.done = 30
        await room.wait_for(download("second", size=60))
    assert not room.low


async def test_a_disk_that_cannot_be_asked_holds_nothing() -> None:
    class Broken(MemoryArchive):
        async def free(self) -> int:
            raise IoFailed("Input/output error")

    room, _, _ = space(Broken())
    assert await room.free() == 0


async def test_a_reading_is_believed_for_a_second() -> None:
    archive = MemoryArchive(room=100)
    room, _, _ = space(archive)
    await room.free()
    archive.room = 50
    assert await room.free() == 100
    await anyio.sleep(1)
    assert await room.free() == 50
