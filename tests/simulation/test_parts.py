"""What the simulation is made of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from reelkeep.disk import write_small
from reelkeep.ports import Request
from simulation.connections import Connection, Pool
from simulation.disk import SimDisk
from simulation.fate import Fate, Killed
from simulation.loop import (
    MOST_TURNS,
    Deadlock,
    Hops,
    Livelock,
    Ordered,
    SimLoop,
    deterministic,
)

MODE = 0o600


def run(work: Coroutine[Any, Any, Any]) -> Any:
    loop = SimLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.set_exception_handler(lambda _loop, _context: None)  # of what was never finished
        loop.close()


def test_who_waits_for_nobody_is_a_deadlock() -> None:
    async def waiting() -> None:
        await anyio.Event().wait()

    with pytest.raises(Deadlock):
        run(waiting())


def test_who_works_on_and_on_in_no_time_is_a_livelock() -> None:
    async def working() -> None:
        for _ in range(10 * MOST_TURNS):
            await asyncio.sleep(0)

    with pytest.raises(Livelock):
        run(working())


def test_a_thread_is_none_and_its_work_is_done_in_time() -> None:
    async def hopping() -> tuple[int, float]:
        found = await anyio.to_thread.run_sync(lambda: 7)
        return found, anyio.current_time()

    with deterministic(Hops(lambda: 0.05)):
        found, now = run(hopping())
    assert (found, round(now, 4)) == (7, 0.005)


def test_the_dead_do_nothing() -> None:
    fate = Fate(left=1)
    fate.tick()
    with pytest.raises(Killed):
        fate.tick()
    assert fate.dead


def test_a_set_is_walked_in_the_order_of_its_making() -> None:
    members = Ordered()
    for each in (3, 1, 2):
        members.add(each)
    members.discard(1)
    members.add(1)
    assert list(members) == [3, 2, 1]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (found := tmp_path / "archive").mkdir()
    return found


@pytest.fixture
def disk(root: Path) -> SimDisk:
    return SimDisk(root, lambda: 0.0)


def test_what_was_flushed_with_its_name_survives(root: Path, disk: SimDisk) -> None:
    write_small(disk, root / "a", b"content", MODE)
    disk.fsync_directory(root)
    assert disk.durable(root / "a") == b"content"
    disk.power_cut(root, Random(1))
    assert (root / "a").read_bytes() == b"content"


def test_a_name_that_was_not_flushed_may_be_gone(root: Path, disk: SimDisk) -> None:
    names = [str(seed) for seed in range(20)]
    for seed, name in enumerate(names):
        write_small(disk, root / name, b"content", MODE)
        assert disk.durable(root / name) is None
        disk.power_cut(root, Random(seed))
    assert 0 < len(list(root.iterdir())) < len(names)


def test_a_rename_that_was_not_flushed_is_there_on_one_side(root: Path, disk: SimDisk) -> None:
    write_small(disk, root / "a", b"content", MODE)
    disk.fsync_directory(root)
    disk.rename(root / "a", root / "b")
    for seed in range(20):
        disk.power_cut(root, Random(seed))
        assert len(list(root.iterdir())) == 1


def test_bytes_that_were_not_flushed_may_be_noughts_or_missing(root: Path, disk: SimDisk) -> None:
    seen = set()
    for seed in range(40):
        path = root / str(seed)
        fd = disk.open(path, os.O_WRONLY | os.O_CREAT)
        disk.pwrite(fd, [memoryview(b"content!")], 0)
        disk.close(fd)
        disk.fsync_directory(root)
        disk.power_cut(root, Random(seed))
        seen.add(path.read_bytes())
    assert seen == {b"", b"content!", b"cont", bytes(8)}


# --- connections ----------------------------------------------------------------------------------


@dataclass
class Arriving:
    """A body of which `held` bytes have come and were not read."""

    arrived: bool = False
    is_drawn: bool = False
    held: int = 0

    def has_arrived(self) -> bool:
        return self.arrived

    def lose(self, most: int) -> int:
        lost = min(most, self.held)
        self.held -= lost
        return lost


SMALL, LARGE = Request(url="https://a/"), Request(url="https://a/", expects=1 << 20)


def test_a_connection_is_free_when_the_end_of_its_body_has_arrived_before_it_was_read() -> None:
    pool, body = Pool(), Arriving()
    first = pool.connection("a", SMALL)
    first.carry(body)
    assert pool.connection("a", SMALL) is not first
    body.arrived = True
    assert pool.connection("a", SMALL) is first


def test_a_large_body_has_a_connection_that_serves_nobody_else() -> None:
    pool = Pool()
    for _ in range(2):
        connection = pool.connection("a", LARGE)
        assert connection.owned
        connection.carry(body := Arriving(arrived=True))
        connection.leave(body)
        assert connection.closed


def test_a_body_that_was_left_closes_its_connection() -> None:
    pool, body = Pool(), Arriving()
    connection = pool.connection("a", SMALL)
    connection.carry(body)
    connection.leave(body)
    assert pool.connection("a", SMALL) is not connection


@pytest.mark.parametrize(("drawn", "lost"), [(True, 100), (False, 0)])
def test_a_late_reader_takes_from_the_next_body_only_if_a_thread_draws_that(
    drawn: bool, lost: int
) -> None:
    late, following = Arriving(arrived=True), Arriving(is_drawn=drawn, held=100)
    connection = Connection(owned=False)
    connection.carry(late)
    connection.carry(following)
    connection.resume(late)
    assert connection.lost == lost
    connection.leave(late)
    assert not connection.closed
