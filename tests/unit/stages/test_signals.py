from __future__ import annotations

import anyio
import pytest

from reelkeep.stages.signals import Signal
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_a_ring_wakes_the_one_who_waits() -> None:
    signal = Signal()
    async with anyio.create_task_group() as group:

        async def ring_later() -> None:
            await anyio.sleep(5)
            signal.notify()

        group.start_soon(ring_later)
        assert await signal.wait()
    assert anyio.current_time() == 5


async def test_a_ring_that_nobody_heard_is_kept() -> None:
    signal = Signal()
    signal.notify()
    assert await signal.wait(10)
    assert anyio.current_time() == 0


async def test_many_rings_are_heard_once() -> None:
    signal = Signal()
    signal.notify()
    signal.notify()
    await signal.wait(1)
    assert not await signal.wait(1)


async def test_silence_ends_after_the_given_time() -> None:
    assert not await Signal().wait(3)
    assert anyio.current_time() == 3
