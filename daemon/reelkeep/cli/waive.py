"""`reelkeep waive`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.decisions import changes, chosen, print_changes
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.options import as_json
from reelkeep.core.lifecycle import FileState, sources

if TYPE_CHECKING:
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings


@click.command
@click.argument("recording", metavar="ID")
@click.argument("file", metavar="[FILE]", required=False)
@as_json
@click.pass_obj
def command(call: Invocation, *, recording: str, file: str | None, as_json: bool) -> int:
    """Accept that a file will never come, so that its recording can be closed.

    FILE is its name as `show` gives it; without it, all failed and vanished files of the
    recording are meant. `retry ID` takes the decision back.
    """
    import anyio

    done = anyio.run(_waive, call.settings(), recording, file)
    if as_json:
        call.out.json({"waived": len(done), "files": done})
    else:
        print_changes(call.out, done, "waived")
    return Exit.DONE


async def _waive(settings: Settings, text: str, name: str | None) -> list[dict[str, Any]]:
    from reelkeep.app.books import desk_only
    from reelkeep.cli.finding import one

    async with desk_only(settings, log_of(settings)) as desk:
        holding = await one(desk, text)
        rows = chosen(holding, {"failed", "gone"}) if name is None else _named(holding, name)
        await desk.waive(rows)
        return changes([holding], rows)


def _named(holding: Holding, name: str) -> list[int]:
    """Return the row of the file `name`, if it can be waived; nothing if it is waived already."""
    file = next((each for each in holding.files if each.name == name), None)
    if file is None:
        names = ", ".join(each.name for each in holding.files)
        raise click.ClickException(f"the recording has no file {name!a}; it has: {names}")
    if file.state == FileState.WAIVED:
        return []
    if file.state not in sources(FileState.WAIVED):
        raise click.ClickException(f"{name} is {file.state}, and needs no waiving")
    return [file.row]
