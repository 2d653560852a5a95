"""`reelkeep verify`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json, providers, require_known

if TYPE_CHECKING:
    from reelkeep.catalog.desk import Desk
    from reelkeep.cli.rereading import Reread, Rereader
    from reelkeep.settings import Settings


@click.command
@providers
@click.argument("ids", metavar="[ID]...", nargs=-1)
@as_json
@click.pass_obj
def command(
    call: Invocation, *, names: tuple[str, ...], ids: tuple[str, ...], as_json: bool
) -> int:
    """Read the archive again, and hash every file against the catalog and SHA256SUMS.

    Reports missing, altered and foreign files. Without --provider and ID, all is read; a daemon
    may run meanwhile. Nothing is changed.
    """
    found = run_in_loop(_verify, call.settings(), names, ids)
    if as_json:
        call.out.json(found.document())
    else:
        from reelkeep.cli.findings import print_findings

        print_findings(call.out, found)
    return Exit.LEFT if found.blemishes else Exit.DONE


async def _verify(settings: Settings, names: Sequence[str], ids: Sequence[str]) -> Reread:
    from reelkeep.app.books import desk_only, utc_now
    from reelkeep.app.shelf import make_archive
    from reelkeep.cli.findings import drawing
    from reelkeep.cli.rereading import Rereader
    from reelkeep.cli.screen import Screen

    screen = Screen()
    async with AsyncExitStack() as stack:
        desk = None
        if settings.catalog.path.exists():  # looking at an archive shall not begin a catalog
            opening = desk_only(settings, log_of(settings, screen.stream))
            desk = await stack.enter_async_context(opening)
        reader = Rereader(make_archive(settings, utc_now), desk)
        await stack.enter_async_context(screen.showing(drawing(reader.found)))
        if names or ids:
            await _some(reader, settings, _at_hand(desk), names, ids)
        else:
            async for _ in reader.everything():
                pass
    return reader.found


async def _some(
    reader: Rereader, settings: Settings, desk: Desk, names: Sequence[str], ids: Sequence[str]
) -> None:
    from reelkeep.cli.finding import every, known_names, one

    require_known(names, await known_names(desk, settings))
    meant = [await one(desk, text) for text in ids]
    for holding in meant:
        if not names or holding.provider in names:
            await reader.one(holding)
    if not ids:
        async for holding in every(desk, names=names):
            await reader.one(holding)


def _at_hand(desk: Desk | None) -> Desk:
    if desk is None:
        raise click.ClickException("there is no catalog yet: only the whole can be verified")
    return desk
