"""Draw a pass that is under way."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reelkeep.cli.humanize import duration, number, size
from reelkeep.cli.progress import Frame, Gauge, Transfer
from reelkeep.cli.tables import cell

WIDEST = 110
"""Columns; a bar that is longer says no more."""

_FEWEST_TRANSFERS = 3


def picture(frame: Frame, height: int) -> RenderableType:
    """Return the picture of `frame` in at most `height` lines, if that is possible."""
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
