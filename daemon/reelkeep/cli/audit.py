"""`reelkeep audit`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import DateType, as_json, enabled, providers

if TYPE_CHECKING:
    from reelkeep.core.model import Window


@click.command
@providers
@click.option("--from", "first", type=DateType(), metavar="DAY", help="The first day, in UTC.")
@click.option("--to", "last", type=DateType(), metavar="DAY", help="The last day, in UTC.")
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
    """Ask the providers what they hold, and compare with catalog and archive.

    Says for each provider and day how many files are stored, pending, failed, skipped, missing (the
    provider has them, and we do not know of them or lost them), vanished (we knew of them, and the
    provider has them no longer) and at risk of being deleted before they are here. Nothing is
    changed; it may be said while the daemon runs. The exit code is 0 when all that the providers
    hold is stored or not wanted.
    """
    from reelkeep.app.audit import audit

    settings = call.settings()
    chosen = enabled(settings, names)
    found = run_in_loop(audit, settings, chosen, log_of(settings), window_of(first, last))
    if as_json:
        from reelkeep.cli.audited import document

        call.out.json(document(found, first, last))
    else:
        from reelkeep.cli.audited import print_audit

        print_audit(call.out, found)
    return Exit.DONE if all(each.ok for each in found) else Exit.LEFT


def window_of(first: date | None, last: date | None) -> Window | None:
    """Return the window that the two options mean, None for all times.

    Raises:
        click.UsageError: It would end before it begins.
    """
    from reelkeep.app.audit import days

    try:
        return days(first, last, datetime.now(UTC))
    except ValueError as error:
        raise click.UsageError(f"--to lies before --from: {error}") from error
