"""What cannot be opened is waited for, whatever keeps it from being opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from fakes.log import RecordedLog
from reelkeep.app.absence import LOOK_AGAIN, Absence, room_at
from reelkeep.errors import (
    ArchiveAbsent,
    CatalogUnavailable,
    DiskFull,
    Error,
    StorageUnavailable,
)
from reelkeep.telemetry.notify import Notifier
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def nothing(_stack: AsyncExitStack) -> None:
    return


WAYS: list[tuple[Error, str, str]] = [
    (ArchiveAbsent("not there"), "archive.absent", "archive.found"),
    (StorageUnavailable("read-only"), "archive.unavailable", "archive.available"),
    (DiskFull("no room"), "disk.low", "disk.recovered"),
    (CatalogUnavailable("I/O error"), "catalog.unavailable", "catalog.available"),
]


@pytest.mark.parametrize(("error", "begins", "ends"), WAYS)
async def test_it_is_waited_for_and_said_once(error: Error, begins: str, ends: str) -> None:
    log, tries = RecordedLog(), 0

    @asynccontextmanager
    async def opening() -> AsyncIterator[int]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error
        yield tries

    absence = Absence(log, Notifier({}, pid=0))
    async with AsyncExitStack() as stack:
        found = await absence.outlast(stack, opening, serving=nothing, wait=anyio.sleep)
    assert found == 3
    assert [event for event, _ in log.events] == [begins, ends]
    assert anyio.current_time() == pytest.approx(2 * LOOK_AGAIN)


async def test_a_disk_without_room_is_said_with_its_figures(tmp_path: Path) -> None:
    log, left = RecordedLog(), [DiskFull("no room")]

    @asynccontextmanager
    async def opening() -> AsyncIterator[None]:
        if left:
            raise left.pop(0)
        yield

    absence = Absence(log, Notifier({}, pid=0), partial(room_at, tmp_path, 7))
    async with AsyncExitStack() as stack:
        await absence.outlast(stack, opening, serving=nothing, wait=anyio.sleep)
    for event in ("disk.low", "disk.recovered"):
        (said,) = log.named(event)
        assert said["min_free"] == 7
        assert isinstance(said["free"], int)
    assert room_at(tmp_path / "nowhere", 7) == {"free": None, "min_free": 7}


async def test_another_condition_ends_the_one_before() -> None:
    log, left = RecordedLog(), [error for error, _, _ in WAYS]

    @asynccontextmanager
    async def opening() -> AsyncIterator[None]:
        if left:
            raise left.pop(0)
        yield

    absence = Absence(log, Notifier({}, pid=0))
    async with AsyncExitStack() as stack:
        await absence.outlast(stack, opening, serving=nothing, wait=anyio.sleep)
    assert [event for event, _ in log.events] == [
        event for _, begins, ends in WAYS for event in (begins, ends)
    ]
