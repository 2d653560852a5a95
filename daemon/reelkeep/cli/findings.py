"""What `reelkeep verify` finds, for people."""

from __future__ import annotations

import anyio
from rich.console import RenderableType

from reelkeep.archive.verify import Mark
from reelkeep.cli.output import Output
from reelkeep.cli.rereading import Reread
from reelkeep.cli.screen import Draw
from reelkeep.cli.tables import cell, table
from reelkeep.cli.words import duration, listed, number, size

_STYLES = {Mark.MISSING: "bold red", Mark.ALTERED: "bold red", Mark.FOREIGN: "yellow"}


def print_findings(out: Output, found: Reread) -> None:
    """Print a row for each thing that is wrong, and all of it in a sentence."""
    if found.blemishes:
        made = table(out, "found", "provider", "folder", "file", wrap=("folder",))
        for each in found.blemishes.values():
            mark = cell(each.mark.value, _STYLES[each.mark])
            made.add_row(mark, cell(each.provider or "-"), cell(each.folder), cell(each.file))
        out.show(made)
        out.line()
    out.show(cell(sentence(found), "bold red" if found.blemishes else "bold green"))


def sentence(found: Reread) -> str:
    """Return what was read, and how it was."""
    read = (
        f"{number(found.files, 'file')} of {number(found.recordings, 'recording')} "
        f"({size(found.read)}) read again"
    )
    marks = found.marks()
    if not marks:
        return f"{read}: all is as it was written."
    wrong = [f"{marks[mark]:,} {mark.value}" for mark in _STYLES if marks[mark]]
    return f"{read}: {listed(wrong)}."


def drawing(found: Reread) -> Draw:
    """Return what draws how far the reading is."""
    began = anyio.current_time()

    async def draw(_height: int) -> RenderableType:
        seconds = anyio.current_time() - began
        rate = round(found.read / seconds) if seconds else 0
        wrong = f" · {len(found.blemishes)} found" if found.blemishes else ""
        return cell(
            f"reading · {number(found.recordings, 'recording')} · {number(found.files, 'file')}"
            f" · {size(found.read)} · {size(rate)}/s · {duration(seconds)} gone{wrong}",
            "bold",
        )

    return draw
