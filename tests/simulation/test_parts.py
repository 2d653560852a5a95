"""What the simulation is made of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from reelkeep.disk import write_small
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
