"""`reelkeep backup`, `rebuild` and `archive init`: when a disk or the catalog is lost."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Exit, Invocation, log_of
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reelkeep.app.archive_access import Begun
    from reelkeep.app.rebuild import Rebuilt
    from reelkeep.catalog.backup import Copy
    from reelkeep.cli.live_progress import Draw
    from reelkeep.settings.model import Settings


@click.command
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def backup(call: Invocation, *, target: Path, as_json: bool) -> None:
    """Copy the catalog to FILE, as it is at one moment; the daemon may be running.

    The copy is checked, readable by its owner only, and never overwrites a file. It does not
    contain the tokens that the daemon keeps beside the catalog: they rotate, and an old one is
    useless.
    """
    from reelkeep.catalog.backup import copy_catalog

    if target.is_dir():
        raise click.UsageError(f"Expected the name of a new file, got the folder {target}.")
    catalog = call.settings_only().catalog.path
    copy = copy_catalog(catalog, target.absolute())
    tokens = sorted(each.name for each in catalog.parent.glob("*.token"))
    if as_json:
        call.out.json(_backup_document(catalog, copy, tokens))
    else:
        _print_backup(call, catalog, copy, tokens)


def _backup_document(catalog: Path, copy: Copy, tokens: list[str]) -> dict[str, Any]:
    return {
        "catalog": str(catalog),
        "file": str(copy.path),
        "bytes": copy.size,
        "version": copy.version,
        "recordings": copy.recordings,
        "not_included": tokens,
    }


def _print_backup(call: Invocation, catalog: Path, copy: Copy, tokens: list[str]) -> None:
    from reelkeep.core.quantities import size

    call.out.line(f"{catalog} → {copy.path}")
    call.out.line(f"{copy.recordings:,} recordings, {size(copy.size)}, checked")
    if tokens:
        call.out.line(f"not included: {', '.join(tokens)} (they rotate, see the manual)")


@click.command
@as_json
@click.pass_obj
def rebuild(call: Invocation, *, as_json: bool) -> int:
    """Rebuild a lost catalog from the recording.json files of the archive.

    Every file is read, and added to the catalog if it has the digest in its manifest. What cannot
    be added is listed. No provider is asked; the next pass lists and downloads what is missing.
    """
    rebuilt = run_in_loop(_rebuild, call.settings_only())
    if as_json:
        call.out.json(rebuilt.document())
    else:
        _print_rebuilt(call, rebuilt)
    return Exit.LEFT if rebuilt.left else Exit.DONE


async def _rebuild(settings: Settings) -> Rebuilt:
    from reelkeep.app.rebuild import Rebuilt, rebuild
    from reelkeep.cli.live_progress import Screen

    screen, rebuilt = Screen(), Rebuilt()
    async with screen.showing(_drawing(rebuilt)):
        await rebuild(settings, log_of(settings, screen.stream), rebuilt)
    return rebuilt


def _print_rebuilt(call: Invocation, rebuilt: Rebuilt) -> None:
    from reelkeep.cli.output import number
    from reelkeep.cli.tables import cell, table
    from reelkeep.core.quantities import size

    out = call.out
    if rebuilt.left:
        made = table(out, "folder", "file", "not taken", wrap=("folder", "not taken"))
        for each in rebuilt.left:
            made.add_row(cell(each.folder), cell(each.file or "(all)"), cell(each.reason))
        out.show(made)
        out.line()
    taken = f"{number(rebuilt.recordings, 'recording')} with {number(rebuilt.files, 'file')}"
    rest = f", {len(rebuilt.left):,} not added" if rebuilt.left else ""
    out.line(f"Added {taken} ({size(rebuilt.read)} read{rest}).")


def _drawing(rebuilt: Rebuilt) -> Draw:
    from reelkeep.cli.output import number
    from reelkeep.cli.tables import cell
    from reelkeep.core.quantities import size

    async def draw(_height: int) -> RenderableType:
        recordings = number(rebuilt.recordings, "recording")
        return cell(f"rebuilding · {recordings} · {size(rebuilt.read)} read", "bold")

    return draw


@click.group
def archive() -> None:
    """Start an archive after a disk was lost or replaced."""


@archive.command
@click.option(
    "--volumes",
    is_flag=True,
    help="Also start new volumes where volumes below the archive are not mounted.",
)
@as_json
@click.pass_obj
def init(call: Invocation, *, volumes: bool, as_json: bool) -> None:
    """Make what is at archive.path the archive of this catalog.

    reelkeep writes only to the archive that its catalog knows, so that nothing is written into the
    mount point of a disk that is not mounted. After a disk was lost for good, or the archive was
    copied without its .reelkeep folder, this command declares that the folder is now the archive,
    empty or not. No file is changed. Missing files are counted; `reelkeep verify --repair`
    downloads again what the providers still have.

    Run it as the user of the service. It is refused if another archive is there.
    """
    from reelkeep.app.archive_access import begin_anew
    from reelkeep.app.catalog_access import utc_now

    settings = call.settings_only()
    log = log_of(settings)
    begun = run_in_loop(partial(begin_anew, settings, log, utc_now, volumes=volumes))
    if as_json:
        call.out.json(asdict(begun))
    else:
        _print_begun(call, begun)


def _print_begun(call: Invocation, begun: Begun) -> None:
    from reelkeep.cli.output import number
    from reelkeep.cli.tables import cell

    told = [
        f"{begun.path} is now the archive of this catalog."
        if begun.new
        else f"{begun.path} is already the archive of this catalog."
    ]
    if begun.missing:
        are = "is" if begun.missing == 1 else "are"
        told.append(
            f"{number(begun.missing, 'file')} of {begun.stored:,} that the catalog lists as "
            f"stored {are} missing. `reelkeep verify --repair` downloads again what the providers "
            "still have."
        )
    call.out.show(*map(cell, told))
