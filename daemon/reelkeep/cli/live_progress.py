"""Show a running pass: its figures, how they are drawn, and the live area on stderr."""

from __future__ import annotations

import io
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

import anyio
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reelkeep.catalog.operator import OperatorCatalog, Summary
from reelkeep.cli.output import console_on, number
from reelkeep.cli.tables import cell
from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import duration, size
from reelkeep.stages.worker_pool import ActiveTransfers

if TYPE_CHECKING:
    from reelkeep.stages.worker_pool import ActiveTransfer

_MEMORY = 5.0
"""Seconds over which a rate is averaged."""


@dataclass(slots=True)
class Rate:
    """How fast a count grows, averaged over the last seconds."""

    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now: float, count: int) -> float:
        """Return the growth per second, given `count` at the time `now` (in seconds)."""
        self._samples.append((now, count))
        while len(self._samples) > 2 and self._samples[0][0] < now - _MEMORY:
            self._samples.popleft()
        began, before = self._samples[0]
        return (count - before) / (now - began) if now > began else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """The progress of one provider."""

    name: str
    done: int  #: Files that need no more work.
    total: int
    failed: int
    stored_bytes: int
    broken: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One file that is being downloaded."""

    provider: str
    file: str
    done: int
    total: int | None
    rate: float  #: Bytes a second since it began.


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The progress of a pass at one moment."""

    gauges: Sequence[Gauge]
    transfers: Sequence[Transfer]
    received: int
    rate: float
    seconds: float
    left: float | None  #: Estimated seconds until all known bytes are here; None: unknown.


def gauge(summary: Summary) -> Gauge:
    """Return the progress of a provider from its `summary` in the catalog."""
    files: Mapping[str, int] = summary.files
    failed = files["failed"] + files["gone"]
    pending = files["due"] + files["active"]
    return Gauge(
        name=summary.name,
        done=files["stored"],
        total=files["stored"] + pending + failed,
        failed=failed,
        stored_bytes=summary.stored_bytes,
        broken=summary.reason if summary.broken_since else None,
    )


def progress_of(transfer: ActiveTransfer, now: float) -> Transfer:
    """Return the progress of a transfer at `now`, on the clock of the event loop."""
    age = now - transfer.began
    return Transfer(
        provider=transfer.download.provider,
        file=transfer.download.name,
        done=transfer.done,
        total=transfer.total,
        rate=transfer.done / age if age > 0 else 0.0,
    )


def time_left(pending: int, transfers: Sequence[Transfer], rate: float) -> float | None:
    """Return the estimated seconds for `pending` bytes, minus what `transfers` already have."""
    rest = pending - sum(each.done for each in transfers)
    return rest / rate if rate > 0 and rest > 0 else None


WIDEST = 110
"""Columns; a longer bar shows nothing more."""

_FEWEST_TRANSFERS = 3


def picture(frame: Frame, height: int) -> RenderableType:
    """Return `frame` drawn in at most `height` lines, if possible."""
    room = max(_FEWEST_TRANSFERS, height - len(frame.gauges) - 5)
    parts: list[RenderableType] = [_gauges(frame)]
    if frame.transfers:
        parts += [Text(), _transfers(frame, room)]
    parts += [Text(), _totals(frame)]
    return Constrain(Group(*parts), WIDEST)


def _gauges(frame: Frame) -> Table:
    grid = _grid()
    grid.add_column(no_wrap=True, max_width=20, overflow="ellipsis")
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True, min_width=20)
    grid.add_column(justify="right", no_wrap=True, min_width=9)
    for each in frame.gauges:
        bar = ProgressBar(total=max(each.total, 1), completed=each.done)
        grid.add_row(cell(each.name, "bold"), bar, _files(each), cell(size(each.stored_bytes)))
    return grid


def _files(gauge: Gauge) -> Text:
    if gauge.broken:
        return cell("broken", "bold red")
    if not gauge.total:
        return cell("asking …", "dim")
    text = cell(f"{gauge.done:,} of {number(gauge.total, 'file')}")
    return text.append(f", {gauge.failed:,} failed", "bold red") if gauge.failed else text


def _transfers(frame: Frame, room: int) -> Table:
    grid = _grid()
    grid.add_column(no_wrap=True, max_width=12, overflow="ellipsis")
    grid.add_column(no_wrap=True, ratio=2, overflow="ellipsis")
    grid.add_column(ratio=1, min_width=10)
    for width in (5, 9, 10):
        grid.add_column(justify="right", no_wrap=True, min_width=width)
    for each in frame.transfers[:room]:
        grid.add_row(
            cell(each.provider, "dim"),
            cell(each.file),
            _bar(each),
            cell(f"{100 * each.done // each.total} %" if each.total else ""),
            cell(size(each.done)),
            cell(f"{size(round(each.rate))}/s", "dim"),
        )
    if (hidden := len(frame.transfers) - room) > 0:
        grid.add_row("", cell(f"… and {hidden} more", "dim"))
    return grid


def _bar(transfer: Transfer) -> RenderableType:
    if not transfer.total:
        return cell("size unknown", "dim")
    return ProgressBar(total=transfer.total, completed=transfer.done)


def _totals(frame: Frame) -> Text:
    done = sum(each.done for each in frame.gauges)
    parts = [
        f"{done:,} of {number(sum(each.total for each in frame.gauges), 'file')}",
        f"{size(frame.received)} received",
        f"{size(round(frame.rate))}/s",
        f"{duration(frame.seconds)} elapsed",
    ]
    if frame.left is not None:
        parts.append(f"{duration(frame.left)} left")
    return Text(" · ".join(parts), "bold", no_wrap=True, overflow="ellipsis")


def _grid() -> Table:
    return Table.grid(expand=True, padding=(0, 2, 0, 0))


_PAUSE = 4
"""The pause after a query of the catalog, as a multiple of the time that it took."""


class ProgressSampler:
    """Reads the catalog and the transfers of the providers `names`."""

    def __init__(
        self, operator: OperatorCatalog, transfers: ActiveTransfers, names: Sequence[ProviderName]
    ) -> None:
        self._operator = operator
        self._transfers = transfers
        self._names = names
        self._began = self._ask_at = anyio.current_time()
        self._rate = Rate()
        self._summaries: list[Summary] = []

    async def draw(self, height: int) -> RenderableType:
        """Return the current progress, drawn in at most `height` lines."""
        await self._ask()
        return picture(self._frame(), height)

    def _frame(self) -> Frame:
        now, received = anyio.current_time(), self._transfers.received
        under_way = sorted(self._transfers.under_way, key=lambda transfer: transfer.began)
        transfers = [progress_of(transfer, now) for transfer in under_way]
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
            self._summaries = await self._operator.summaries(self._names)
            self._ask_at = now + _PAUSE * (anyio.current_time() - now)


EVERY = 0.2
"""Seconds between two drawings: progress is sampled, never pushed."""

Draw = Callable[[int], Awaitable[RenderableType]]
"""Draws progress into at most the given number of lines."""


class Screen:
    """Shows progress on a terminal; elsewhere it shows nothing, and only the log is visible."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = console_on(stream or sys.stderr)
        self.is_live = self._console.is_terminal and not self._console.is_dumb_terminal
        self.stream: TextIO = _Above(self._console) if self.is_live else self._console.file  # type: ignore[assignment]  # rich says IO[str]

    @asynccontextmanager
    async def showing(self, draw: Draw) -> AsyncIterator[None]:
        """Show what `draw` returns for the height of the terminal, and erase it at the end."""
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
