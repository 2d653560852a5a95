"""Where results go: stdout, as text, tables or JSON, and the streams of the process made safe."""

from __future__ import annotations

import errno
import io
import json
import os
import select
import sys
from contextlib import suppress
from datetime import UTC, datetime
from io import StringIO
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


_STANDARD = (0, 1, 2)


def open_streams() -> None:
    """Make stdin, stdout and stderr usable; to be called before any file is opened.

    A closed descriptor is opened on /dev/null, so that no file of ours ever gets the number of a
    standard stream, and no output is written into it. Writing to stderr never fails after this: on
    a full disk, or when nobody reads, the text is lost.
    """
    closed = [descriptor for descriptor in _STANDARD if not _is_open(descriptor)]
    for descriptor in closed:
        _occupy(descriptor)
    if 0 in closed or sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stdout = _text_over(_Results(1), sys.stdout, errors="backslashreplace")
    sys.stderr = _text_over(_Log(2), sys.stderr, errors="backslashreplace")


class Unwritable(OSError):
    """Standard output cannot be written to; `errno` says why."""

    @property
    def unread(self) -> bool:
        """Whether the reader went away, which is not a failure (`| head`)."""
        return self.errno == errno.EPIPE


def close_streams() -> Unwritable | None:
    """Write what is still buffered; return the error if stdout cannot be written.

    The interpreter would write it as well, and end with code 120 and a message of its own.
    """
    try:
        sys.stdout.flush()
    except Unwritable as error:
        discard(sys.stdout)
        return error
    return None


def discard(stream: TextIO) -> None:
    """Send the rest of `stream`, and everything written later, to /dev/null."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError as error:
        return error.errno != errno.EBADF
    return True


def _occupy(descriptor: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != descriptor:  # not the lowest free number
        os.dup2(opened, descriptor)
        os.close(opened)
    os.set_inheritable(descriptor, True)  # noqa: FBT003 - it takes no keyword


def _text_over(raw: io.RawIOBase, before: TextIO | None, *, errors: str) -> TextIO:
    """Return a text stream over `raw`, with the encoding of the stream that it replaces.

    A character that this encoding does not have is escaped.
    """
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors=errors,
        line_buffering=True,
    )


class _Results(io.RawIOBase):
    """Writes to a descriptor that stays open.

    It waits for a descriptor that another process made non-blocking: a shell shares its own with
    us.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                raise Unwritable(error.errno, error.strerror) from error


class _Log(_Results):
    """The same, but what cannot be written is lost."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except Unwritable:
            return len(memoryview(data).cast("B"))


def ago(seconds: float | None) -> str:
    """Return how long ago something was, in its greatest unit; None is never."""
    if seconds is None:
        return "never"
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"


def moment(time: datetime | None) -> str:
    """Return `time` in UTC to the second; a dash if there is none."""
    return "-" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def number(count: int, noun: str) -> str:
    """Return `count` and its noun, in the plural unless it is one."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(parts: list[str]) -> str:
    """Return `parts` as a list in prose."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


WIDTH = 80
"""Columns of a table that does not go to a terminal, unless $COLUMNS says otherwise."""

NO_END = 100_000
"""The width in columns where nothing is ever wrapped or cut: `--wide`."""


class Output:
    """The results of a command, on `stream`.

    A reader that goes away (`| head`) is not an error: the rest is discarded.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty()
        self.wide = False  #: Tables are as wide as what is in them.

    @property
    def width(self) -> int:
        """How many columns wide a table may be."""
        if self.wide:
            return NO_END
        return get_terminal_size((WIDTH, 24)).columns if self.is_terminal else _columns()

    def text(self, text: str) -> bool:
        """Write `text` as it is; return whether the reader is still there.

        Raises:
            click.ClickException: It cannot be written, for example because a disk is full.
        """
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            discard(self._stream)  # so that the interpreter's last flush is quiet
            if error.errno == errno.EPIPE:
                return False
            raise click.ClickException(cannot_write(error)) from error
        return True

    def line(self, text: str = "") -> bool:
        """Write one line."""
        return self.text(f"{text}\n")

    def json(self, value: Any, *, indent: int | None = 2) -> bool:
        """Write one JSON document, in ASCII: nothing in it acts on a terminal."""
        return self.line(json.dumps(value, indent=indent, allow_nan=False))

    def show(self, *things: RenderableType) -> bool:
        """Write tables, fitted to `width`, and styled text, which is wrapped on terminals only."""
        from rich.table import Table

        from reelkeep.cli.tables import fit

        lines: list[str] = []
        for thing in things:
            console = self.console(is_table=isinstance(thing, Table))
            if isinstance(thing, Table) and thing.show_header:
                fit(thing, console.width)
            with console.capture() as captured:
                console.print(thing)
            lines += captured.get().splitlines()
        return self.text("".join(f"{line.rstrip()}\n" for line in lines))

    def console(self, *, is_table: bool = True) -> Console:
        """Return a console that renders for this output, and writes nothing."""
        width = self.width if is_table or self.is_terminal else NO_END
        return console_on(StringIO(), terminal=self.is_terminal, width=width)


def cannot_write(error: OSError) -> str:
    """Return the sentence for results that could not be written."""
    return f"cannot write to stdout: {error.strerror}"


def console_on(
    stream: TextIO, *, terminal: bool | None = None, width: int | None = None
) -> Console:
    """Return a console on `stream` that takes text as it is: no markup, no emoji codes."""
    from rich.console import Console

    terminal = stream.isatty() if terminal is None else terminal
    return Console(
        file=stream,
        force_terminal=terminal,
        width=width or (None if terminal else NO_END),
        markup=False,
        emoji=False,
        highlight=False,
    )


def _columns() -> int:
    """Return what $COLUMNS says, which shells do not export by themselves."""
    said = os.environ.get("COLUMNS", "")
    return max(40, int(said)) if said.isdecimal() else WIDTH
