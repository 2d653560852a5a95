"""`reelkeep retry`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.finding import changes, chosen, print_changes
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import all_of_a_number, as_json, wide
from reelkeep.core.quantities import with_numbers_joined
from reelkeep.telemetry.values import visible

if TYPE_CHECKING:
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings


@click.command
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--failed",
    is_flag=True,
    help="All recordings with files that failed, vanished, or wait for another attempt.",
)
@all_of_a_number
@as_json
@wide
@click.pass_obj
def command(
    call: Invocation, *, ids: tuple[str, ...], failed: bool, of_a_number: bool, as_json: bool
) -> int:
    """Make failed and vanished files due again, with all their attempts.

    So are files that wait for another attempt: they are fetched at once. Of a recording named by ID
    that has none of these, the waived files are made due again. What is unavailable of it is asked
    for at the next poll; it is due at once if it has an address. A provider that refused to be told
    that a recording named by ID is archived is told again.

    ID is as in `show`. A meeting number that several recordings have needs --all.
    """
    if bool(ids) == failed:
        raise click.UsageError("Name recordings by their IDs, or all of them by --failed.")
    if of_a_number and not ids:
        raise click.UsageError("--all needs a meeting number; all that failed is --failed.")
    ids = tuple(with_numbers_joined(ids))
    done, asked, told = run_in_loop(_retry, call.settings_only(), ids, of_a_number)
    if as_json:
        found = {"due": len(done), "files": done, "asked": asked, "told_again": told}
        call.out.json(found)
        return Exit.DONE
    if done or not (asked or told):
        print_changes(call.out, done, "due again")
    for each in asked:
        call.out.line(
            f"{visible(each['file'])} is unavailable: {each['reason']}. "
            "The provider is asked for the recording again at the next poll."
        )
    if told:
        from reelkeep.cli.output import number

        verb = "is" if told == 1 else "are"
        call.out.line(f"{number(told, 'recording')} {verb} acknowledged again.")
    return Exit.DONE


Changes = list[dict[str, Any]]


async def _retry(
    settings: Settings,
    ids: Sequence[str],
    of_a_number: bool,  # noqa: FBT001 - a loop passes by position
) -> tuple[Changes, Changes, int]:
    """Return the files that are due now, those that are asked for, and how many are told again."""
    from reelkeep.app.catalog_access import open_operator
    from reelkeep.cli.finding import all_of, every

    async with open_operator(settings, log_of(settings)) as operator:
        if ids:
            meant = await all_of(operator, ids, of_a_number=of_a_number)
        else:
            meant = [each async for each in every(operator, states=["failed", "gone", "due"])]
        rows = [row for holding in meant for row in _again(holding)]
        await operator.retry(rows)
        told = await operator.tell_again([holding.row for holding in meant]) if ids else 0
        after = {f.row: f for h in await operator.again(meant) for f in h.files}
        moved = changes(meant, [row for row in rows if after[row].state != "unavailable"])
        left = changes(meant, [row for row in rows if after[row].state == "unavailable"])
        names = {(h.key, f.name): f for h in meant for f in h.files}
        for each in left:
            file = names[each["key"], each["file"]]
            each["reason"] = file.detail or file.reason
        return moved, left, told


def _again(holding: Holding) -> list[int]:
    waiting = [f.row for f in holding.files if f.state == "due" and f.due_at is not None]
    missed = chosen(holding, {"failed", "gone", "unavailable"})
    return [*missed, *waiting] or chosen(holding, {"waived"})
