"""`reelkeep show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from reelkeep.settings import Settings


@click.command
@click.argument("recording", metavar="ID")
@as_json
@click.pass_obj
def command(call: Invocation, *, recording: str, as_json: bool) -> int:
    """Show one recording with its files, attempts, errors, digests and paths.

    ID is the provider's id of it, its key, or the beginning of its key.
    """
    settings = call.settings_only()
    say_how_it_is_read(settings)
    found = run_in_loop(_find, settings, recording)
    if as_json:
        call.out.json(found)
    else:
        from reelkeep.cli.sheet import print_sheet

        print_sheet(call.out, found)
    return Exit.DONE


async def _find(settings: Settings, text: str) -> dict[str, Any]:
    from reelkeep.app.books import reading_desk
    from reelkeep.cli.facts import recording, with_attempts
    from reelkeep.cli.finding import one

    async with reading_desk(settings, log_of(settings)) as desk:
        holding = await one(desk, text)
        attempts = await desk.attempts([file.row for file in holding.files])
        return with_attempts(recording(holding, settings.archive.path), holding, attempts)
