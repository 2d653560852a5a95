"""The tables of the manual's page, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.catalogue import OURS, UNITS, Goal, Metric, Unit, goal
from benchmarks.figures import GB, Quantity, Spread, cpu, peak, ratio, spread, typical, wall
from benchmarks.judging import Verdict, judged, thrift
from benchmarks.model import Duel, Measured, Reading, Run

_NONE = "–"  # noqa: RUF001 (a dash is what stands for nothing)
_HEAD = (
    "",
    "wall, s",
    "wall ratio",
    "target",
    "CPU, s/GB",
    "CPU ratio",
    "target",
    "peak, MiB",
)


def case_table(measured: Measured) -> str:
    """Return what `measured` has brought."""
    if measured.readings:
        rows = [_reading(measured.case, reading) for reading in measured.readings]
        return table(("", "median", "least … most", "target"), rows)
    frugal = goal(measured.case, OURS, Metric.RESENT)
    head = (*_HEAD, "sent again", "target") if frugal else _HEAD
    return table(head, _rows(measured, frugal))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the first column is of words, the others are of numbers."""
    rule = ["---", *("---:" for _ in head[1:])]
    lines = (" ".join(f"| {cell}" if cell else "|" for cell in row) for row in (head, rule, *rows))
    return "".join(f"{line} |\n" for line in lines)


def written(found: Spread) -> str:
    """Return a median with the least and the greatest value."""
    return f"{found.median:.2f} [{found.low:.2f} … {found.high:.2f}]"


def target(verdict: Verdict | None, *, scale: float = 1, unit: str = "") -> str:
    """Return what was expected, and whether it came."""
    if verdict is None:
        return _NONE
    return f"≤ {scale * verdict.goal.most:g}{unit}: {verdict}"


def _rows(measured: Measured, frugal: Goal | None) -> Iterator[list[str]]:
    for variant in dict.fromkeys(duel.variant for duel in measured.duels):
        duels = [duel for duel in measured.duels if duel.variant == variant]
        mine = [pair.ours for duel in duels for pair in duel.pairs]
        name = f"**{OURS}**, {variant}" if variant else f"**{OURS}**"
        yield _row(name, mine, measured, None) + _sent_again(mine, measured, frugal, variant)
        for duel in duels:
            theirs = [pair.theirs for pair in duel.pairs]
            name = f"{duel.rival} (fails: {_plain(duel.failed)})" if duel.failed else duel.rival
            row = _row(name, theirs, measured, duel)
            yield row + _sent_again(theirs, measured, frugal, None)


def _row(name: str, runs: Sequence[Run], measured: Measured, duel: Duel | None) -> list[str]:
    return [
        name,
        _typical(runs, wall, "{:.2f}"),
        *_compared(measured, duel, Metric.WALL, wall),
        _typical(runs, lambda run: run.cpu * GB / measured.size, "{:.2f}"),
        *_compared(measured, duel, Metric.CPU, cpu),
        _typical(runs, peak, "{:.0f}"),
    ]


def _compared(
    measured: Measured, duel: Duel | None, metric: Metric, quantity: Quantity
) -> tuple[str, str]:
    found = ratio(duel, quantity) if duel else None
    if duel is None or found is None:
        return _NONE, _NONE
    wanted = goal(measured.case, duel.rival, metric)
    return written(found), target(judged(wanted, duel) if wanted else None)


def _sent_again(
    runs: Sequence[Run], measured: Measured, frugal: Goal | None, variant: str | None
) -> list[str]:
    """Return the worst of `runs`, and the verdict if they are ours; nothing if it is no matter."""
    if frugal is None:
        return []
    worst = max((run.resent / measured.size for run in runs), default=None)
    verdict = None if variant is None else thrift(frugal, measured, variant)
    shown = _NONE if worst is None else f"{100 * worst:.2f} %"
    return [shown, target(verdict, scale=100, unit=" %")]


def _reading(case: str, reading: Reading) -> list[str]:
    unit = UNITS.get((case, reading.name), Unit(title=reading.name))
    found = spread(reading.values)
    wanted = goal(case, reading.name, Metric.READING, Metric.MEDIAN)
    verdict = Verdict(goal=wanted, variant="", found=found) if wanted else None
    ends = f"{unit.form.format(found.low)} … {unit.form.format(found.high)}"
    return [unit.title, unit.form.format(found.median), ends, target(verdict)]


def _typical(runs: Sequence[Run], quantity: Quantity, form: str) -> str:
    value = typical(runs, quantity)
    return _NONE if value is None else form.format(value)


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "/").split())[:100]
