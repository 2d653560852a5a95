"""What an operator's decision changes, and how that is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reelkeep.cli.output import Output

if TYPE_CHECKING:
    from reelkeep.core.model import Holding

Change = dict[str, Any]

REFUSABLE = ("not_media", "size_mismatch", "digest_mismatch", "encoded")
"""Codes of failures in which bytes came, and a check did not believe them."""


def chosen(holding: Holding, states: Collection[str]) -> list[int]:
    """Return the rows of the files of `holding` in these states."""
    return [file.row for file in holding.files if file.state in states]


def changes(holdings: Iterable[Holding], rows: Collection[int]) -> list[Change]:
    """Return the files `rows` with the recordings that they belong to."""
    wanted = set(rows)
    return [
        {
            "provider": holding.provider,
            "recording": holding.id,
            "key": holding.key,
            "file": file.name,
            "before": file.state,
        }
        for holding in holdings
        for file in holding.files
        if file.row in wanted
    ]


def print_changes(out: Output, done: Sequence[Change], became: str) -> None:
    """Print a row for each file, and what became of them in a sentence."""
    from reelkeep.cli.humanize import number
    from reelkeep.cli.tables import cell, table

    if done:
        made = table(out, "key", "provider", "file", "was", cut={"file"})
        for each in done:
            made.add_row(*(cell(each[name]) for name in ("key", "provider", "file", "before")))
        out.show(made)
        out.line()
    verb = "is" if len(done) == 1 else "are"
    out.line(f"{number(len(done), 'file')} {verb} {became}." if done else "Nothing to change.")
