"""Notice that the clock was set while the program runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import anyio

from reelkeep.app.house import Resources, reset_instants
from reelkeep.core.instants import step

LOOK = 5.0
"""Seconds between two looks at the clock."""


async def watch_clock(house: Resources, stepped: Callable[[], None]) -> None:
    """Compare the clock with the time that goes by, until cancelled.

    When it was set, instants in the catalog that cannot be right are reset, and `stepped` is
    called: what waits is to be looked at anew.
    """
    wall, monotonic = house.clock(), anyio.current_time()
    while True:
        await anyio.sleep(LOOK)
        now, passed = house.clock(), anyio.current_time() - monotonic
        moved = step(wall=now - wall, passed=timedelta(seconds=passed))
        wall, monotonic = now, anyio.current_time()
        if moved is None:
            continue
        house.report("clock.stepped", seconds=round(moved.total_seconds()), time=now)
        await reset_instants(house, thorough=True)
        stepped()
