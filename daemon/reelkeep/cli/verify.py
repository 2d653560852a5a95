"""`reelkeep verify`: read the archive again, compare, and repair."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import click
from rich.console import RenderableType

from reelkeep.app.verification import VerificationRun
from reelkeep.catalog.read_only import exists
from reelkeep.cli.invocation import Exit, Invocation, log_of, say_how_it_is_read
from reelkeep.cli.live_progress import Draw, Rate
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import SizeType, as_json, providers, require_known, wide
from reelkeep.cli.output import Output, listed, number
from reelkeep.cli.tables import cell, table
from reelkeep.core.integrity import Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import duration, size, with_numbers_joined
from reelkeep.errors import Busy

if TYPE_CHECKING:
    from reelkeep.app.catalog_access import CatalogAccess
    from reelkeep.app.verification import Holdings, Repair, Rereader
    from reelkeep.catalog.operator import OperatorCatalog
    from reelkeep.cli.live_progress import Screen
    from reelkeep.settings.model import Settings
    from reelkeep.telemetry.logs import Log


_STYLES = {
    Mark.MISSING: "bold red",
    Mark.ALTERED: "bold red",
    Mark.UNREADABLE: "bold red",
    Mark.FOREIGN: "yellow",
}


def print_findings(out: Output, found: VerificationRun) -> None:
    """Print a row for each finding, and a summary."""
    for each in found.repaired:
        out.show(cell(f"repaired: {each.folder}/{each.file}", "green"))
    if found.blemishes:
        made = table(out, "found", "provider", "folder", "file", wrap=("folder", "file"))
        for each in found.listed():
            mark = cell(each.mark.value, _STYLES[each.mark])
            reason = f" ({each.reason})" if each.reason else ""
            file = cell(f"{each.file}{reason}")
            made.add_row(mark, cell(each.provider or "-"), cell(each.folder), file)
        out.show(made)
        out.line()
    bad = found.blemishes or found.stopped
    out.show(cell(sentence(found), "bold red" if bad else "bold green"))


def sentence(found: VerificationRun) -> str:
    """Return what was read and what was found, in one sentence."""
    read = (
        f"{number(found.files, 'file')} of {number(found.recordings, 'recording')} "
        f"({size(found.read)}) read again"
    )
    marks = found.marks()
    wrong = [f"{marks[mark]:,} {mark.value}" for mark in _STYLES if marks[mark]]
    mended = f", {number(len(found.repaired), 'file')} repaired" if found.repaired else ""
    if found.stopped:
        so_far = f" So far: {listed(wrong)}." if wrong else ""
        return f"Stopped: {read}. `reelkeep verify --resume` continues from there.{so_far}"
    return f"{read}{mended}: {listed(wrong) if wrong else 'no differences found'}."


def drawing(found: VerificationRun) -> Draw:
    """Return what draws the progress of the reading."""
    began, rate = anyio.current_time(), Rate()

    async def draw(_height: int) -> RenderableType:
        now = anyio.current_time()
        speed = rate.add(now, found.read)
        wrong = f" · {len(found.blemishes)} found" if found.blemishes else ""
        return cell(
            f"reading · {number(found.recordings, 'recording')} · {number(found.files, 'file')}"
            f" · {size(found.read)}{_share(found)} · {size(round(speed))}/s"
            f" · {duration(now - began)} elapsed{_left(found, speed)}{wrong}",
            "bold",
        )

    return draw


def _share(found: VerificationRun) -> str:
    if not found.total:
        return ""
    return f" of {size(found.total)} ({min(100, found.read * 100 // found.total)} %)"


def _left(found: VerificationRun, speed: float) -> str:
    rest = (found.total or 0) - found.read
    return f", {duration(rest / speed)} left" if rest > 0 and speed > 0 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What to read, and how."""

    names: tuple[str, ...]
    ids: tuple[str, ...]
    rate: int | None  #: Bytes a second.
    resume: bool
    repair: bool

    @property
    def is_whole(self) -> bool:
        """Whether the whole archive is read."""
        return not self.names and not self.ids


@click.command
@providers
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--rate",
    type=SizeType(),
    metavar="SIZE",
    help="Read at most this much per second, such as 50MiB.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Continue where the last verification of the whole archive was stopped.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Move damaged files to quarantine, and download them again: by the running daemon, or "
    "without one by a pass as in `sync`.",
)
@as_json
@wide
@click.pass_obj
def command(
    call: Invocation,
    *,
    names: tuple[str, ...],
    ids: tuple[str, ...],
    rate: int | None,
    resume: bool,
    repair: bool,
    as_json: bool,
) -> int:
    """Read the archive again, and compare every file with the catalog and SHA256SUMS.

    Reports missing, altered, unreadable and foreign files. Without --provider and ID, the whole
    archive is read; the daemon may be running. Without --repair, no file is changed.

    ID is as in `show`; for a meeting number, all recordings that have it are read.
    """
    ids = tuple(with_numbers_joined(ids))
    request = VerifyRequest(names=names, ids=ids, rate=rate, resume=resume, repair=repair)
    if resume and not request.is_whole:
        raise click.UsageError("--resume cannot be combined with --provider or ID.")
    settings = call.settings_for(names) if repair else call.settings_only()
    say_how_it_is_read(settings)
    found = run_in_loop(_verify, settings, request)
    if as_json:
        call.out.json(found.document())
    else:
        print_findings(call.out, found)
    return Exit.LEFT if found.blemishes or found.stopped else Exit.DONE


async def _verify(settings: Settings, request: VerifyRequest) -> VerificationRun:
    import anyio

    from reelkeep.cli.live_progress import Screen
    from reelkeep.cli.loop import obey

    screen, stop = Screen(), anyio.Event()
    log = log_of(settings, screen.stream)
    async with anyio.create_task_group() as group:
        await group.start(obey, stop)
        found = await _read(settings, request, log, screen, stop)
        group.cancel_scope.cancel()
    if request.repair and (found.blemishes or found.returned) and not found.stopped:
        await mend(settings, found, log, screen)
    return found


async def _read(
    settings: Settings, request: VerifyRequest, log: Log, screen: Screen, stop: anyio.Event
) -> VerificationRun:
    import anyio

    from reelkeep.app.catalog_access import books, reading_books
    from reelkeep.app.verification import BEGUN, make_rereader
    from reelkeep.catalog.read_only import exists, may_write

    async with AsyncExitStack() as stack:
        opened = None
        if exists(settings.catalog.path):  # reading an archive must not create a catalog
            opening = books if may_write(settings.catalog.path) else reading_books
            opened = await stack.enter_async_context(opening(settings, log))
        since = await opened.checks.moment(BEGUN) if opened and request.resume else None
        reader = make_rereader(settings, opened, log, rate=request.rate, since=since)
        await stack.enter_async_context(screen.showing(drawing(reader.found)))
        async with anyio.create_task_group() as group:
            group.start_soon(_end, stop, reader)
            await _what_is_meant(reader, settings, opened, request)
            group.cancel_scope.cancel()
    return reader.found


async def _end(stop: anyio.Event, reader: Rereader) -> None:
    await stop.wait()
    reader.stop()


async def _what_is_meant(
    reader: Rereader, settings: Settings, opened: CatalogAccess | None, request: VerifyRequest
) -> None:
    from reelkeep.cli.finding import every

    if not request.is_whole:
        if opened is None:
            raise click.ClickException(
                "there is no catalog yet: only the whole archive can be verified"
            )
        await reader.some(await _chosen(settings, opened.operator, request))
    else:
        await reader.everything(() if opened is None else every(opened.operator))


async def _chosen(
    settings: Settings, operator: OperatorCatalog, request: VerifyRequest
) -> Holdings:
    from reelkeep.cli.finding import all_of, every, known_names

    names = request.names
    require_known(names, await known_names(operator, settings))
    if not request.ids:
        return every(operator, names=names)
    meant = await all_of(operator, request.ids, of_a_number=True)
    return [holding for holding in meant if not names or holding.provider in names]


async def mend(settings: Settings, found: VerificationRun, log: Log, screen: Screen) -> None:
    """Start the repair of what was `found`, and remove from it what is repaired.

    A running daemon downloads the files. Without one, a pass over the providers concerned does, and
    the repaired folders are read once more.
    """
    from reelkeep.app.archive_access import make_archive
    from reelkeep.app.catalog_access import books, utc_now
    from reelkeep.app.exception_groups import unwrapped
    from reelkeep.app.verification import Repairer
    from reelkeep.cli.sync import make_pass

    if not exists(settings.catalog.path):
        return
    async with books(settings, log) as opened:
        archive = make_archive(settings, utc_now, log)
        archive.identity.expect(opened.identity)
        repair = await Repairer(archive, opened.checks, log).begin(found.listed(), found.returned)
    names = _configured(settings, repair.names)
    if not repair.folders or not names:
        return
    try:
        with unwrapped():
            await make_pass(settings, names, log, screen, limit=None)
    except Busy:
        log("repair.queued", files=repair.due)
        return
    await _read_again(settings, found, repair, log)


def _configured(settings: Settings, names: Collection[ProviderName]) -> list[ProviderName]:
    enabled = [ProviderName(each.name) for each in settings.providers if each.enabled]
    return [name for name in enabled if name in names]


async def _read_again(settings: Settings, found: VerificationRun, repair: Repair, log: Log) -> None:
    """Remove from `found` what is stored and in order now."""
    from reelkeep.app.catalog_access import books
    from reelkeep.app.verification import make_rereader

    async with books(settings, log) as opened:
        holdings = await opened.checks.in_folders(sorted(repair.folders))
        reader = make_rereader(settings, opened, log)
        await reader.some(holdings)
    lacking = {
        (holding.folder, file.name)
        for holding in holdings
        for file in holding.files
        if file.state != FileState.STORED
    }
    still = reader.found.blemishes
    for at, blemish in list(found.blemishes.items()):
        if blemish.folder in repair.folders and at not in still and at not in lacking:
            found.repaired.append(found.blemishes.pop(at))
    found.note(still.values())
