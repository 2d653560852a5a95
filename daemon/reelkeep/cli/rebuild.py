"""`reelkeep rebuild`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reelkeep.app.rebuild import Rebuilt
    from reelkeep.cli.live_progress import Draw
    from reelkeep.settings import Settings


@click.command
@as_json
@click.pass_obj
def command(call: Invocation, *, as_json: bool) -> int:
    """Make a lost catalog again from the archive's recording.json files.

    Every file is read, and taken over if it has the digest of its manifest. What cannot be taken
    is listed. No provider is asked; the next pass lists and fetches what is missing.
    """
    rebuilt = run_in_loop(_rebuild, call.settings_only())
    if as_json:
        call.out.json(rebuilt.document())
    else:
        _print(call, rebuilt)
    return Exit.LEFT if rebuilt.left else Exit.DONE


async def _rebuild(settings: Settings) -> Rebuilt:
    from reelkeep.app.rebuild import Rebuilt, rebuild
    from reelkeep.cli.live_progress import Screen

    screen, rebuilt = Screen(), Rebuilt()
    async with screen.showing(_drawing(rebuilt)):
        await rebuild(settings, log_of(settings, screen.stream), rebuilt)
    return rebuilt


def _print(call: Invocation, rebuilt: Rebuilt) -> None:
    from reelkeep.cli.output import number, size
    from reelkeep.cli.tables import cell, table

    out = call.out
    if rebuilt.left:
        made = table(out, "folder", "file", "not taken", wrap=("folder", "not taken"))
        for each in rebuilt.left:
            made.add_row(cell(each.folder), cell(each.file or "(all)"), cell(each.reason))
        out.show(made)
        out.line()
    taken = f"{number(rebuilt.recordings, 'recording')} with {number(rebuilt.files, 'file')}"
    rest = f", {len(rebuilt.left):,} not taken" if rebuilt.left else ""
    out.line(f"Taken over: {taken} ({size(rebuilt.read)} read{rest}).")


def _drawing(rebuilt: Rebuilt) -> Draw:
    from reelkeep.cli.output import number, size
    from reelkeep.cli.tables import cell

    async def draw(_height: int) -> RenderableType:
        recordings = number(rebuilt.recordings, "recording")
        return cell(f"rebuilding · {recordings} · {size(rebuilt.read)} read", "bold")

    return draw
