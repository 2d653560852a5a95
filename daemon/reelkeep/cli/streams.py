"""The standard streams of the process, made safe to write to whatever they lead to.

What a command does never depends on who listens. A stream that the caller closed is /dev/null. A
log that cannot be written is lost, and stops nobody. Results that cannot be written are an error:
see `output`.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from contextlib import suppress
from typing import Any, TextIO

_STANDARD = (0, 1, 2)


def open_streams() -> None:
    """Make stdin, stdout and stderr usable; to be called before any file is opened.

    A closed descriptor is taken by /dev/null, so that no file of ours ever gets the number of a
    standard stream, and nothing that is printed ends in it. Writing to stderr never fails after
    this: on a full disk, or when nobody reads, the text is lost.
    """
    closed = [descriptor for descriptor in _STANDARD if not _is_open(descriptor)]
    for descriptor in closed:
        _occupy(descriptor)
    if 0 in closed or sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stdout = _text(_Results(1), sys.stdout, errors="backslashreplace")
    sys.stderr = _text(_Log(2), sys.stderr, errors="backslashreplace")


class Unwritable(OSError):
    """Standard output cannot be written to; `errno` says why."""

    @property
    def unread(self) -> bool:
        """Whether the reader has gone, which is no failure (`| head`)."""
        return self.errno == errno.EPIPE


def close_streams() -> Unwritable | None:
    """Write what is still buffered; return why stdout could not take it, if it could not.

    The interpreter would write it as well, and end with code 120 and a message of its own.
    """
    try:
        sys.stdout.flush()
    except Unwritable as error:
        discard(sys.stdout)
        return error
    return None


def discard(stream: TextIO) -> None:
    """Send what is left in `stream`, and all that comes after, to /dev/null."""
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


def _text(raw: io.RawIOBase, before: TextIO | None, *, errors: str) -> TextIO:
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

    A descriptor that somebody made non-blocking is waited for: a shell shares its own with us.
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
