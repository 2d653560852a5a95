"""What a pass ends with, for people."""

from __future__ import annotations

from reelkeep.cli.output import Output
from reelkeep.cli.pass_runner import Passed
from reelkeep.cli.status_view import providers_table
from reelkeep.cli.tables import cell
from reelkeep.cli.troubles import print_troubles


def print_summary(out: Output, passed: Passed) -> None:
    """Print a row for each provider, and all of it in a sentence."""
    out.show(providers_table(out, passed.providers))
    out.line()
    print_troubles(out, passed.failures, passed.failed)
    if passed.known:
        out.show(cell(f"Known before this pass: {'; '.join(passed.known)}.", "yellow"))
    out.show(cell(passed.sentence(), "bold green" if passed.ok else "bold red"))
