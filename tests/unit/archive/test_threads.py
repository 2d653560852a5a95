"""Blocking work is driven in portions, no faster than asked."""

from __future__ import annotations

import threading
from collections.abc import Generator

import anyio
import pytest
from anyio import CapacityLimiter

from reelkeep.archive.threads import LEAST, PORTION, Pace, Threads, drive
from virtual import VIRTUAL, Backend

MIB = 1 << 20


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def reading(size: int, piece: int = MIB) -> Generator[int, None, str]:
    for _ in range(size // piece):
        yield piece
    return "done"


async def test_the_answer_is_that_of_the_steps() -> None:
    read: list[int] = []
    threads = Threads(CapacityLimiter(1))
    answer = await drive(threads, reading(20 * MIB), pace=Pace(), progress=read.append)
    assert (answer, sum(read)) == ("done", 20 * MIB)
    assert max(read) <= PORTION


async def test_all_who_share_a_pace_keep_to_it_together() -> None:
    threads, pace, began = Threads(CapacityLimiter(2)), Pace(MIB), anyio.current_time()

    async def read() -> None:
        await drive(threads, reading(10 * MIB, 64 << 10), pace=pace, progress=lambda _size: None)

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(read)
    assert anyio.current_time() - began == pytest.approx(20, abs=0.5)


@pytest.mark.parametrize(("rate", "expected"), [(None, PORTION), (1, LEAST), (1 << 40, PORTION)])
def test_a_portion_fits_the_rate(rate: int | None, expected: int) -> None:
    assert Pace(rate).portion == expected


async def test_who_is_torn_away_leaves_nothing_open() -> None:
    closed = threading.Event()

    def steps() -> Generator[int, None, None]:
        try:
            while True:
                yield MIB
        finally:
            closed.set()

    with anyio.move_on_after(3600):
        threads = Threads(CapacityLimiter(1))
        await drive(threads, steps(), pace=Pace(MIB), progress=lambda _size: None)
    assert closed.is_set()
