"""`reelkeep export`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import narrowing, providers, require_known, selection_of

if TYPE_CHECKING:
    from reelkeep.catalog.selection import Selection
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings


@click.command
@providers
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="jsonl: one recording a line, with its files; csv: one file a line.",
)
@click.option("--json", "form", flag_value="jsonl", help="The same as --format jsonl.")
@narrowing
@click.pass_obj
def command(call: Invocation, /, *, names: tuple[str, ...], form: str, **given: Any) -> int:
    """Write what the catalog knows to stdout, for other programs.

    All of it, unless it is narrowed as in `list`.

    In CSV, text that a spreadsheet would take for a formula has an apostrophe before it; JSON
    Lines are exact.
    """
    selection = selection_of(given)
    settings = call.settings_only()
    say_how_it_is_read(settings)
    run_in_loop(_export, call, settings, Export(names, selection, form))
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Export:
    """Which recordings are written, and how."""

    names: tuple[str, ...]
    selection: Selection
    form: str


async def _export(call: Invocation, settings: Settings, wanted: Export) -> None:
    from reelkeep.app.books import reading_desk
    from reelkeep.cli.finding import every, known_names

    async with reading_desk(settings, log_of(settings)) as desk:
        require_known(wanted.names, await known_names(desk, settings))
        write = _csv if wanted.form == "csv" else _lines
        found = every(desk, names=wanted.names, selection=wanted.selection)
        await write(call, settings, found)


async def _lines(call: Invocation, settings: Settings, holdings: AsyncIterator[Holding]) -> None:
    from reelkeep.cli.recording_json import recording

    async for holding in holdings:
        if not call.out.json(recording(holding, settings.archive.path), indent=None):
            break


async def _csv(call: Invocation, settings: Settings, holdings: AsyncIterator[Holding]) -> None:
    from reelkeep.cli.csv_export import HEAD, lines
    from reelkeep.cli.recording_json import recording

    more = call.out.text(HEAD)
    async for holding in holdings:
        if not (more and call.out.text(lines(recording(holding, settings.archive.path)))):
            break
