"""`reelkeep retry`, `waive` and `accept`: what an operator decides about files that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.finding import REFUSABLE, changes, chosen, print_changes
from reelkeep.cli.invocation import Exit, Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import all_of_a_number, as_json, wide
from reelkeep.cli.output import Output
from reelkeep.core.lifecycle import FileState, sources
from reelkeep.core.quantities import with_numbers_joined
from reelkeep.telemetry.redaction import visible

if TYPE_CHECKING:
    from reelkeep.core.model import HeldFile, Holding
    from reelkeep.settings.model import Settings


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
def retry(
    call: Invocation, *, ids: tuple[str, ...], failed: bool, of_a_number: bool, as_json: bool
) -> int:
    """Try failed and vanished files again, with all their attempts.

    Files that wait for another attempt are retried at once. If a recording named by ID has no such
    files, its waived files are retried. Its unavailable files are requested at the next poll, or at
    once if they have an address. If the provider refused to mark the recording as archived, it is
    asked again.

    ID is as in `show`. A meeting number that several recordings have needs --all.
    """
    if bool(ids) == failed:
        raise click.UsageError("Expected either IDs of recordings, or --failed.")
    if of_a_number and not ids:
        raise click.UsageError(
            "--all needs a meeting number; use --failed for everything that failed."
        )
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
    """Return the files due now, those requested again, and the number of new acknowledgements."""
    from reelkeep.app.catalog_access import open_operator
    from reelkeep.cli.finding import all_of, every

    async with open_operator(settings, log_of(settings)) as (operator, decisions):
        if ids:
            meant = await all_of(operator, ids, of_a_number=of_a_number)
        else:
            meant = [each async for each in every(operator, states=["failed", "gone", "due"])]
        rows = [row for holding in meant for row in _again(holding)]
        await decisions.retry(rows)
        told = await decisions.tell_again([holding.row for holding in meant]) if ids else 0
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


_MISSED = frozenset({FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE})


@click.command
@click.argument("recording", metavar="ID")
@click.argument("file", metavar="[FILE]", required=False)
@all_of_a_number
@as_json
@wide
@click.pass_obj
def waive(
    call: Invocation, *, recording: str, file: str | None, of_a_number: bool, as_json: bool
) -> int:
    """Accept that a file is lost for good, so that its recording can be closed.

    FILE is its name in `show`; without it, all failed, vanished and unavailable files of the
    recording are waived, and those that the provider never finished. `retry ID` reverses the
    decision; files that were never finished come back when the provider lists something new about
    them.

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

    async with open_operator(settings, log_of(settings)) as (operator, decisions):
        meant = await all_of(operator, [text], of_a_number=of_a_number)
        if name is not None:
            rows = _waivable(meant[0], name)
            await decisions.waive(rows)
            return changes(meant, rows), 0
        rows = [row for holding in meant for row in chosen(holding, _MISSED)]
        await decisions.waive(rows)
        unfinished = [await decisions.waive_unfinished(holding.row) for holding in meant]
        return changes(meant, rows), sum(unfinished)


def _print_unfinished(out: Output, count: int) -> None:
    from reelkeep.cli.output import number

    out.line(f"Waived {number(count, 'file')} that the provider never finished.")


def _waivable(holding: Holding, name: str) -> list[int]:
    """Return the row of the file `name`, if it can be waived; nothing if it is waived already."""
    file = next((each for each in holding.files if each.name == name), None)
    if file is None:
        names = ", ".join(each.name for each in holding.files)
        raise click.ClickException(f"the recording has no file {name!a}; it has: {names}")
    if file.state == FileState.WAIVED:
        return []
    if file.state not in sources(FileState.WAIVED):
        raise click.ClickException(f"{name} is {file.state} and does not need to be waived")
    return [file.row]


@click.command
@click.argument("recording", metavar="ID")
@click.argument("file", metavar="FILE")
@click.option("--fetch", is_flag=True, help="Accept the next download, whatever is in quarantine.")
@as_json
@click.pass_obj
def accept(call: Invocation, *, recording: str, file: str, fetch: bool, as_json: bool) -> int:
    """Accept a file although a check rejects it.

    For a file that failed as not_media, size_mismatch, digest_mismatch or encoded, and that really
    is like this at its provider. ID is as in `show`; if several recordings have a meeting number,
    name one by its key. FILE is its name in `show`.

    The latest bytes in quarantine are used if there are any, otherwise the next download. The
    running daemon or the next `sync` stores them: with the level `size` if they have the promised
    size, otherwise `none`, and with a note in recording.json. A file that differs from what was
    promised is never called verified.
    """
    done = run_in_loop(_accept, call.settings_only(), recording, file, fetch)
    if as_json:
        call.out.json(done)
        return Exit.DONE
    print_changes(call.out, done["files"], "accepted")
    if done["accepted"]:
        where = done["quarantined"] or "the next download"
        call.out.line(f"The running daemon or the next `reelkeep sync` stores it: {where}.")
    return Exit.DONE


async def _accept(settings: Settings, text: str, name: str, fetch: bool) -> dict[str, Any]:  # noqa: FBT001 - handed on by position
    import anyio

    from reelkeep.app.catalog_access import open_operator
    from reelkeep.archive.quarantine import latest
    from reelkeep.cli.finding import one

    log = log_of(settings)
    async with open_operator(settings, log) as (operator, decisions):
        holding = await one(operator, text)
        file = _acceptable(holding, name)
        find = (settings.archive.path, holding.key, file.id)
        found = None if fetch else await anyio.to_thread.run_sync(latest, *find)
        if found is None and file.state == "gone":
            raise click.ClickException(f"{name} is gone at its provider, and not in quarantine")
        path, sha256 = found or (None, None)
        count = await decisions.accept(file.row, sha256)
        if count == 0:
            raise click.ClickException(
                f"{name} changed in the meantime; see `reelkeep show {text}`"
            )
        return {
            "accepted": count,
            "files": changes([holding], [file.row]),
            "quarantined": None if path is None else str(path),
            "sha256": sha256,
        }


def _acceptable(holding: Holding, name: str) -> HeldFile:
    """Return the file `name`, if a check rejected it."""
    from reelkeep.core.lifecycle import ACCEPTABLE

    file = next((each for each in holding.files if each.name == name), None)
    if file is None:
        names = ", ".join(each.name for each in holding.files)
        raise click.ClickException(f"the recording has no file {name!a}; it has: {names}")
    if file.state not in ACCEPTABLE:
        raise click.ClickException(f"{name} is {file.state}: there is nothing to accept")
    if file.reason not in REFUSABLE:
        said = f"failed as {file.reason}" if file.reason else "has not failed"
        raise click.ClickException(
            f"{name} {said}: no check rejected its bytes, so there is nothing to accept"
        )
    return file
