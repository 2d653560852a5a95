"""`reelkeep sync`."""

from __future__ import annotations

from datetime import timedelta

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import DurationType, as_json, enabled, providers


@click.command
@providers
@click.option(
    "--timeout",
    type=DurationType(),
    metavar="DURATION",
    help="End after so long, such as 30m; what is under way is kept for the next pass.",
)
@click.option(
    "--new-failures-only",
    is_flag=True,
    help="For timers: what had failed before this pass is told, and does not make the exit code 1.",
)
@as_json
@click.pass_obj
def command(
    call: Invocation,
    *,
    names: tuple[str, ...],
    timeout: timedelta | None,
    new_failures_only: bool,
    as_json: bool,
) -> int:
    """Make one complete pass, then end: for cron and for tests.

    Polls every provider once, then transcodes, downloads, verifies, publishes and acknowledges
    until nothing is left that can be done now, or by a retry within the time.
    """
    from reelkeep.cli.live_progress import Screen
    from reelkeep.cli.pass_runner import Passed, make_pass

    settings = call.settings_for(names)
    chosen, screen = enabled(settings, names), Screen()
    log = log_of(settings, screen.stream)

    async def work() -> Passed:
        return await make_pass(
            settings, chosen, log, screen, limit=timeout, new_failures_only=new_failures_only
        )

    passed = run_in_loop(work)
    if as_json:
        call.out.json(passed.document())
    else:
        from reelkeep.cli.pass_runner import print_summary

        print_summary(call.out, passed)
    return Exit.DONE if passed.ok else Exit.LEFT
