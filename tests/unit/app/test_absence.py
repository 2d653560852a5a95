"""An archive that cannot be opened is waited for, whatever keeps it from being opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import pytest

from fakes.rig import StrictLog
from reelkeep.app.absence import LOOK_AGAIN, Absence
from reelkeep.errors import ArchiveAbsent, StorageUnavailable
from reelkeep.telemetry.notify import Notifier
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def nothing(_stack: AsyncExitStack) -> None:
    return


@pytest.mark.parametrize("error", [ArchiveAbsent("not there"), StorageUnavailable("I/O error")])
async def test_it_is_waited_for_and_said_once(error: StorageUnavailable) -> None:
    log, tries = StrictLog(), 0

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
    assert log.count("archive.absent", "archive.found") == [1, 1]
    assert anyio.current_time() == pytest.approx(2 * LOOK_AGAIN)
