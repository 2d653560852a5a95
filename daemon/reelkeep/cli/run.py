"""`reelkeep run`."""

from __future__ import annotations

import os
import signal

import click

from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop


@click.command
@click.pass_obj
def command(call: Invocation) -> int:
    r"""Run the daemon in the foreground.

    \b
    SIGTERM, SIGINT  stop in order within the grace period; a second one ends at once
    SIGHUP           read the configuration again; transfers go on, an invalid one changes nothing
    """
    signal.signal(signal.SIGTERM, _nothing_to_stop)
    from reelkeep.app.daemon import run

    async def daemon() -> int:
        return await run(call.path(), call.environ, report_of=log_of)

    return run_in_loop(daemon)


def _nothing_to_stop(_number: int, _frame: object) -> None:
    """End at once and in order: the daemon has not begun, and takes signals itself when it has."""
    os._exit(0)
