from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from reelkeep.cli import program
from reelkeep.cli.invocation import Exit
from reelkeep.errors import Busy, CatalogError, ConfigError
from reelkeep.settings.problems import InvalidSettings, Problem

Raising = Callable[[BaseException], int]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Raising:
    """Return the exit code of a command that fails with the given error."""

    def run(error: BaseException) -> int:
        @click.command
        def command() -> None:
            raise error

        monkeypatch.setattr(program, "commands", command)
        return program.run([])

    return run


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), Exit.CONFIG),
        (Busy("x"), Exit.BUSY),
        (CatalogError("x"), Exit.LEFT),
        (click.UsageError("x"), Exit.USAGE),
        (click.ClickException("x"), Exit.LEFT),
        (KeyboardInterrupt(), Exit.LEFT),
        (ValueError("x"), Exit.BUG),
        (OSError(errno.EMFILE, "Too many open files"), Exit.LEFT),
        (ExceptionGroup("", [OSError(errno.ENOMEM, "Cannot allocate memory")]), Exit.LEFT),
        (OSError(errno.EBADF, "Bad file descriptor"), Exit.BUG),
        (ExceptionGroup("", [ExceptionGroup("", [Busy("x")])]), Exit.BUSY),
        (ExceptionGroup("", [Busy("x"), ConfigError("y")]), Exit.CONFIG),
        (ExceptionGroup("", [Busy("x"), ValueError("y")]), Exit.BUG),
    ],
)
def test_an_error_becomes_its_exit_code(failing: Raising, error: Exception, code: int) -> None:
    assert failing(error) == code


def test_an_error_is_one_sentence(failing: Raising, capsys: pytest.CaptureFixture[str]) -> None:
    failing(Busy("it is held by process 7"))
    assert capsys.readouterr() == ("", "reelkeep: it is held by process 7\n")


def test_a_process_that_has_run_out_of_files_is_told_what_to_raise(
    failing: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(OSError(errno.EMFILE, "Too many open files"))
    said = capsys.readouterr().err
    assert "LimitNOFILE" in said
    assert "bug" not in said


def test_what_several_tasks_say_alike_is_said_once(
    failing: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ExceptionGroup("", [CatalogError("a"), CatalogError("a"), CatalogError("b")]))
    assert capsys.readouterr().err == "reelkeep: a\nreelkeep: b\n"


def test_every_problem_of_a_configuration_has_its_line(
    failing: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    problems = (Problem(("a",), 3, "is odd"), Problem(("b", 0), 7, "is even"))
    failing(InvalidSettings(Path("r.yaml"), problems))
    assert capsys.readouterr().err.splitlines() == [
        "r.yaml:3: a: is odd",
        "r.yaml:7: b[0]: is even",
        "reelkeep: the configuration has 2 problems",
    ]


def test_what_an_error_says_does_not_act_on_the_terminal(
    failing: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(CatalogError("a\x1b[31m\u202eb"))
    assert capsys.readouterr().err == "reelkeep: a\\x1b[31m\\u202eb\n"


def test_a_bug_shows_where_it_was_and_no_secret(
    failing: Raising, capsys: pytest.CaptureFixture[str]
) -> None:
    failing(ValueError("at https://x.test/a?sig=0123456789 with Bearer abcdef123456"))
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "0123456789" not in said
    assert "abcdef123456" not in said


def test_a_wrong_usage_shows_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.run(["chekc"]) == Exit.USAGE
    said = capsys.readouterr().err
    assert said.startswith("Usage: reelkeep ")
    assert "Did you mean check?" in said
