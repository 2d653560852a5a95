from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from reelkeep.errors import IoFailed, Unreachable
from reelkeep.stages.signals import beside

Work = Callable[[], Awaitable[None]]


async def nothing() -> None:
    await anyio.lowlevel.checkpoint()


async def broken() -> None:
    raise Unreachable("main")


async def rotten() -> None:
    raise IoFailed("side")


async def test_both_come_to_their_end() -> None:
    done = []

    async def slow() -> None:
        await anyio.lowlevel.checkpoint()
        done.append("side")

    await beside(nothing, slow)
    assert done == ["side"]


@pytest.mark.parametrize(
    ("main", "side", "error"),
    [(broken, anyio.sleep_forever, Unreachable), (anyio.sleep_forever, rotten, IoFailed)],
)
async def test_rule_30_bug_21_an_error_of_one_stops_the_other_and_comes_alone(
    main: Work, side: Work, error: type[Exception]
) -> None:
    with anyio.fail_after(120), pytest.raises(error):
        await beside(main, side)


async def test_being_stopped_stops_both() -> None:
    with anyio.move_on_after(0) as scope:
        await beside(anyio.sleep_forever, anyio.sleep_forever)
    assert scope.cancelled_caught
