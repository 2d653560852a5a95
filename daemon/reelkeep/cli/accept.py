"""`reelkeep accept`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.finding import REFUSABLE, changes, print_changes
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from reelkeep.core.model import HeldFile, Holding
    from reelkeep.settings import Settings


@click.command
@click.argument("recording", metavar="ID")
@click.argument("file", metavar="FILE")
@click.option(
    "--fetch", is_flag=True, help="Accept what is fetched next, whatever lies in quarantine."
)
@as_json
@click.pass_obj
def command(call: Invocation, *, recording: str, file: str, fetch: bool, as_json: bool) -> int:
    """Accept bytes that a check refuses as the file.

    ID is as in `show`; where a meeting number means several recordings, name one by its key.

    For a file that failed as not_media, size_mismatch, digest_mismatch or encoded, and that its
    provider truly has so. FILE is its name as `show` gives it. The latest bytes in quarantine are
    taken if there are any, else what is fetched next. The running daemon or the next `sync` stores
    them: with the level `size` if they have the promised size, else `none`, and with a note in
    recording.json. A broken promise is never called verified.
    """
    done = run_in_loop(_accept, call.settings_only(), recording, file, fetch)
    if as_json:
        call.out.json(done)
        return Exit.DONE
    print_changes(call.out, done["files"], "accepted")
    if done["accepted"]:
        where = done["quarantined"] or "what is fetched next"
        call.out.line(f"The running daemon or the next `reelkeep sync` stores it: {where}.")
    return Exit.DONE


async def _accept(settings: Settings, text: str, name: str, fetch: bool) -> dict[str, Any]:  # noqa: FBT001 - handed on by position
    import anyio

    from reelkeep.app.catalog_access import open_operator
    from reelkeep.archive.quarantine import latest
    from reelkeep.cli.finding import one

    log = log_of(settings)
    async with open_operator(settings, log) as operator:
        holding = await one(operator, text)
        file = _named(holding, name)
        find = (settings.archive.path, holding.key, file.id)
        found = None if fetch else await anyio.to_thread.run_sync(latest, *find)
        if found is None and file.state == "gone":
            raise click.ClickException(f"{name} is gone at its provider, and not in quarantine")
        path, sha256 = found or (None, None)
        count = await operator.accept(file.row, sha256)
        if count == 0:
            raise click.ClickException(f"{name} was taken up meanwhile; see `reelkeep show {text}`")
        return {
            "accepted": count,
            "files": changes([holding], [file.row]),
            "quarantined": None if path is None else str(path),
            "sha256": sha256,
        }


def _named(holding: Holding, name: str) -> HeldFile:
    """Return the file `name`, if there is something about it to accept."""
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
            f"{name} {said}: no check refused its bytes, so there is nothing to accept"
        )
    return file
