"""Turns at a fixed pace."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest

from reelkeep.errors import RateLimited
from reelkeep.providers.pacing import Pacer
from virtual import START, VIRTUAL, Backend, clock


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def turns(pacer: Pacer, count: int) -> list[float]:
    at: list[float] = []

    async def one() -> None:
        await pacer.turn()
        at.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)
    return at


async def test_concurrent_turns_are_evenly_spaced() -> None:
    at = await turns(Pacer(5, clock=clock), 11)
    assert [round(later - earlier, 6) for earlier, later in pairwise(at)] == [0.2] * 10


async def test_a_pause_earns_no_burst() -> None:
    pacer = Pacer(1, clock=clock)
    await anyio.sleep(100)
    assert await turns(pacer, 3) == pytest.approx([100, 101, 102])


async def test_a_short_park_is_waited_for() -> None:
    pacer = Pacer(5, clock=clock)
    pacer.park(clock() + timedelta(seconds=60))
    assert await turns(pacer, 1) == pytest.approx([60])


async def test_a_long_park_is_raised_at_once_with_its_end() -> None:
    pacer = Pacer(5, clock=clock)
    pacer.park(until := clock() + timedelta(seconds=61))
    with pytest.raises(RateLimited) as caught:
        await pacer.turn()
    assert (caught.value.until, anyio.current_time()) == (until, 0)


async def test_an_earlier_end_does_not_shorten_a_park() -> None:
    pacer = Pacer(5, clock=clock)
    pacer.park(clock() + timedelta(seconds=30))
    pacer.park(clock() + timedelta(seconds=5))
    assert await turns(pacer, 1) == pytest.approx([30])


async def test_a_park_holds_for_those_who_stand_in_line_already() -> None:
    pacer = Pacer(1, clock=clock)
    at: list[float] = []

    async def one() -> None:
        await pacer.turn()
        at.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(one)
        await anyio.sleep(0.5)
        pacer.park(clock() + timedelta(seconds=20))
    assert at[0] == 0
    assert min(at[1:]) >= 20.5


async def test_complaints_in_a_row_wait_one_two_four_seconds_at_most_a_minute() -> None:
    pacer = Pacer(100, clock=clock)
    waits = []
    for _ in range(8):
        pacer.slow_down()
        before = anyio.current_time()
        await pacer.turn()
        waits.append(round(anyio.current_time() - before))
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


async def test_complaints_during_the_wait_count_once() -> None:
    pacer = Pacer(5, clock=clock)
    for _ in range(5):
        pacer.slow_down()
    assert await turns(pacer, 1) == pytest.approx([1])


async def test_a_complaint_halves_the_rate_for_a_minute_only() -> None:
    pacer = Pacer(1, clock=clock)
    pacer.slow_down()
    assert await turns(pacer, 3) == pytest.approx([1, 3, 5])
    await anyio.sleep(60)
    assert await turns(pacer, 3) == pytest.approx([65, 66, 67])


async def test_the_wait_is_jittered_by_the_dice() -> None:
    pacer = Pacer(5, clock=clock, rng=lambda: 0.8)
    pacer.slow_down()
    assert await turns(pacer, 1) == pytest.approx([1.2])


async def test_a_spent_day_is_raised_with_the_next_midnight() -> None:
    pacer = Pacer(5, clock=clock, per_day=3)
    await turns(pacer, 3)
    with pytest.raises(RateLimited) as caught:
        await pacer.turn()
    assert caught.value.until == START.replace(hour=0) + timedelta(days=1)


async def test_a_new_day_has_a_new_budget() -> None:
    pacer = Pacer(5, clock=clock, per_day=3)
    await turns(pacer, 3)
    await anyio.sleep(timedelta(hours=12).total_seconds())
    assert len(await turns(pacer, 3)) == 3


async def test_only_turns_that_are_given_are_paid_for() -> None:
    """A thousand turns that a parked account refuses cost nothing of the next day, nor of this."""
    pacer = Pacer(5, clock=clock, per_day=3)
    await turns(pacer, 1)
    pacer.park(clock() + timedelta(hours=2))
    for _ in range(1000):
        with pytest.raises(RateLimited):
            await pacer.turn()
    await anyio.sleep(2 * 3600)
    assert len(await turns(pacer, 2)) == 2
    with pytest.raises(RateLimited, match="all 3 requests of this day are used up"):
        await pacer.turn()


async def test_the_budget_holds_for_those_who_wait_together() -> None:
    pacer = Pacer(1, clock=clock, per_day=3)
    given = 0

    async def one() -> None:
        nonlocal given
        with suppress(RateLimited):
            await pacer.turn()
            given += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(one)
    assert given == 3


async def test_a_turn_that_was_not_used_can_be_given_back() -> None:
    pacer = Pacer(5, clock=clock, per_day=1)
    await pacer.turn()
    pacer.give_back()
    await pacer.turn()


async def test_a_limit_is_told_with_its_end_and_its_reason() -> None:
    pacer = Pacer(5, clock=clock)
    pacer.park(START + timedelta(hours=1), "the daily limit is used up")
    with pytest.raises(RateLimited) as caught:
        await pacer.turn()
    end = f"{START + timedelta(hours=1):%Y-%m-%d %H:%M:%S} UTC"
    assert str(caught.value) == f"no request before {end}: the daily limit is used up"


async def test_no_wait_after_complaints_is_so_long_that_it_would_be_an_error() -> None:
    pacer = Pacer(100, clock=clock, rng=lambda: 0.9)
    for _ in range(12):
        pacer.slow_down()
        await pacer.turn()
