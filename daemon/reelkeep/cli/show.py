"""`reelkeep show`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json
from reelkeep.cli.output import Output
from reelkeep.core.meeting_number import with_numbers_joined

if TYPE_CHECKING:
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings


@click.command
@click.argument("words", metavar="ID", nargs=-1, required=True)
@as_json
@click.pass_obj
def command(call: Invocation, *, words: tuple[str, ...], as_json: bool) -> int:
    """Show one recording with its files, attempts, errors, digests and paths.

    ID is the provider's id of it, its key, the beginning of its key, or the number of the meeting,
    with or without spaces and dashes. Where several recordings have that number they are listed,
    newest first; with --json each is an object on its own line.
    """
    ids = with_numbers_joined(words)
    if len(ids) > 1:
        raise click.UsageError("Name one recording; a meeting number may have spaces in it.")
    settings = call.settings_only()
    say_how_it_is_read(settings)
    found, holdings = run_in_loop(_find, settings, ids[0])
    if as_json:
        for each in found:
            call.out.json(each, indent=2 if len(found) == 1 else None)
    elif len(found) == 1:
        from reelkeep.cli.show_view import print_sheet

        print_sheet(call.out, found[0])
    else:
        _print_list(call.out, holdings)
    return Exit.DONE


async def _find(settings: Settings, text: str) -> tuple[list[dict[str, Any]], list[Holding]]:
    from reelkeep.app.books import reading_desk
    from reelkeep.cli.finding import meant
    from reelkeep.cli.recording_json import recording, with_attempts

    async with reading_desk(settings, log_of(settings)) as desk:
        holdings = await meant(desk, text)
        found: list[dict[str, Any]] = []
        for holding in holdings:
            attempts = await desk.attempts([file.row for file in holding.files])
            facts = recording(holding, settings.archive.path)
            found.append(with_attempts(facts, holding, attempts))
        return found, holdings


def _print_list(out: Output, holdings: Sequence[Holding]) -> None:
    from reelkeep.cli.columns import Columns

    out.wide = True  # ids are what these lines are for
    columns = Columns(out, [holding.provider for holding in holdings])
    columns.head()
    for holding in holdings:
        columns.row(holding)
    out.line()
    out.line(f"These are {len(holdings):,} recordings; `reelkeep show KEY` shows one.")
