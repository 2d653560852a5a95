"""`reelkeep run`."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from reelkeep.cli.invocation import Exit, Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.errors import ConfigError

if TYPE_CHECKING:
    from reelkeep.settings.model import Settings
    from reelkeep.telemetry.logs import Log


@click.command
@click.pass_obj
def command(call: Invocation) -> int:
    """Run the daemon in the foreground.

    \b SIGTERM, SIGINT  stop in order within the grace period; a second one stops at once SIGHUP
    read the configuration again; transfers continue; an invalid one changes nothing
    """  # noqa: D301 - click reads the backspace
    signal.signal(signal.SIGTERM, _nothing_to_stop)
    from reelkeep.app.daemon import run

    loaded: list[Settings] = []

    def report_of(settings: Settings) -> Log:
        loaded.append(settings)
        return log_of(settings)

    async def daemon() -> int:
        return await run(call.path(), call.environ, report_of=report_of)

    try:
        return run_in_loop(daemon)
    except Exception as error:  # noqa: BLE001 - bugs are raised again
        return _refused(call, error, loaded)


def _nothing_to_stop(_number: int, _frame: object) -> None:
    """Exit at once: the daemon has not started yet, and handles signals itself when it has."""
    os._exit(0)


def _refused(call: Invocation, error: Exception, loaded: list[Settings]) -> int:
    """Return the exit code of a daemon that ended with `error`.

    If the log is JSON, the problems that keep the daemon from starting are also logged as events;
    later ones were logged already. An error that may go away by itself never gives 78, after which
    systemd does not restart the service.

    Raises:
        Exception: It is a bug.
    """
    from reelkeep.cli.program import code_of, say

    code = code_of(error)
    if code is None:
        raise error
    say(error)
    log = None if loaded else _json_log(call)
    if log is not None:
        _tell(log, error)
    return Exit.LEFT if getattr(error, "may_pass", False) else code


def _json_log(call: Invocation) -> Log | None:
    """Return the log if it is JSON. Of an invalid configuration, the log options are still used."""
    from reelkeep.settings.load import log_options
    from reelkeep.settings.model import LogOptions, Settings

    options = LogOptions()
    with suppress(ConfigError):
        options = log_options(call.path())
    is_json = options.format == "json" or (options.format == "auto" and not sys.stderr.isatty())
    return log_of(Settings.model_construct(log=options, providers=())) if is_json else None


def _tell(log: Log, error: Exception) -> None:
    """Log each problem of an invalid configuration as an event."""
    from reelkeep.settings.problems import InvalidSettings

    if not isinstance(error, InvalidSettings):
        return log("config.invalid", reason=str(error))
    for problem in error.problems:
        log("config.invalid", config=error.path, line=problem.line, reason=str(problem))
    return None
