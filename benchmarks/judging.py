"""Compare what was measured with what is expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.catalogue import GOALS, Goal, Metric
from benchmarks.figures import Spread, cpu, excess, ratio, spread, wall
from benchmarks.model import Duel, Measured, Results


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A goal, and what was measured."""

    goal: Goal
    variant: str
    found: Spread | None  #: None: it could not be measured.

    @property
    def value(self) -> float | None:
        """The number that the goal is about."""
        if self.found is None:
            return None
        worst = self.goal.metric in (Metric.READING, Metric.RESENT)
        return self.found.high if worst else self.found.median

    @property
    def met(self) -> bool:
        """Whether it is no more than it may be."""
        return self.value is not None and self.value <= self.goal.most

    def __str__(self) -> str:
        if self.value is None:
            return "not measured"
        if self.met:
            return "met"
        return f"missed by {100 * excess(self.value, self.goal.most):.0f} %"


def verdicts(results: Results) -> list[Verdict]:
    """Return the verdicts on all goals of the cases that were measured."""
    return [
        verdict
        for goal in GOALS
        if (measured := results.case(goal.case)) is not None
        for verdict in _on(goal, measured)
    ]


def judged(goal: Goal, duel: Duel) -> Verdict:
    """Return the verdict on `goal`, which is about a ratio, in `duel`."""
    quantity = wall if goal.metric is Metric.WALL else cpu
    return Verdict(goal=goal, variant=duel.variant, found=ratio(duel, quantity))


def thrift(goal: Goal, measured: Measured, variant: str) -> Verdict:
    """Return the verdict on `goal`, which is about bytes that were sent again to us."""
    duels = (duel for duel in measured.duels if duel.variant == variant)
    parts = [pair.ours.resent / measured.size for duel in duels for pair in duel.pairs]
    return Verdict(goal=goal, variant=variant, found=spread(parts) if parts else None)


def _on(goal: Goal, measured: Measured) -> Iterator[Verdict]:
    if goal.metric is Metric.RESENT:
        for variant in dict.fromkeys(duel.variant for duel in measured.duels):
            yield thrift(goal, measured, variant)
    for duel in measured.duels:
        if duel.rival == goal.of:
            yield judged(goal, duel)
    for reading in measured.readings:
        if reading.name == goal.of:
            yield Verdict(goal=goal, variant="", found=spread(reading.values))
