"""The power goes at any moment of a recording's life: what may be left, and what follows from it.

One life on the model disk is noted: its effects, and what the catalog and the provider knew at
each moment. From every moment follow the states in which the machine may find its disk. In each
of them nothing visible is wrong, all is there that the catalog calls stored, and a recording that
its provider was told of is whole. From there the next boot brings everything to its end, fetches
nothing again that was stored, and of parts no more than what no flush had reached.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from fakes.books import saved
from fakes.fated import FatedDisk
from fakes.life import (
    EVERYTHING,
    SEAMS,
    World,
    assert_nothing_visible_is_wrong,
    assert_whole,
    finish,
    in_small,
    part_of,
    places_of,
    standing,
    survive,
)
from fakes.model_disk import ModelDisk, Nodes, copy_of, tree
from fakes.power import after_cut, choices, durable, mark, pending
from reelkeep.core.journal import decode
from virtual import VIRTUAL, Backend

EXHAUSTIVE = "REELKEEP_EXHAUSTIVE" in os.environ
"""Let every state be found by a next boot: that takes minutes."""

THROWS = 4  # random companies at each moment
SEED = 7


pytestmark = pytest.mark.timeout(1800)  # many lives each; a busy machine takes its time


@pytest.fixture(scope="module")
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with in_small():
        yield


@dataclass(frozen=True)
class Moment:
    """What was so after the first `upto` effects."""

    upto: int
    catalog: bytes
    is_late: bool
    told: bool


@dataclass
class Story:
    """One undisturbed life."""

    disk: ModelDisk
    moments: list[Moment] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """What the next boot finds."""

    moment: Moment
    nodes: Nodes


async def told() -> Story:
    """Live once, and note every moment at which something outlived the process."""
    disk = ModelDisk()
    story = Story(disk)
    world = World()
    catalog = saved(world.engine)

    def note() -> None:
        after = story.moments[-1].upto + 1 if story.moments else 0
        told = bool(world.provider.told)
        for upto in range(after, len(disk.log) + 1):
            story.moments.append(Moment(upto, catalog, world.is_late, told))
        last = Moment(len(disk.log), catalog, world.is_late, told)
        if story.moments[-1] != last:
            story.moments.append(last)

    def committed() -> None:
        nonlocal catalog
        note()
        catalog = saved(world.engine)
        note()

    world.committed, world.look = committed, note
    assert await survive(world, FatedDisk(disk))
    note()
    return story


def states(story: Story) -> Iterator[State]:
    """Yield each state once, in the order of the moments."""
    rng, seen = random.Random(SEED), set[tuple[bytes, Moment]]()
    for moment in story.moments:
        what = pending(story.disk, moment.upto)
        known = Moment(0, moment.catalog, moment.is_late, moment.told)
        for choice in choices(what, rng, THROWS):
            nodes = after_cut(story.disk, what, choice)
            if (state := (mark(nodes), known)) not in seen:
                seen.add(state)
                yield State(moment, nodes)


@pytest.fixture(scope="module")
async def found(small: None) -> list[State]:
    """Every state, in the order of the moments; to find them takes its time."""
    return [*states(await told())]


async def stored(world: World) -> set[str]:
    return {name for name, state in (await standing(world)).items() if state == "stored"}


def journaled(files: dict[str, bytes]) -> dict[str, int]:
    """Return how many bytes of each part are durable by its journal."""
    found: dict[str, int] = {}
    for name in EVERYTHING:
        part = part_of(name)
        journal = decode(files.get(f"{part}.json", b""))
        if journal is not None and f"{part}.part" in files:
            extents = journal.extents or ((0, journal.durable),)
            found[name] = sum(end - start for start, end in extents)
    return found


def world_of(moment: Moment) -> World:
    """Return the world that the next boot finds."""
    world = World(catalog=moment.catalog)
    if moment.is_late:
        world.go_on()
    if moment.told:
        world.provider.recordings.clear()
    return world


def assert_nothing_is_lost(state: State, stored: set[str]) -> None:
    files = tree(state.nodes)
    assert_nothing_visible_is_wrong(files)
    if state.moment.told:
        assert_whole(files)
    for name in stored:
        places = [str(place) for place in places_of(name)]
        assert any(files.get(place) == EVERYTHING[name] for place in places), name


async def boot(state: State) -> None:
    world, files = world_of(state.moment), tree(state.nodes)
    before, durable_bytes = await stored(world), journaled(files)
    disk = ModelDisk(copy_of(state.nodes), boot="boot-2")
    world.look = lambda: assert_whole(durable(disk))
    await finish(world, disk)
    assert_whole(disk.files())
    for name, content in EVERYTHING.items():
        kept = len(content) if name in before else durable_bytes.get(name, 0)
        seams = SEAMS if 0 < kept < len(content) else 0
        assert world.host.served[name] <= len(content) - kept + seams, name


async def test_in_every_state_that_may_be_left_nothing_is_wrong_or_lost(
    found: list[State],
) -> None:
    known: dict[bytes, set[str]] = {}
    for state in found:
        catalog = state.moment.catalog
        if catalog not in known:
            known[catalog] = await stored(world_of(state.moment))
        assert_nothing_is_lost(state, known[catalog])
    print(f"{len(found)} states")  # noqa: T201 - it is worth knowing
    assert len(found) >= 2000


@pytest.mark.prove
async def test_from_every_state_the_next_boot_comes_to_the_end(found: list[State]) -> None:
    for state in found[:: 1 if EXHAUSTIVE else 6]:
        await boot(state)
