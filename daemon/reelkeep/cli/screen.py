"""The live area on stderr, and the log above it."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TextIO

import anyio
from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from reelkeep.cli.output import console_on

EVERY = 0.2
"""Seconds between two pictures: progress is sampled, never pushed."""

Draw = Callable[[int], Awaitable[RenderableType]]
"""Draws a picture that fits into so many lines."""


class Screen:
    """Shows passes on a terminal; elsewhere it shows nothing, and the log is what one sees."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = console_on(stream or sys.stderr)
        self.is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self.stream: TextIO = _Above(self._console) if self.is_live else self._console.file  # type: ignore[assignment]  # rich says IO[str]

    @asynccontextmanager
    async def showing(self, draw: Draw) -> AsyncIterator[None]:
        """Show what `draw` returns for the height of the terminal; nothing of it stays."""
        if not self.is_live:
            yield
            return
        live = Live(console=self._console, auto_refresh=False, transient=True)
        async with anyio.create_task_group() as group:
            with live:
                group.start_soon(self._roll, draw, live)
                yield
                group.cancel_scope.cancel()

    async def _roll(self, draw: Draw, live: Live) -> None:
        while True:
            live.update(await draw(self._console.height), refresh=True)
            await anyio.sleep(EVERY)


class _Above(io.TextIOBase):
    """A stream whose lines appear above the live area."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str, /) -> int:
        line = Text.from_ansi(text.removesuffix("\n"))
        self._console.print(line, soft_wrap=True)
        return len(text)

    def isatty(self) -> bool:
        return True
