"""Run the command line, and turn every outcome into an exit code and a message."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from reelkeep.cli.invocation import Exit, Invocation
from reelkeep.cli.output import Output, Unwritable, cannot_write, discard
from reelkeep.core.disk_errors import Scope, row_of, scope_of
from reelkeep.errors import Busy, ConfigError, Error, TooNew

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "run the daemon in the foreground",
        "sync": "make one complete pass, then exit",
        "plan": "show what a pass would download",
        "check": "validate the configuration and show it",
        "status": "show the state of every provider",
        "list": "list recordings",
        "show": "show one recording with its files",
        "retry": "try failed files again",
        "waive": "accept that files are lost for good",
        "accept": "accept a file although a check rejects it",
        "verify": "read the archive again and check every file",
        "audit": "compare what the providers have with the archive",
        "backfill": "list a range of days again",
        "export": "write the catalog as JSON Lines or CSV",
        "rebuild": "rebuild a lost catalog from the archive",
        "archive": "start an archive after a disk was lost or replaced",
        "backup": "copy the catalog, also while the daemon runs",
        "doctor": "find problems, and collect what support needs",
        "health": "ask the daemon whether it is healthy",
        "logs": "explain the events of the log",
        "demo": "archive simulated recordings on this machine",
        "schema": "print the JSON Schema of the configuration",
        "page-token": "make a token for the page",
    }
)
"""What each command does, for the overview; see `module_of`."""

_TOGETHER: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "check": ("check", "schema", "page-token"),
        "doctor": ("doctor", "health"),
        "failed_files": ("retry", "waive", "accept"),
        "recovery": ("backup", "rebuild", "archive"),
    }
)
"""The modules of `reelkeep.cli` that hold several commands, each as a function of its name."""


def module_of(name: str) -> tuple[str, str]:
    """Return the module that holds the command `name`, and what it is called there."""
    for module, names in _TOGETHER.items():
        if name in names:
            return f"reelkeep.cli.{module}", name.replace("-", "_")
    return f"reelkeep.cli.{name}", "command"


class LazyCommands(click.Group):
    """Imports a command's module when the command is used, so that others start quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click asks so
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = module_of(cmd_name)
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise click.UsageError(f"There is no command {args[0]!a}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click asks so
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _say_version(context: click.Context, _option: click.Parameter, wanted: Any) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"reelkeep {version('reelkeep')}")
        context.exit()


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The configuration file. Default: $REELKEEP_CONFIG, ./reelkeep.yaml or "
    "/etc/reelkeep/reelkeep.yaml.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Print the version and exit.",
)
@click.pass_context
def commands(context: click.Context, config: str | None) -> None:
    """Archive session recordings: downloaded, verified, and kept for good.

    Results go to stdout, the log to stderr.

    \b
    Exit codes:
      0   done, nothing is left to do
      1   ran, but something failed, is missing, altered or still pending
      2   wrong usage
      70  a bug
      75  another process holds this archive or catalog
      78  the configuration is invalid, or a newer version wrote the catalog
    """  # noqa: D301 - click reads the backspace
    context.obj = Invocation(file=config, environ=os.environ, out=Output(sys.stdout))


NAME = "reelkeep"


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` spell; return the exit code."""
    try:
        code = commands.main(list(arguments), prog_name=NAME, standalone_mode=False)
    except KeyboardInterrupt:
        return _failed(KeyboardInterrupt())
    except SystemExit:  # help and version, which click writes and nobody reads any more
        return Exit.DONE
    except Unwritable as error:  # the same, onto a full disk
        discard(sys.stdout)
        return unwritten(error, Exit.DONE)
    except Exception as error:  # noqa: BLE001 - the outermost boundary
        return _failed(error)
    return int(code or Exit.DONE)


def unwritten(error: Unwritable, code: int) -> int:
    """Say that stdout could not be written to; return the exit code of a command that had `code`.

    A reader that went away is not a failure.
    """
    if error.unread:
        return code
    _print(f"{NAME}: {cannot_write(error)}")
    return code or Exit.LEFT


def _failed(error: BaseException) -> int:
    causes = [_explained(each) for each in _leaves(error)]
    error = BaseExceptionGroup("", causes)
    if not all(isinstance(cause, _ON_PURPOSE) for cause in causes):
        return _bug(error)
    say(error)
    return max(_code(cause) for cause in causes)


def _explained(error: BaseException) -> BaseException:
    """Return our own error if the process or the machine has run out of a resource."""
    if isinstance(error, OSError) and scope_of(error.errno) is Scope.PROCESS:
        row = row_of(error.errno)
        return Error(f"{row.meaning} {row.advice} ({error})")
    return error


def say(error: BaseException) -> None:
    """Write the messages of errors that were raised on purpose to stderr, each message once."""
    said = set[str]()
    for cause in _leaves(error):
        if str(cause) not in said or not isinstance(cause, Error):
            _say(cause)
        said.add(str(cause))


def code_of(error: BaseException) -> int | None:
    """Return the exit code for an error that was raised on purpose; None for a bug."""
    causes = list(_leaves(error))
    if not all(isinstance(cause, Error) for cause in causes):
        return None
    return max(_code(cause) for cause in causes)


_ON_PURPOSE = (Error, click.ClickException, click.Abort, KeyboardInterrupt)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the errors that task groups have wrapped."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _code(error: BaseException) -> int:
    if isinstance(error, click.ClickException):
        return error.exit_code
    if isinstance(error, ConfigError | TooNew):
        return Exit.CONFIG
    return Exit.BUSY if isinstance(error, Busy) else Exit.LEFT


def _say(error: BaseException) -> None:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(f"{error.ctx.get_usage()}\n", err=True)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
    elif isinstance(error, click.ClickException):
        _print(f"{NAME}: {error.format_message()}")
    elif isinstance(error, ConfigError):
        _say_what_is_wrong(error)
    elif isinstance(error, Error):
        _print(f"{NAME}: {error}")
    else:
        _print(f"{NAME}: interrupted")


def _say_what_is_wrong(error: ConfigError) -> None:
    """Print one line a problem, each beginning with file and line where they are known."""
    problems = getattr(error, "problems", None)
    if problems is None:
        return _print(f"{NAME}: {error}")
    for line in str(error).splitlines():
        _print(line)
    many = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return _print(f"{NAME}: the configuration has {many}")


def _bug(error: BaseException) -> int:
    from reelkeep.telemetry.redaction import Redactor

    clean = Redactor().clean
    for block in traceback.format_exception(error):
        for line in block.splitlines():
            _print(clean(line))
    _print(f"{NAME}: this is a bug; please report it with the lines above")
    return Exit.BUG


def _print(line: str) -> None:
    from reelkeep.telemetry.redaction import visible

    click.echo(visible(line), err=True)
