"""Many seeds of `make simulate`, and proof that the simulation finds what it is to find."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

import pytest

from simulation.planted import PLANTS
from simulation.seed import simulate

TESTS = Path(__file__).parents[1]
CHUNK = 2
SEEDS = range(1, 21)
FEW = 2
"""Seeds that `make test` tries; the rest is for `make prove`."""

CHUNKS = [
    pytest.param(first, marks=[pytest.mark.prove] if first > FEW else [])
    for first in SEEDS[::CHUNK]
]

FINDERS = {
    "appending": 4,
    "blind": 4,
    "burned": 313,
    "crowded": 59,
    "early": 12,
    "hasty": 1,
    "lent": 27,
    "lent-unseen": 40,
    "page": 14,
    "restarting": 1,
    "shifted": 7,
    "sleepy": 1,
    "stale": 49,
    "stuck": 2,
    "unflushed": 1,
    "unguarded": 102,
}
"""A seed that finds each planted bug, as the simulation is now."""

NOT_SOUGHT = frozenset({"believed"})
"""Plants for which no seed that finds them has been named so far."""

MORE = 10
"""Seeds after that one that may find it too, when the simulation has changed."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", CHUNKS)
def test_nothing_is_lost_and_nothing_claimed_falsely(first: int) -> None:
    results = [simulate(seed) for seed in range(first, first + CHUNK)]
    assert [f"SEEDS={each.seed}: {each.error}" for each in results if each.error] == []
    assert min(each.days for each in results) >= 30


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_seed_tells_the_same_story_twice_and_in_any_process(tmp_path: Path) -> None:
    """The second time is after a simulation that ended in its midst; the other process has
    another order of hashes, and its files in another place."""
    first = _story()
    assert simulate(FINDERS["restarting"], plant="restarting").error
    assert _difference(first, _story()) is None
    assert _difference(first, _story_elsewhere(tmp_path / "a-place-of-its-own")) is None


def _story() -> list[str]:
    lines: list[str] = []
    simulate(7, echo=lines.append)
    return lines


def _story_elsewhere(place: Path) -> list[str]:
    place.mkdir()
    program = "from simulation import seed; seed._shm = lambda: None; seed.simulate(7, echo=print)"
    more = {"PYTHONPATH": str(TESTS), "PYTHONHASHSEED": "4711", "TMPDIR": str(place)}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **more}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout.splitlines()


def _difference(one: list[str], other: list[str]) -> str | None:
    """Return the first line in which two stories differ."""
    pairs = enumerate(zip_longest(one, other), 1)
    return next((f"line {n}: {a!r} or {b!r}" for n, (a, b) in pairs if a != b), None)


@pytest.mark.prove
def test_another_seed_tells_another_story() -> None:
    assert simulate(8).digest != simulate(9).digest


@pytest.mark.prove
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("plant", [name for name in PLANTS if name not in NOT_SOUGHT])
def test_a_planted_bug_is_found(plant: str) -> None:
    first = FINDERS[plant]
    found = (simulate(seed, plant=plant).error for seed in range(first, first + MORE))
    assert any(found), f"look for a seed by: make simulate SEEDS=1..200 ARGS='--plant {plant}'"
