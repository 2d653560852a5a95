"""Places at a host, in virtual time."""

from __future__ import annotations

import anyio
import pytest

from fakes.rig import running
from reelkeep.transport.bandwidth import Slots
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Visitors:
    """Some who want to be at one host, for ten seconds each."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.inside = 0

    async def forever(self) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(self._one)

    async def _one(self) -> None:
        async with self._slots.at("a", 443):
            self.inside += 1
            await anyio.sleep(10)
            self.inside -= 1


@pytest.mark.parametrize(("before", "then"), [(2, 5), (5, 2), (3, 3)])
async def test_another_number_holds_as_soon_as_places_are_given_back(
    before: int, then: int
) -> None:
    slots = Slots(before)
    visitors = Visitors(slots)
    async with running(visitors.forever):
        await anyio.sleep(5)
        assert visitors.inside == before
        slots.resize(then)
        await anyio.sleep(1)
        assert visitors.inside == max(before, then)
        await anyio.sleep(10)
        assert visitors.inside == then
        await anyio.sleep(100)
        assert visitors.inside == then


async def test_a_number_may_be_taken_back_and_given_again() -> None:
    slots = Slots(4)
    visitors = Visitors(slots)
    async with running(visitors.forever):
        await anyio.sleep(5)
        slots.resize(1)
        slots.resize(4)
        await anyio.sleep(30)
        assert visitors.inside == 4


async def test_hosts_met_later_get_the_new_number() -> None:
    slots = Slots(1)
    slots.resize(3)
    visitors = Visitors(slots)
    async with running(visitors.forever):
        await anyio.sleep(5)
        assert visitors.inside == 3
