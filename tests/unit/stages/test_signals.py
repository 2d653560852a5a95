from __future__ import annotations

import anyio
import pytest

from reelkeep.stages.signals import Bell, Carillon, Chime
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_a_ring_wakes_the_one_who_waits() -> None:
    bell = Bell()
    async with anyio.create_task_group() as group:

        async def ring_later() -> None:
            await anyio.sleep(5)
            bell.ring()

        group.start_soon(ring_later)
        assert await bell.wait()
    assert anyio.current_time() == 5


async def test_a_ring_that_nobody_heard_is_kept() -> None:
    bell = Bell()
    bell.ring()
    assert await bell.wait(10)
    assert anyio.current_time() == 0


async def test_many_rings_are_heard_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    await bell.wait(1)
    assert not await bell.wait(1)


async def test_silence_ends_after_the_given_time() -> None:
    assert not await Bell().wait(3)
    assert anyio.current_time() == 3


async def test_a_chime_rings_every_bell() -> None:
    bells = [Bell(), Bell()]
    Chime(bells).ring()
    assert [await bell.wait(0) for bell in bells] == [True, True]


async def test_a_chime_may_be_made_of_an_iterator() -> None:
    bell = Bell()
    chime = Chime(each for each in [bell])
    chime.ring()
    await bell.wait()
    chime.ring()
    assert await bell.wait(0)


async def test_a_carillon_rings_the_bells_that_there_are_by_then() -> None:
    bells = [Bell()]
    carillon = Carillon(lambda: bells)
    bells[:] = [Bell(), Bell()]
    carillon.ring()
    assert [await bell.wait(0) for bell in bells] == [True, True]
