"""`reelkeep retry`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.decisions import changes, chosen, print_changes
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings


@click.command
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--failed", is_flag=True, help="All recordings with failed or vanished files.")
@as_json
@click.pass_obj
def command(call: Invocation, *, ids: tuple[str, ...], failed: bool, as_json: bool) -> int:
    """Make failed and vanished files due again, with all their attempts.

    Of a recording named by ID that has none, the waived files are made due again.
    """
    if bool(ids) == failed:
        raise click.UsageError("Name recordings by their IDs, or all of them by --failed.")
    done = run_in_loop(_retry, call.settings_only(), ids)
    if as_json:
        call.out.json({"due": len(done), "files": done})
    else:
        print_changes(call.out, done, "due again")
    return Exit.DONE


async def _retry(settings: Settings, ids: Sequence[str]) -> list[dict[str, Any]]:
    from reelkeep.app.books import desk_only
    from reelkeep.cli.finding import every, one

    async with desk_only(settings, log_of(settings)) as desk:
        if ids:
            meant = [await one(desk, text) for text in ids]
        else:
            meant = [each async for each in every(desk, states=["failed", "gone"])]
        rows = [row for holding in meant for row in _again(holding)]
        await desk.retry(rows)
        return changes(meant, rows)


def _again(holding: Holding) -> list[int]:
    return chosen(holding, {"failed", "gone"}) or chosen(holding, {"waived"})
