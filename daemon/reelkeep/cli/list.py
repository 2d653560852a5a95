"""`reelkeep list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import providers, require_known
from reelkeep.core.lifecycle import FileState, RecordingState

if TYPE_CHECKING:
    from reelkeep.settings import Settings

STATES = [state.value for state in (*RecordingState, *FileState)]


@click.command
@providers
@click.option(
    "--state",
    "states",
    type=click.Choice(STATES),
    multiple=True,
    metavar="STATE",
    help="Only recordings in this state, or with a file in it; may be repeated. "
    f"One of {', '.join(STATES)}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
@click.pass_obj
def command(
    call: Invocation, *, names: tuple[str, ...], states: tuple[str, ...], as_json: bool
) -> int:
    """List the recordings that the catalog knows, in the order in which they were first seen."""
    settings = call.settings_only()
    say_how_it_is_read(settings)
    run_in_loop(_list, call, settings, names, states, as_json)
    return Exit.DONE


async def _list(
    call: Invocation,
    settings: Settings,
    names: tuple[str, ...],
    states: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - a loop passes by position
) -> None:
    from reelkeep.app.books import reading_desk
    from reelkeep.cli.columns import Columns
    from reelkeep.cli.facts import recording
    from reelkeep.cli.finding import every, known_names

    async with reading_desk(settings, log_of(settings)) as desk:
        known = await known_names(desk, settings)
        require_known(names, known)
        columns = Columns(call.out, known)
        begun = False
        async for holding in every(desk, names=names, states=states):
            if as_json:
                more = call.out.json(recording(holding, settings.archive.path), indent=None)
            else:
                more = (begun or columns.head()) and columns.row(holding)
                begun = True
            if not more:
                break
