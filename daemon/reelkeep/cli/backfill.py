"""`reelkeep backfill`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Exit, Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, days, enabled, providers, window_of
from reelkeep.errors import Busy

if TYPE_CHECKING:
    from reelkeep.catalog.decisions import OperatorDecisions
    from reelkeep.catalog.operator import OperatorCatalog
    from reelkeep.cli.live_progress import Screen
    from reelkeep.cli.sync import Passed
    from reelkeep.core.model import ProviderName, Window
    from reelkeep.settings.model import Settings
    from reelkeep.telemetry.logs import Log


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
    """List a range of days again, and download what was not known before.

    The request is saved in the catalog. A running daemon processes it between polls, in parts;
    without a daemon, this command processes it and exits like `sync`. `reelkeep plan` with the same
    days shows how much there is to download.
    """
    from reelkeep.cli.live_progress import Screen

    settings = call.settings_for(names)
    chosen, window = enabled(settings, names), window_of(first, last)
    if window is None:
        raise click.UsageError("Expected days: --from DAY, --to DAY, or both.")
    _require_wanted(settings, chosen, window)
    screen = Screen()
    log = log_of(settings, screen.stream)
    passed = run_in_loop(_backfill, settings, chosen, window, log, screen)
    if as_json:
        call.out.json(_document(chosen, window, passed))
    elif passed is None:
        call.out.line(
            "Another process holds the archive; if it is the daemon, it will list these days soon."
        )
    else:
        from reelkeep.cli.sync import print_summary

        print_summary(call.out, passed)
    return Exit.DONE if passed is None or passed.ok else Exit.LEFT


async def _backfill(
    settings: Settings,
    names: Sequence[ProviderName],
    window: Window,
    log: Log,
    screen: Screen,
) -> Passed | None:
    """Save the request and process it; return None if another process holds the archive."""
    from reelkeep.app.catalog_access import open_catalog, utc_now
    from reelkeep.app.exception_groups import unwrapped
    from reelkeep.catalog.decisions import OperatorDecisions
    from reelkeep.catalog.follow_ups import SqlBackfills
    from reelkeep.catalog.operator import OperatorCatalog
    from reelkeep.cli.sync import make_pass

    async with open_catalog(settings) as (database, _):
        await SqlBackfills(database, utc_now).want(names, window)
        decisions = OperatorDecisions(database, utc_now, log)
        await _hurry(OperatorCatalog(database, utc_now), decisions, names, window)
    try:
        with unwrapped():
            return await make_pass(settings, names, log, screen, limit=None, polls=False)
    except Busy:
        return None


async def _hurry(
    operator: OperatorCatalog,
    decisions: OperatorDecisions,
    names: Sequence[ProviderName],
    window: Window,
) -> None:
    """Retry at once the waiting files of recordings that began in `window`."""
    after = 0
    while page := await operator.listing(names=names, states=["due"], span=window, after=after):
        waiting = (f for holding in page for f in holding.files if f.state == "due")
        await decisions.retry([file.row for file in waiting if file.due_at is not None])
        after = page[-1].row


def _require_wanted(settings: Settings, names: Sequence[ProviderName], window: Window) -> None:
    """Reject days that the filter excludes.

    Raises:
        click.UsageError: The days are before `since`.
    """
    for options in settings.providers:
        since = options.filter().since
        if options.name in names and since is not None and window.until <= since:
            raise click.UsageError(
                f"{options.name} ignores what started before {since:%Y-%m-%d}: "
                "set its `since` to an earlier day."
            )


def _document(
    names: Sequence[ProviderName], window: Window, passed: Passed | None
) -> dict[str, Any]:
    asked = {
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "names": list(names),
        "left_to_another_process": passed is None,
    }
    return asked | ({} if passed is None else passed.document())
