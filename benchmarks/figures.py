"""The arithmetic: medians, spreads and ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from benchmarks.model import Duel, Run

GB = 1_000_000_000
MIB = 1 << 20

Quantity = Callable[[Run], float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values, the least and the greatest of them."""

    median: float
    low: float
    high: float


def spread(values: Iterable[float]) -> Spread:
    """Return the spread of `values`.

    Raises:
        ValueError: There are none.
    """
    known = sorted(values)
    if not known:
        raise ValueError("nothing was measured")
    return Spread(median(known), known[0], known[-1])


def wall(run: Run) -> float:
    """Return the seconds that `run` took."""
    return run.wall


def cpu(run: Run) -> float:
    """Return the CPU seconds that `run` took."""
    return run.cpu


def peak(run: Run) -> float:
    """Return the MiB that the largest process of `run` had at most."""
    return run.peak / MIB


def ratio(duel: Duel, quantity: Quantity) -> Spread | None:
    """Return ours over theirs, pair by pair; None without any pair."""
    pairs = [(quantity(pair.ours), quantity(pair.theirs)) for pair in duel.pairs]
    return spread(ours / theirs for ours, theirs in pairs) if pairs else None


def typical(runs: Iterable[Run], quantity: Quantity) -> float | None:
    """Return the median of `quantity` over `runs`; None without any run."""
    values = [quantity(run) for run in runs]
    return median(values) if values else None


def excess(value: float, most: float) -> float:
    """Return by which part of `most` the value exceeds it; 0 if it does not."""
    return max(0.0, value / most - 1.0) if most else max(0.0, value)
