"""What a pass ends with, for people."""

from __future__ import annotations

from reelkeep.cli.output import Output
from reelkeep.cli.passing import Passed
from reelkeep.cli.standing import providers_table
from reelkeep.cli.tables import cell


def print_summary(out: Output, passed: Passed) -> None:
    """Print a row for each provider, and all of it in a sentence."""
    out.show(providers_table(out, passed.providers))
    out.line()
    out.show(cell(passed.sentence(), "bold green" if passed.ok else "bold red"))
