from __future__ import annotations

import anyio
import pytest

from reelkeep.errors import AuthFailed, BadAnswer, ProviderError
from reelkeep.providers.zoom.limits import LANES, in_lanes


async def collected(fates: dict[int, ProviderError], count: int) -> tuple[list[int], object]:
    results: list[int] = []

    async def work(number: int) -> int:
        await anyio.lowlevel.checkpoint()
        if number in fates:
            raise fates[number]
        return number

    try:
        async for batch in in_lanes(work, range(count)):
            results += batch
    except ProviderError as error:
        return results, error
    return results, None


async def test_results_keep_their_order() -> None:
    assert await collected({}, 10) == (list(range(10)), None)


async def test_a_bad_answer_is_raised_at_the_end() -> None:
    bad, worse = BadAnswer("1"), BadAnswer("5")
    assert await collected({1: bad, 5: worse}, 10) == ([0, 2, 3, 4, 6, 7, 8, 9], bad)


async def test_what_concerns_all_is_raised_at_once_with_what_came() -> None:
    failed = AuthFailed("no")
    assert await collected({0: BadAnswer("0"), 1: failed}, 100) == (
        list(range(2, LANES)),
        failed,
    )


async def test_nothing_runs_while_a_batch_is_used() -> None:
    running = 0

    async def work(_: int) -> None:
        nonlocal running
        running += 1
        await anyio.lowlevel.checkpoint()
        running -= 1

    async for _ in in_lanes(work, range(10)):
        await anyio.lowlevel.checkpoint()
        assert running == 0


@pytest.mark.parametrize("count", [0, 1, LANES, LANES + 1])
async def test_everything_is_done_once(count: int) -> None:
    assert (await collected({}, count))[0] == list(range(count))
