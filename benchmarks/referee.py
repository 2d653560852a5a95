"""Let reelkeep and its rivals take turns, and note what each run took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.contenders import Contender
from benchmarks.ground import Ground
from benchmarks.model import Duel, Pair, Run
from benchmarks.processes import Mishap

Attempt = Callable[[Contender], Run]
"""Lets a contender do the task once, and proves that it has."""


@dataclass(slots=True)
class _Record:
    pairs: list[Pair] = field(default_factory=list)
    failed: str = ""


def fight(
    ground: Ground,
    ours: Contender,
    rivals: Sequence[Contender],
    attempt: Attempt,
    *,
    title: str,
    variant: str = "",
) -> tuple[Duel, ...]:
    """Let each rival run once a round, right before or right after a run of ours.

    The rivals change places from round to round. One that fails is left out from then on, and the
    reason is kept.

    Raises:
        Mishap: reelkeep itself failed.
    """
    records = {rival.name: _Record() for rival in rivals}
    for number in range(ground.rounds):
        fit = [rival for rival in rivals if not records[rival.name].failed]
        for before, after in neighbours(fit, number):
            runs = [(before, _tried(before, attempt, records))]
            mine = attempt(ours)
            runs += [(rival, _tried(rival, attempt, records)) for rival in after]
            for rival, theirs in runs:
                said = f"{title} {variant}".strip() + f" {number + 1}/{ground.rounds}"
                if theirs is None:
                    ground.say(f"{said}: {rival.name} is out: {records[rival.name].failed}")
                    continue
                records[rival.name].pairs.append(Pair(ours=mine, theirs=theirs))
                ground.say(f"{said}: {_told(mine, theirs, rival.name)}")
    return tuple(
        Duel(rival=name, variant=variant, pairs=tuple(record.pairs), failed=record.failed)
        for name, record in records.items()
    )


def neighbours(
    rivals: Sequence[Contender], number: int
) -> Iterator[tuple[Contender, Sequence[Contender]]]:
    """Yield who runs before and who after each run of ours in the round of that number."""
    first = number % len(rivals) if rivals else 0
    turned = [*rivals[first:], *rivals[:first]]
    for at in range(0, len(turned), 2):
        yield turned[at], turned[at + 1 : at + 2]


def _tried(rival: Contender, attempt: Attempt, records: dict[str, _Record]) -> Run | None:
    try:
        return attempt(rival)
    except Mishap as mishap:
        records[rival.name].failed = str(mishap)
        return None


def _told(mine: Run, theirs: Run, name: str) -> str:
    return (
        f"{mine.wall:.2f} s, {name} {theirs.wall:.2f} s, ratio {mine.wall / theirs.wall:.2f}; "
        f"CPU {mine.cpu:.2f} s, {theirs.cpu:.2f} s"
    )
