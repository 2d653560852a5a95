"""`reelkeep plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

import click

from reelkeep.cli.invocation import Exit, Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, days, enabled, providers, window_of

if TYPE_CHECKING:
    from reelkeep.app.plan import PlanLine


@click.command
@providers
@days
@as_json
@click.pass_obj
def command(
    call: Invocation,
    *,
    names: tuple[str, ...],
    first: date | None,
    last: date | None,
    as_json: bool,
) -> int:
    """Show what a pass would download; with --from or --to, what a backfill of these days would.

    The providers are asked, but nothing is changed there, in the archive or in the catalog. You can
    run this while the daemon is running.
    """
    from reelkeep.app.plan import plan

    settings = call.settings_for(names)
    if not as_json:
        say_how_it_is_read(settings)
    window, chosen = window_of(first, last), enabled(settings, names)
    lines = run_in_loop(plan, settings, chosen, log_of(settings), window)
    if as_json:
        call.out.json({"providers": [asdict(line) for line in lines]})
    else:
        _print(call, lines)
    return Exit.LEFT if any(line.error for line in lines) else Exit.DONE


def _print(call: Invocation, lines: Sequence[PlanLine]) -> None:
    from reelkeep.cli.output import number
    from reelkeep.cli.tables import cell, table
    from reelkeep.core.quantities import size

    out = call.out
    numbers = ("recordings", "files", "bytes", "of unknown size", "to transcode")
    plan = table(out, "provider", *numbers, right=set(numbers), cut={"provider"})
    for line in lines:
        counts = (line.unknown_sizes, line.transcodings)
        plan.add_row(
            cell(line.name, "red" if line.error else ""),
            cell(f"{line.recordings:,}"),
            cell(f"{line.files:,}"),
            cell(size(line.bytes)),
            *(cell(f"{count:,}", "" if count else "dim") for count in counts),
        )
    out.show(plan)
    for line in lines:
        if line.error:
            out.show(cell(f"{line.name} could only be read in part: {line.error}", "red"))
        for reason in line.incomplete:
            out.show(cell(f"{line.name} may not have listed all: {reason}", "yellow"))
    files, known = sum(line.files for line in lines), sum(line.bytes for line in lines)
    out.line()
    sure = not any(line.error or line.incomplete for line in lines)
    out.line(
        f"{'A' if sure else 'As far as is known, a'} pass would download {number(files, 'file')}; "
        f"the known sizes add up to {size(known)}."
    )
