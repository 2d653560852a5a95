"""One call of the disk fails, or the process dies at it: every call of a recording's life in turn.

Afterwards the work goes on, in the same process or in a new one. It comes to its end, nothing
wrong was ever to be seen, the provider was told of nothing that a power cut could have taken, and
no more was fetched again than the rules allow. The provider deletes what it is told of: from then
on nothing can be fetched again.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from fakes.fated import Fate, FatedDisk
from fakes.life import (
    EVERYTHING,
    GRAIN,
    JOURNAL_FROM,
    SEAMS,
    SMALL,
    TURNS,
    World,
    assert_nothing_visible_is_wrong,
    assert_whole,
    finish,
    in_small,
    kept,
    survive,
)
from fakes.model_disk import ModelDisk
from fakes.power import durable
from proofs import QUARTERS, quarter
from virtual import VIRTUAL, Backend

READING = {"status", "names", "size", "is_file", "free", "close", "lock", "pread"}
"""Dying at one of these is dying before the next effect."""

EXHAUSTIVE = "REELKEEP_EXHAUSTIVE" in os.environ
"""Leave nothing out: that takes minutes."""

AT_WORK = 4 * GRAIN  # what several lanes may have drawn and not written yet


pytestmark = pytest.mark.timeout(1800)  # many lives each; a busy machine takes its time


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    with in_small():
        yield


def looked_at(disk: ModelDisk) -> World:
    """Return a world whose provider sees, before it is told, that all of it is durable."""
    return World(look=lambda: assert_whole(durable(disk)))


async def undisturbed() -> tuple[list[str], Counter[str]]:
    """Return the calls of a life in which nothing happens, and what was served."""
    disk = FatedDisk(inner := ModelDisk())
    world = looked_at(inner)
    assert await survive(world, disk)
    assert_whole(inner.files())
    return disk.calls, world.host.served


def sizes() -> dict[str, int]:
    return {name: len(content) for name, content in EVERYTHING.items()}


def assert_little_came_twice(served: Counter[str], again: int) -> None:
    """Of a large file at most `again` bytes came twice; small ones are fetched as a whole.

    Beside that, each of the ranges that are begun anew may ask for a seam.
    """
    for name, size in sizes().items():
        most = size + (again + SEAMS if size > SMALL else size)
        assert served[name] <= most, (name, served[name])


async def die_and_rise(fate: Fate, at: int) -> None:
    disk = FatedDisk(inner := ModelDisk(), fate, at)
    world = looked_at(inner)
    assert not await survive(world, disk)
    files = inner.files()
    assert_nothing_visible_is_wrong(files)
    before = Counter(world.host.served)
    await finish(world, inner)
    assert_whole(inner.files())
    assert_little_came_twice(world.host.served, JOURNAL_FROM + AT_WORK)
    for name in kept(files):
        assert world.host.served[name] == before[name], f"{name} was whole"


def numbers(calls: Sequence[str], without: set[str]) -> list[int]:
    """Return the numbers of the calls that are not `without`."""
    return [n for n, name in enumerate(calls) if name not in without]


async def test_a_life_in_which_nothing_happens_is_the_same_every_time() -> None:
    calls, served = await undisturbed()
    assert (calls, served) == await undisturbed()
    assert served == sizes()
    assert set(calls) > {"open", "pwrite", "truncate", "fdatasync", "fsync", "fsync_directory"}
    assert set(calls) > {"rename", "link", "unlink", "mkdir", "lock"}


@pytest.mark.parametrize("part", QUARTERS)
async def test_killed_before_any_effect_it_goes_on(part: int) -> None:
    calls, _ = await undisturbed()
    for at in quarter(numbers(calls, READING), part):
        await die_and_rise(Fate.KILL, at)


@pytest.mark.prove
async def test_killed_in_the_middle_of_any_write_it_goes_on() -> None:
    calls, _ = await undisturbed()
    for at in numbers(calls, set(calls) - {"pwrite"}):
        await die_and_rise(Fate.TORN, at)


@pytest.mark.prove
async def test_a_short_write_costs_nothing() -> None:
    calls, _ = await undisturbed()
    for at in numbers(calls, set(calls) - {"pwrite"}):
        disk = FatedDisk(inner := ModelDisk(), Fate.SHORT, at)
        world = looked_at(inner)
        assert await survive(world, disk)
        assert_whole(inner.files())
        assert world.host.served == sizes()


async def overcome(fate: Fate, at: int) -> None:
    disk = FatedDisk(inner := ModelDisk(), fate, at)
    world = looked_at(inner)
    await survive(world, disk)
    assert_nothing_visible_is_wrong(inner.files())
    await finish(world, inner)
    assert_whole(inner.files())
    # a full disk stays full for a while: each attempt draws a grain that it does not take
    again = TURNS * GRAIN if fate is Fate.ENOSPC else max(sizes().values())
    assert_little_came_twice(world.host.served, again)


@pytest.mark.parametrize("part", QUARTERS)
async def test_rules_27_46_any_effect_may_fail(part: int) -> None:
    calls, _ = await undisturbed()
    for at in quarter(numbers(calls, READING), part):
        await overcome(Fate.EIO, at)


async def test_any_look_at_the_disk_may_fail() -> None:
    calls, _ = await undisturbed()
    for at in numbers(calls, set(calls) - READING)[:: 1 if EXHAUSTIVE else 5]:
        await overcome(Fate.EIO, at)


@pytest.mark.parametrize("part", QUARTERS)
async def test_any_effect_may_find_the_disk_full(part: int) -> None:
    calls, _ = await undisturbed()
    for at in quarter(numbers(calls, READING), part):
        await overcome(Fate.ENOSPC, at)
