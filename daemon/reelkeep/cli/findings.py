"""What `reelkeep verify` finds, for people."""

from __future__ import annotations

import anyio
from rich.console import RenderableType

from reelkeep.app.rereading import Reread
from reelkeep.cli.humanize import duration, listed, number, size
from reelkeep.cli.output import Output
from reelkeep.cli.progress import Rate
from reelkeep.cli.screen import Draw
from reelkeep.cli.tables import cell, table
from reelkeep.core.integrity import Mark

_STYLES = {
    Mark.MISSING: "bold red",
    Mark.ALTERED: "bold red",
    Mark.UNREADABLE: "bold red",
    Mark.FOREIGN: "yellow",
}


def print_findings(out: Output, found: Reread) -> None:
    """Print a row for each thing that is wrong, and all of it in a sentence."""
    for each in found.repaired:
        out.show(cell(f"repaired: {each.folder}/{each.file}", "green"))
    if found.blemishes:
        made = table(out, "found", "provider", "folder", "file", wrap=("folder", "file"))
        for each in found.listed():
            mark = cell(each.mark.value, _STYLES[each.mark])
            reason = f" ({each.reason})" if each.reason else ""
            file = cell(f"{each.file}{reason}")
            made.add_row(mark, cell(each.provider or "-"), cell(each.folder), file)
        out.show(made)
        out.line()
    bad = found.blemishes or found.stopped
    out.show(cell(sentence(found), "bold red" if bad else "bold green"))


def sentence(found: Reread) -> str:
    """Return what was read, and how it was."""
    read = (
        f"{number(found.files, 'file')} of {number(found.recordings, 'recording')} "
        f"({size(found.read)}) read again"
    )
    marks = found.marks()
    wrong = [f"{marks[mark]:,} {mark.value}" for mark in _STYLES if marks[mark]]
    mended = f", {number(len(found.repaired), 'file')} repaired" if found.repaired else ""
    if found.stopped:
        so_far = f" So far: {listed(wrong)}." if wrong else ""
        return f"Stopped: {read}. `reelkeep verify --resume` goes on from there.{so_far}"
    return f"{read}{mended}: {listed(wrong) if wrong else 'no differences found'}."


def drawing(found: Reread) -> Draw:
    """Return what draws how far the reading is."""
    began, rate = anyio.current_time(), Rate()

    async def draw(_height: int) -> RenderableType:
        now = anyio.current_time()
        speed = rate.add(now, found.read)
        wrong = f" · {len(found.blemishes)} found" if found.blemishes else ""
        return cell(
            f"reading · {number(found.recordings, 'recording')} · {number(found.files, 'file')}"
            f" · {size(found.read)}{_share(found)} · {size(round(speed))}/s"
            f" · {duration(now - began)} elapsed{_left(found, speed)}{wrong}",
            "bold",
        )

    return draw


def _share(found: Reread) -> str:
    if not found.total:
        return ""
    return f" of {size(found.total)} ({min(100, found.read * 100 // found.total)} %)"


def _left(found: Reread, speed: float) -> str:
    rest = (found.total or 0) - found.read
    return f", {duration(rest / speed)} left" if rest > 0 and speed > 0 else ""
