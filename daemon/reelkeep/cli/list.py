"""`reelkeep list`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import narrowing, providers, require_known, selection_of, wide
from reelkeep.core.lifecycle import FileState, RecordingState

if TYPE_CHECKING:
    from reelkeep.catalog.selection import Selection
    from reelkeep.settings import Settings

LIMIT = 50
"""Recordings that people are shown unless they say how many."""

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
@narrowing
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"At most so many, {LIMIT} unless you say so; JSON has no limit unless you say so.",
)
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
@wide
@click.pass_obj
def command(
    call: Invocation,
    /,
    *,
    names: tuple[str, ...],
    states: tuple[str, ...],
    limit: int | None,
    everything: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """List the recordings that the catalog knows, newest first.

    What is given has to fit all together. One whose start is not known counts from when it was
    first seen.
    """
    selection = selection_of(given)
    settings = call.settings_only()
    say_how_it_is_read(settings)
    if limit is None and not everything and not as_json:
        limit = LIMIT
    wanted = Wanted(names, states, selection, None if everything else limit)
    run_in_loop(_list, call, settings, wanted, as_json)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recordings are listed."""

    names: tuple[str, ...]
    states: tuple[str, ...]
    selection: Selection
    limit: int | None


async def _list(
    call: Invocation,
    settings: Settings,
    wanted: Wanted,
    as_json: bool,  # noqa: FBT001 - a loop passes by position
) -> None:
    from reelkeep.app.books import reading_desk
    from reelkeep.cli.columns import Columns
    from reelkeep.cli.finding import known_names, newest
    from reelkeep.cli.recording_json import recording

    async with reading_desk(settings, log_of(settings)) as desk:
        known = await known_names(desk, settings)
        require_known(wanted.names, known)
        columns, count = Columns(call.out, known), 0
        found = newest(desk, names=wanted.names, states=wanted.states, selection=wanted.selection)
        async for holding in found:
            if count == wanted.limit:
                _say_there_are_more(call, wanted, as_json=as_json)
                break
            if as_json:
                more = call.out.json(recording(holding, settings.archive.path), indent=None)
            else:
                more = (count > 0 or columns.head()) and columns.row(holding)
            count += 1
            if not more:
                break


def _say_there_are_more(call: Invocation, wanted: Wanted, *, as_json: bool) -> None:
    if not as_json:
        call.out.line(f"… the newest {wanted.limit:,}; --all lists all, --limit N so many.")
