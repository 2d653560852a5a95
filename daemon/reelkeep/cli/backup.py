"""`reelkeep backup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Invocation
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from reelkeep.catalog.backup import Copy


@click.command
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@as_json
@click.pass_obj
def command(call: Invocation, *, target: Path, as_json: bool) -> None:
    """Copy the catalog to FILE, as it is at one moment; the daemon may run meanwhile.

    The copy is checked, readable by its owner only, and replaces nothing. Tokens that the daemon
    keeps beside the catalog are not in it: they rotate, and an old one is worth nothing.
    """
    from reelkeep.catalog.backup import copy_catalog

    if target.is_dir():
        raise click.UsageError(f"Expected the name of a new file, got the folder {target}.")
    catalog = call.settings_only().catalog.path
    copy = copy_catalog(catalog, target.absolute())
    tokens = sorted(each.name for each in catalog.parent.glob("*.token"))
    if as_json:
        call.out.json(_document(catalog, copy, tokens))
    else:
        _print(call, catalog, copy, tokens)


def _document(catalog: Path, copy: Copy, tokens: list[str]) -> dict[str, Any]:
    return {
        "catalog": str(catalog),
        "file": str(copy.path),
        "bytes": copy.size,
        "version": copy.version,
        "recordings": copy.recordings,
        "not_included": tokens,
    }


def _print(call: Invocation, catalog: Path, copy: Copy, tokens: list[str]) -> None:
    from reelkeep.cli.output import size

    call.out.line(f"{catalog} → {copy.path}")
    call.out.line(f"{copy.recordings:,} recordings, {size(copy.size)}, checked")
    if tokens:
        call.out.line(f"not included: {', '.join(tokens)} (they rotate, see the manual on backups)")
