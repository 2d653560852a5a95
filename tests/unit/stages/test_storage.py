"""All transfers pause while nothing can be stored; it is said once, and ends by itself."""

from __future__ import annotations

import errno
import os

import anyio
import pytest

from fakes.archive import MemoryArchive
from fakes.log import RecordedLog
from fakes.rig import running
from reelkeep.core.disk_errors import DISK_ERRORS, Scope
from reelkeep.disk import disk_error
from reelkeep.errors import (
    ArchiveAbsent,
    ConfigError,
    DiskFull,
    IoFailed,
    Stalled,
    StorageUnavailable,
    TooLarge,
    TransferError,
)
from reelkeep.stages.signals import Signal
from reelkeep.stages.storage import LOOK, LOOK_AGAIN, Storage
from virtual import VIRTUAL, Backend

LATER = LOOK_AGAIN.total_seconds()
PLACES = [n for n, row in DISK_ERRORS.items() if row.scope in (Scope.PLACE, Scope.PROCESS)]
FULL = [n for n, row in DISK_ERRORS.items() if row.scope is Scope.FULL]
FINAL = [n for n, row in DISK_ERRORS.items() if row.scope is Scope.FINAL]


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def storage(room: int = 1000) -> tuple[Storage, MemoryArchive, RecordedLog]:
    archive, log = MemoryArchive(room=room), RecordedLog()
    return Storage(archive, log), archive, log


def error_of(name: str) -> TransferError:
    number = getattr(errno, name)
    return disk_error(OSError(number, os.strerror(number)))


async def test_a_disk_with_room_pauses_nothing() -> None:
    found, _, log = storage()
    await found.look()
    await found.opened()
    assert (found.paused, log.events) == (False, [])


async def test_a_full_disk_is_said_once_and_waited_for() -> None:
    found, archive, log = storage(0)
    await found.look()

    async def tidy_up() -> None:
        await anyio.sleep(3600)
        archive.room = 1000

    async with anyio.create_task_group() as group:
        group.start_soon(tidy_up)
        await found.opened()
    assert log.count("disk.low", "disk.recovered", "archive.unavailable") == [1, 1, 0]
    assert 3600 <= anyio.current_time() <= 3600 + LATER


async def test_free_is_the_plain_figure_and_min_free_beside_it() -> None:
    found, archive, log = storage(-300)
    archive.min_free = 500
    await found.look()
    archive.room = 100
    await found.look()
    (low,), (over,) = log.named("disk.low"), log.named("disk.recovered")
    assert (low["free"], low["min_free"]) == (200, 500)
    assert (over["free"], over["min_free"]) == (600, 500)


@pytest.mark.parametrize("name", PLACES)
async def test_an_error_of_the_place_pauses_all_and_ends_by_itself(name: str) -> None:
    found, archive, log = storage()
    archive.refusal = error = error_of(name)
    assert await found.examine(error) is error
    assert found.paused
    assert found.document() == {"state": "unavailable", "reason": str(error)}
    archive.refusal = None
    await found.opened()
    assert log.count("archive.unavailable", "archive.available", "disk.low") == [1, 1, 0]
    (said,) = log.named("archive.unavailable")
    assert said["reason"] == str(error)
    assert said["condition"] == DISK_ERRORS[name].scope.value


@pytest.mark.parametrize("name", PLACES)
async def test_the_same_error_is_the_files_if_something_can_be_written(name: str) -> None:
    found, archive, log = storage()
    examined = await found.examine(error_of(name))
    assert type(examined) is IoFailed
    assert (found.paused, archive.probes, log.events) == (False, 1, [])


@pytest.mark.parametrize("name", FULL)
async def test_the_kernels_refusal_is_believed_whatever_the_figures_say(name: str) -> None:
    found, archive, log = storage()
    archive.refusal = error = error_of(name)
    assert await found.examine(error) is error
    assert log.count("disk.low", "archive.unavailable") == [1, 0]


@pytest.mark.parametrize("name", FULL)
async def test_a_file_that_fills_the_disk_while_others_fit_is_too_large(name: str) -> None:
    found, _, _ = storage()
    assert isinstance(await found.examine(error_of(name)), TooLarge)
    assert not found.paused


@pytest.mark.parametrize("error", [*map(error_of, FINAL), IoFailed("x"), Stalled("x")])
async def test_what_is_about_the_file_is_not_examined(error: TransferError) -> None:
    found, archive, _ = storage()
    assert await found.examine(error) is error
    assert archive.probes == 0


async def test_an_archive_that_cannot_be_prepared_is_unavailable() -> None:
    class Closed(MemoryArchive):
        async def probe(self, *, write: bool = True) -> None:  # noqa: ARG002 - as the real one
            raise ConfigError("archive.path: cannot write")

    log = RecordedLog()
    found = Storage(Closed(), log)
    await found.look()
    assert log.count("archive.unavailable") == [1]


async def test_an_archive_that_is_another_one_has_its_own_event() -> None:
    found, archive, log = storage()
    archive.refusal = ArchiveAbsent("another archive is there")
    await found.look()
    archive.refusal = None
    await found.look()
    assert log.count("archive.absent", "archive.found", "archive.unavailable") == [1, 1, 0]


async def test_while_it_lasts_it_is_tried_by_a_write_and_else_by_the_figures() -> None:
    found, archive, _ = storage()
    await found.look()
    assert (archive.probes, found.pause) == (0, LOOK.total_seconds())
    archive.refusal = StorageUnavailable("gone")
    await found.look()
    assert found.pause == LATER
    archive.refusal = None
    await found.look()
    assert archive.probes == 1


async def test_a_condition_that_becomes_another_ends_the_first() -> None:
    found, archive, log = storage()
    archive.refusal = StorageUnavailable("gone")
    await found.look()
    archive.refusal = DiskFull("no free inodes")
    await found.look()
    archive.refusal = None
    await found.look()
    assert [event for event, _ in log.events] == [
        "archive.unavailable",
        "disk.low",
        "archive.available",
        "disk.recovered",
    ]


async def test_whoever_waits_for_work_is_woken_when_it_is_over() -> None:
    archive, signal = MemoryArchive(room=0), Signal()
    found = Storage(archive, RecordedLog(), reopened=signal)
    await found.look()
    archive.room = 10
    async with running(found.opened):
        assert await signal.wait(2 * LATER)


class CountedProbes(MemoryArchive):
    """Takes a while for each small write, and counts those at once."""

    at_once = most = count = 0

    async def probe(self, *, write: bool = True) -> None:
        self.at_once, self.count = self.at_once + 1, self.count + 1
        self.most = max(self.most, self.at_once)
        await anyio.sleep(1)
        self.at_once -= 1
        await super().probe(write=write)


@pytest.mark.parametrize("refused", [True, False])
async def test_many_suspicions_at_once_share_their_looks(*, refused: bool) -> None:
    archive, log = CountedProbes(), RecordedLog()
    archive.refusal = error_of("EIO") if refused else None
    found, ends = Storage(archive, log), list[TransferError]()

    async def suspect() -> None:
        ends.append(await found.examine(error_of("EIO")))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(suspect)
    assert [isinstance(each, StorageUnavailable) for each in ends] == [refused] * 8
    assert archive.most == 1
    assert archive.count <= 2
    assert log.count("archive.unavailable") == [int(refused)]


async def test_a_look_that_began_before_the_suspicion_proves_nothing() -> None:
    archive, log = CountedProbes(), RecordedLog()
    found = Storage(archive, log)
    async with anyio.create_task_group() as group:
        group.start_soon(found.examine, error_of("EIO"))
        await anyio.sleep(0.5)
        group.start_soon(found.examine, error_of("EIO"))
    assert archive.count == 2
