"""The files that a pass leaves and that need a person, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reelkeep.cli.finding import newest
from reelkeep.core.lifecycle import FileState

if TYPE_CHECKING:
    from reelkeep.catalog.desk import Desk
    from reelkeep.cli.output import Output
    from reelkeep.core.model import Holding, ProviderName

NAMED = 10
"""Files that are named at the end of a pass."""

STATES = (FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE)
"""States of files in which only a person helps."""


@dataclass(frozen=True, slots=True)
class Troubles:
    """Files that failed, are gone or unavailable, by the rows that they have in the catalog."""

    files: dict[int, dict[str, Any]] = field(default_factory=dict)
    recordings: frozenset[int] = frozenset()  #: Rows of incomplete recordings.

    def since(self, before: Troubles) -> Troubles:
        """Return those that were not there `before`."""
        files = {row: each for row, each in self.files.items() if row not in before.files}
        return Troubles(files, self.recordings - before.recordings)

    def count(self, state: str) -> int:
        """Return how many files are in `state`."""
        return sum(each["state"] == state for each in self.files.values())

    def named(self) -> list[dict[str, Any]]:
        """Return the first of them, those of the newest recordings first."""
        return list(self.files.values())[:NAMED]


async def troubles(desk: Desk, names: Sequence[ProviderName]) -> Troubles:
    """Return what needs a person now, of these providers."""
    files: dict[int, dict[str, Any]] = {}
    recordings = set[int]()
    states = [*STATES, "incomplete"]
    async for holding in newest(desk, names=names, states=states):
        files |= _of(holding)
        if holding.state == "incomplete":
            recordings.add(holding.row)
    return Troubles(files, frozenset(recordings))


def _of(holding: Holding) -> dict[int, dict[str, Any]]:
    return {
        file.row: {
            "provider": holding.provider,
            "recording": holding.id,
            "key": holding.key,
            "file": file.name,
            "state": file.state,
            "code": file.reason,
            "reason": file.detail,
        }
        for file in holding.files
        if file.state in STATES
    }


def print_troubles(out: Output, named: Sequence[dict[str, Any]], count: int) -> None:
    """Print the first files that need a person, why, and the commands that tell more."""
    from reelkeep.cli.tables import cell, table

    if not named:
        return
    made = table(out, "key", "provider", "file", "why", cut={"provider", "file"}, wrap={"why"})
    for each in named:
        why = ": ".join(part for part in (each["code"] or each["state"], each["reason"]) if part)
        made.add_row(
            cell(each["key"]), cell(each["provider"]), cell(each["file"]), cell(why, "bold red")
        )
    out.show(made)
    more = f"… and {count - len(named):,} more. " if count > len(named) else ""
    out.line(
        f"{more}`reelkeep list --state incomplete --all` lists all, `reelkeep show KEY` tells "
        "all of one; `retry` tries again, `waive` accepts the loss."
    )
    out.line()
