"""The manual's page on benchmarks, and its pictures, made from the results."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from benchmarks.catalogue import ENTRIES, Entry, Metric, goal
from benchmarks.figures import Quantity, cpu, ratio, wall
from benchmarks.judging import Verdict, verdicts
from benchmarks.model import Measured, Results, dumps
from benchmarks.plot import Bar, plot
from benchmarks.tables import case_table, table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
QUIET = 0.5
"""The load of a machine, at most, on which figures count."""

PAGE = "docs/reference/benchmarks.md"
_PICTURES = {
    "wall": (Metric.WALL, wall, "Wall time, reelkeep / other"),
    "cpu": (Metric.CPU, cpu, "CPU time, reelkeep / other"),
}

_HEAD = """\
# Benchmarks

Made by `make bench`; do not edit. [How it is measured](../../benchmarks/README.md), in short: nginx
on the same machine serves files from memory, and the contenders take turns at fetching them. A run
is a whole process, from its start to its end: `reelkeep sync` asks the (simulated) provider,
fetches, hashes with SHA-256, flushes, and writes catalog and manifests. After each run, every file
is read and compared with what it should be.

**Ratios** are ours divided by theirs, so that less is better and 1 is a tie: the median over pairs
of neighbouring runs, and in brackets the least and the greatest. Seconds are medians. CPU is user
and system time of a program and its children, the server's excluded; a GB is 10⁹ bytes. The peak
is the resident memory of the largest process; below 10 MiB nothing is told apart.
"""


def pages(results: Results) -> dict[str, str]:
    """Return what `results` look like, by path in the project."""
    return {
        PAGE: _page(results),
        **{
            _place(name): plot(title, list(_bars(results, metric, quantity)))
            for name, (metric, quantity, title) in _PICTURES.items()
        },
    }


def write(results: Results) -> None:
    """Write results, page and pictures."""
    RESULTS.write_text(dumps(results), encoding="utf-8")
    for path, content in pages(results).items():
        (ROOT / path).write_text(content, encoding="utf-8")


def summary(results: Results) -> str:
    """Return how many targets are met, and which are not."""
    found = verdicts(results)
    missed = [verdict for verdict in found if not verdict.met]
    lines = [f"{len(found) - len(missed)} of {len(found)} targets are met."]
    if missed:
        lines += ["", "Not met:", "", *(_missed(verdict) for verdict in missed)]
    return "\n".join(lines) + "\n"


def _page(results: Results) -> str:
    pictures = (f"![{_PICTURES[name][2]}](../images/benchmarks-{name}.svg)" for name in _PICTURES)
    parts = [_HEAD, *_warning(results), "## Summary\n", summary(results), *_lacking(results)]
    parts += [f"{each}\n" for each in pictures]
    for entry in ENTRIES:
        measured = results.case(entry.key)
        if measured is not None:
            parts.append(_section(entry, measured))
    parts.append("## Where\n")
    facts = {**results.machine, **results.versions}
    if results.load is not None:
        facts["load before the first case"] = f"{results.load:.2f}"
    parts.append(table(("", ""), list(facts.items())))
    return "\n".join(parts)


def _lacking(results: Results) -> list[str]:
    """Return a sentence if cases were not measured with this version."""
    keys = [f"`{entry.key}`" for entry in ENTRIES if results.case(entry.key) is None]
    return [f"Not measured with this version: {', '.join(keys)}.\n"] if keys else []


def _warning(results: Results) -> list[str]:
    """Return a sentence if these figures are not to be relied on."""
    if results.load is None:
        return ["**Provisional:** how busy the machine was is not known.\n"]
    if results.load > QUIET:
        return [f"**Provisional:** the machine was busy; its load was {results.load:.1f}.\n"]
    return []


def _section(entry: Entry, measured: Measured) -> str:
    rounds = "one round" if measured.rounds == 1 else f"{measured.rounds} rounds"
    notes = [f"Measured {measured.day} in {rounds}"]
    if measured.server is not None:
        notes.append(f"nginx itself took {measured.server:.2f} CPU s/GB")
    what = fill(f"`{entry.key}`: {entry.what}", 100, break_on_hyphens=False)
    return f"## {entry.title}\n\n{what}\n\n{'; '.join(notes)}.\n\n{case_table(measured)}"


def _missed(verdict: Verdict) -> str:
    wanted = verdict.goal
    case = f"{wanted.case}, {verdict.variant}" if verdict.variant else wanted.case
    if verdict.value is None:
        return f"- `{case}`: {wanted.of} was not measured"
    return (
        f"- `{case}`: {wanted.of}, {wanted.metric.value} {verdict.value:.2f}, "
        f"target {wanted.most:g}: {verdict}"
    )


def _place(name: str) -> str:
    return f"docs/images/benchmarks-{name}.svg"


def _bars(results: Results, metric: Metric, quantity: Quantity) -> Iterator[Bar]:
    for entry in ENTRIES:
        measured = results.case(entry.key)
        for duel in measured.duels if measured else ():
            found = ratio(duel, quantity)
            wanted = goal(entry.key, duel.rival, metric)
            if found is not None:
                yield Bar(
                    group=f"{entry.key}, {duel.variant}" if duel.variant else entry.key,
                    label=duel.rival,
                    found=found,
                    most=wanted.most if wanted else None,
                )
