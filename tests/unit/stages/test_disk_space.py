from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import anyio
import pytest

import virtual
from fakes.archive import MemoryArchive
from fakes.holdings import download
from fakes.log import RecordedLog
from fakes.provider import NAME, FakeProvider, recording
from fakes.rig import Rig
from reelkeep.errors import IoFailed
from reelkeep.stages.storage import KEPT_FRESH, DiskSpace
from virtual import VIRTUAL, Backend

SOON = virtual.START + timedelta(days=3)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def space(room: int, *recordings: Any) -> tuple[DiskSpace, Rig]:
    rig = Rig(FakeProvider())
    rig.archive.room = room
    await rig.resources.intake.admit(NAME, rig.providers[NAME].traits, recordings)
    made = DiskSpace(
        rig.archive, rig.resources.transfers, rig.resources.queue, rig.log,
        clock=virtual.clock, names=lambda: [NAME],
    )  # fmt: skip
    return made, rig


async def test_a_file_fits_if_there_is_room_for_it() -> None:
    room, _ = await space(100)
    assert await room.admits(download(size=100), None)
    assert not await room.admits(download(size=101), None)


async def test_rule_58_what_is_under_way_has_its_room_kept() -> None:
    room, rig = await space(100)
    with ExitStack() as stack:
        stack.enter_context(rig.resources.transfers.begin_transfer(download("first", size=60), 0))
        assert not await room.admits(download("second", size=60), None)


async def test_what_has_come_already_needs_no_room() -> None:
    room, rig = await space(100)
    with rig.resources.transfers.begin_transfer(download("first", size=60), 0) as transfer:
        transfer.done = 30
        assert await room.admits(download("second", size=60), None)


async def test_a_disk_that_cannot_be_asked_holds_nothing() -> None:
    class Broken(MemoryArchive):
        async def free(self) -> int:
            raise IoFailed("Input/output error")

    rig = Rig(FakeProvider())
    room = DiskSpace(
        Broken(), rig.resources.transfers, rig.resources.queue, RecordedLog(),
        clock=virtual.clock, names=lambda: [NAME],
    )  # fmt: skip
    assert await room.free() == 0


async def test_a_reading_is_believed_for_a_second() -> None:
    room, rig = await space(100)
    await room.free()
    rig.archive.room = 50
    assert await room.free() == 100
    await anyio.sleep(1)
    assert await room.free() == 50


async def test_room_is_kept_for_what_is_deleted_within_a_week() -> None:
    room, _ = await space(100, recording("soon", size=90, deadline=SOON))
    assert await room.admits(download(size=90), SOON)
    assert not await room.admits(download(size=11), None)


async def test_no_room_is_kept_for_what_no_disk_of_this_size_will_ever_hold() -> None:
    room, rig = await space(100, recording("huge", size=900, deadline=SOON))
    rig.archive.total = 800
    assert await room.admits(download(size=100), None)


async def test_room_is_kept_no_longer_than_the_provider_keeps_the_recording() -> None:
    room, _ = await space(100, recording("soon", size=200, deadline=SOON))
    assert not await room.admits(download(size=50), None)
    await anyio.sleep(timedelta(days=4).total_seconds() + KEPT_FRESH.total_seconds())
    assert await room.admits(download(size=50), None)


async def test_a_file_that_does_not_fit_is_said_once_and_once_that_it_fits() -> None:
    room, rig = await space(100, recording("large", size=140), recording("small", size=10))
    for _ in range(3):
        assert await room.tell()
        await anyio.sleep(60)
    (said,) = rig.log.named("file.too_large")
    assert (said["recording"], said["bytes"], said["missing"]) == ("large", 140, 40)
    rig.archive.room = 1000
    await room.tell()
    assert rig.log.count("file.too_large", "file.fits") == [1, 1]
    assert not await room.tell()


async def test_a_file_of_unknown_size_that_proved_too_large_is_said_once() -> None:
    room, rig = await space(100)
    for _ in range(2):
        room.outgrown(download(), 400)
        await room.tell()
    (said,) = rig.log.named("file.too_large")
    assert said["bytes"] == 400
    room.settled(download().row)
    await room.tell()
    assert rig.log.count("file.fits") == [1]
