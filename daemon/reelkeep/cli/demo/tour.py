"""Show the archive of a demo as a tree, abridged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rich.text import Text
from rich.tree import Tree

from reelkeep.cli.humanize import number, size
from reelkeep.cli.tables import cell
from reelkeep.core.integrity import Verdict
from reelkeep.core.manifest import MANIFEST, SUMS

_SHOWN = 2
"""Recordings of each provider that are shown with their files."""


def tree(root: Path, verdicts: Sequence[Verdict]) -> Tree:
    """Return the tree of the archive at `root`; `verdicts` are of its folders, in their order."""
    made = Tree(cell(f"{root}/", "bold"), guide_style="dim")
    for provider, group in groupby(verdicts, key=lambda verdict: verdict.folder.split("/")[0]):
        _add_provider(made, provider, list(group))
    return made


def _add_provider(made: Tree, provider: str, verdicts: list[Verdict]) -> None:
    files = sum(_counted(verdict) for verdict in verdicts)
    total = sum(_bytes(verdict) for verdict in verdicts)
    label = cell(f"{provider}/", "bold cyan")
    counts = f"  {number(len(verdicts), 'recording')}, {number(files, 'file')}, {size(total)}"
    branch = made.add(label.append_text(cell(counts, "dim")))
    for verdict in verdicts[:_SHOWN]:
        leaf = branch.add(cell(f"{verdict.folder.partition('/')[2]}/", "cyan"))
        for line in _files(verdict):
            leaf.add(line)
    if (hidden := len(verdicts) - _SHOWN) > 0:
        branch.add(cell(f"… and {number(hidden, 'more recording')}", "dim"))


def _files(verdict: Verdict) -> Iterator[Text]:
    longest = max((len(checked.name) for checked in verdict.checked), default=0)
    for checked in sorted(verdict.checked, key=lambda each: each.name):
        told = "" if checked.size is None else f"{size(checked.size):>10}"
        yield cell(f"{checked.name:<{longest}}").append(told, "dim")


def _counted(verdict: Verdict) -> int:
    """Return how many files there are beside those that are about the others."""
    return sum(checked.name not in (MANIFEST, SUMS) for checked in verdict.checked)


def _bytes(verdict: Verdict) -> int:
    return sum(checked.size or 0 for checked in verdict.checked)
