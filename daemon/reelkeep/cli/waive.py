"""`reelkeep waive`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.finding import changes, chosen, print_changes
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import all_of_a_number, as_json, wide
from reelkeep.cli.output import Output
from reelkeep.core.lifecycle import FileState, sources

if TYPE_CHECKING:
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings

_MISSED = frozenset({FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE})


@click.command
@click.argument("recording", metavar="ID")
@click.argument("file", metavar="[FILE]", required=False)
@all_of_a_number
@as_json
@wide
@click.pass_obj
def command(
    call: Invocation, *, recording: str, file: str | None, of_a_number: bool, as_json: bool
) -> int:
    """Accept that a file will never come, so that its recording can be closed.

    FILE is its name as `show` gives it; without it, all failed, vanished and unavailable files of
    the recording are meant, and those that the provider never finished. `retry ID` takes the
    decision back; what was never finished comes back once the provider says something new of it.

    ID is as in `show`. A meeting number that several recordings have needs --all, without FILE.
    """
    if of_a_number and file is not None:
        raise click.UsageError("--all cannot be combined with FILE: name one recording by its key.")
    asked = (recording, file, of_a_number)
    done, unfinished = run_in_loop(_waive, call.settings_only(), *asked)
    if as_json:
        call.out.json({"waived": len(done), "files": done, "unfinished": unfinished})
        return Exit.DONE
    if done or not unfinished:
        print_changes(call.out, done, "waived")
    if unfinished:
        _print_unfinished(call.out, unfinished)
    return Exit.DONE


async def _waive(
    settings: Settings,
    text: str,
    name: str | None,
    of_a_number: bool,  # noqa: FBT001 - a loop passes by position
) -> tuple[list[dict[str, Any]], int]:
    """Return the waived files, and how many more the provider never finished."""
    from reelkeep.app.catalog_access import open_operator
    from reelkeep.cli.finding import all_of

    async with open_operator(settings, log_of(settings)) as operator:
        meant = await all_of(operator, [text], of_a_number=of_a_number)
        if name is not None:
            rows = _named(meant[0], name)
            await operator.waive(rows)
            return changes(meant, rows), 0
        rows = [row for holding in meant for row in chosen(holding, _MISSED)]
        await operator.waive(rows)
        unfinished = [await operator.waive_unfinished(holding.row) for holding in meant]
        return changes(meant, rows), sum(unfinished)


def _print_unfinished(out: Output, count: int) -> None:
    from reelkeep.cli.output import number

    verb = "is" if count == 1 else "are"
    out.line(f"{number(count, 'file')} that the provider never finished {verb} waived.")


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
