"""Where results go: stdout, as text, tables or JSON."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:  # rich takes a while, and JSON does without
    from rich.console import Console, RenderableType

NO_END = 100_000
"""The width in columns of what is not a terminal: nothing is ever wrapped or cut there."""


class Output:
    """The results of a command, on `stream`.

    A reader that goes away (`| head`) is no error: what it does not want goes nowhere.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()

    def text(self, text: str) -> bool:
        """Write `text` as it is; return whether somebody still reads.

        Raises:
            click.ClickException: It cannot be written, for example because a disk is full.
        """
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._let_go()
            return False
        except OSError as error:
            self._let_go()
            raise click.ClickException(f"cannot write to stdout: {error.strerror}") from error
        return True

    def line(self, text: str = "") -> bool:
        """Write one line."""
        return self.text(f"{text}\n")

    def json(self, value: Any, *, indent: int | None = 2) -> bool:
        """Write one JSON document, in ASCII: nothing in it acts on a terminal."""
        return self.line(json.dumps(value, indent=indent, allow_nan=False))

    def show(self, *things: RenderableType) -> bool:
        """Write tables and styled text, fitted to the terminal, or plain and as wide as it is."""
        console = self.console()
        with console.capture() as captured:
            for thing in things:
                console.print(thing)
        lines = captured.get().splitlines()
        return self.text("".join(f"{line.rstrip()}\n" for line in lines))

    def console(self) -> Console:
        """Return a console that renders for this output."""
        return console_on(self._stream)

    def _let_go(self) -> None:
        """Send what is left to nowhere, so that the interpreter's last flush is quiet."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


def console_on(stream: TextIO) -> Console:
    """Return a console on `stream` that takes text as it is: no markup, no emoji codes."""
    from rich.console import Console

    terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=terminal,
        width=None if terminal else NO_END,
        markup=False,
        emoji=False,
        highlight=False,
    )
