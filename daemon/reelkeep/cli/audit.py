"""`reelkeep audit`."""

from __future__ import annotations

from datetime import date

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, days, enabled, providers, wide, window_of


@click.command
@providers
@days
@click.option("--all", "every_day", is_flag=True, help="Also show days that are in order.")
@as_json
@wide
@click.pass_obj
def command(
    call: Invocation,
    *,
    names: tuple[str, ...],
    first: date | None,
    last: date | None,
    every_day: bool,
    as_json: bool,
) -> int:
    """Ask the providers what they hold, and compare with catalog and archive.

    Says for each provider and day how many files are stored, pending, failed, unavailable (wanted,
    but the provider gives no way to them now), skipped, missing (the provider has them, and we do
    not know of them or lost them), vanished (we knew of them, and the provider has them no longer)
    and at risk of being deleted before they are here. Nothing is changed; you can run this while
    the daemon is running. The exit code is 0 when all that the providers hold is stored or not
    wanted.
    """
    from reelkeep.app.audit import audit

    settings = call.settings_for(names)
    say_how_it_is_read(settings)
    chosen = enabled(settings, names)
    found = run_in_loop(audit, settings, chosen, log_of(settings), window_of(first, last))
    if as_json:
        from reelkeep.cli.audited import document

        call.out.json(document(found, first, last))
    else:
        from reelkeep.cli.audited import print_audit

        print_audit(call.out, found, every_day=every_day)
    return Exit.DONE if all(each.ok for each in found) else Exit.LEFT
