"""Run the command line, and turn whatever happens into an exit code and a sentence."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.commands import commands
from reelkeep.cli.output import cannot_write
from reelkeep.cli.streams import Unwritable, discard
from reelkeep.core.disk_errors import Scope, row_of, scope_of
from reelkeep.errors import Busy, ConfigError, Error, TooNew

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

    A reader that has gone is no failure.
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
    """Return the error of ours for a process or a machine that has run out of something."""
    if isinstance(error, OSError) and scope_of(error.errno) is Scope.PROCESS:
        row = row_of(error.errno)
        return Error(f"{row.meaning} {row.advice} ({error})")
    return error


def say(error: BaseException) -> None:
    """Write on stderr what an error that was raised on purpose says; the same sentence once."""
    said = set[str]()
    for cause in _leaves(error):
        if str(cause) not in said or not isinstance(cause, Error):
            _say(cause)
        said.add(str(cause))


def code_of(error: BaseException) -> int | None:
    """Return the exit code of an error that was raised on purpose; None of a bug."""
    causes = list(_leaves(error))
    if not all(isinstance(cause, Error) for cause in causes):
        return None
    return max(_code(cause) for cause in causes)


_ON_PURPOSE = (Error, click.ClickException, click.Abort, KeyboardInterrupt)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield what task groups have wrapped."""
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
    from reelkeep.telemetry.text import visible

    click.echo(visible(line), err=True)
