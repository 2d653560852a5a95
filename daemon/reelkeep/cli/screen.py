"""The live area on stderr, and the log above it."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TextIO

import anyio
from rich.console import Console
from rich.live import Live
from rich.text import Text

from reelkeep.catalog.desk import Desk, Summary
from reelkeep.cli.output import console_on
from reelkeep.cli.picture import picture
from reelkeep.cli.progress import Frame, Rate, gauge, time_left, transfer
from reelkeep.core.model import ProviderName
from reelkeep.stages.flights import Flights

EVERY = 0.2
"""Seconds between two pictures: progress is sampled, never pushed."""

_SHARE = 20
"""The catalog is asked so seldom that its answers take up at most one part in this."""


class Screen:
    """Shows passes on a terminal; elsewhere it shows nothing, and the log is what one sees."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = console_on(stream or sys.stderr)
        self.is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self.stream: TextIO = _Above(self._console) if self.is_live else self._console.file  # type: ignore[assignment]  # rich says IO[str]

    @asynccontextmanager
    async def watching(
        self, desk: Desk, flights: Flights, names: Sequence[ProviderName]
    ) -> AsyncIterator[None]:
        """Show how the providers `names` do while inside; nothing of it stays afterwards."""
        if not self.is_live:
            yield
            return
        camera = _Camera(desk, flights, names)
        live = Live(console=self._console, auto_refresh=False, transient=True)
        async with anyio.create_task_group() as group:
            with live:
                group.start_soon(self._roll, camera, live)
                yield
                group.cancel_scope.cancel()

    async def _roll(self, camera: _Camera, live: Live) -> None:
        while True:
            frame = await camera.frame()
            live.update(picture(frame, self._console.height), refresh=True)
            await anyio.sleep(EVERY)


class _Camera:
    """Takes pictures of a pass."""

    def __init__(self, desk: Desk, flights: Flights, names: Sequence[ProviderName]) -> None:
        self._desk = desk
        self._flights = flights
        self._names = names
        self._began = self._ask_at = anyio.current_time()
        self._rate = Rate()
        self._summaries: list[Summary] = []

    async def frame(self) -> Frame:
        await self._ask()
        now, received = anyio.current_time(), self._flights.received
        flying = sorted(self._flights.under_way, key=lambda flight: flight.began)
        transfers = [transfer(flight, now) for flight in flying]
        rate = self._rate.add(now, received)
        pending = sum(summary.pending_bytes for summary in self._summaries)
        return Frame(
            gauges=[gauge(summary) for summary in self._summaries],
            transfers=transfers,
            received=received,
            rate=rate,
            seconds=now - self._began,
            left=time_left(pending, transfers, rate),
        )

    async def _ask(self) -> None:
        now = anyio.current_time()
        if now >= self._ask_at:
            self._summaries = await self._desk.summaries(self._names)
            self._ask_at = now + _SHARE * (anyio.current_time() - now)


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
