"""`reelkeep doctor`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation
from reelkeep.cli.options import as_json

if TYPE_CHECKING:
    from reelkeep.app.doctor.gather import Findings

_STYLES = {"ok": "green", "odd": "yellow", "bad": "bold red"}


@click.command
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write a report for support.",
)
@click.option("--offline", is_flag=True, help="Ask no provider.")
@as_json
@click.pass_obj
def command(call: Invocation, *, output: Path | None, offline: bool, as_json: bool) -> int:
    """Look for what is wrong here; exit with 1 if something is bad.

    Nothing is changed, and no credential is sent: `check --online` tries those. It works also
    where the configuration or the catalog is broken. The report holds versions, the configuration,
    counts and last errors, and no secret; it replaces no file.
    """
    from reelkeep.app.catalog_access import utc_now
    from reelkeep.app.doctor.gather import gather

    found = gather(call.settings, utc_now, offline=offline)
    if output is not None:
        _write(output, found)
    if as_json:
        call.out.json(found.document())
    else:
        _print(call, found)
        if output is not None:
            call.out.line(f"\nThe report is in {output}.")
    return Exit.LEFT if found.bad else Exit.DONE


def _write(path: Path, found: Findings) -> None:
    text = json.dumps(found.document(), indent=2, allow_nan=False)
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _print(call: Invocation, found: Findings) -> None:
    from reelkeep.cli.tables import cell, table

    made = table(call.out, "", "check", "result", wrap=("check", "result"))
    for check in found.checks:
        grade = check.grade.value
        made.add_row(cell(grade, _STYLES[grade]), cell(check.subject), cell(check.message))
    call.out.show(made)
