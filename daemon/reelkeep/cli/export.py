"""`reelkeep export`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.codes import Exit
from reelkeep.cli.invocation import Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import narrowing, providers, require_known, selection_of
from reelkeep.telemetry.values import visible

if TYPE_CHECKING:
    from reelkeep.catalog.selection import Selection
    from reelkeep.core.model import Holding
    from reelkeep.settings import Settings

_OF_RECORDING = {
    "provider": "provider", "recording": "id", "key": "key", "state": "state", "title": "title",
    "user": "user", "started": "started", "duration_seconds": "duration_seconds",
    "first_seen": "first_seen", "archived_at": "archived_at",
    "acknowledged_at": "acknowledged_at", "folder": "folder",
}  # fmt: skip
_OF_FILE = {
    "file": "name", "file_id": "id", "file_state": "state", "file_type": "file_type",
    "recording_type": "recording_type", "promised_bytes": "promised_bytes", "bytes": "bytes",
    "sha256": "sha256", "verified": "verified", "source": "source", "stored_at": "stored_at",
    "checked_at": "checked_at", "damage": "damage", "code": "code", "reason": "reason",
    "path": "path", "facts": "facts",
}  # fmt: skip
# of the recording; behind all others, whose places stay
_ADDED = {"number": "number", "session_key": "session_key"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(found: Mapping[str, Any]) -> str:
    """Return a line for each file of a recording, as `facts.recording` gives it.

    A recording without files has one line. What a spreadsheet would take for a formula gets an
    apostrophe before it: the text is a provider's, and may be an attacker's.
    """
    files = found["files"] or [{}]
    mine = [found[key] for key in _OF_RECORDING.values()]
    added = [found[key] for key in _ADDED.values()]
    return "".join(
        _line([*mine, *(file.get(key) for key in _OF_FILE.values()), *added]) for file in files
    )


def _line(values: Sequence[Any]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([_cell(value) for value in values])
    return written.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False) if value else ""
    if not isinstance(value, str):
        return value
    return visible(f"'{value}" if value.startswith(_FORMULA) else value)


HEAD = _line([*_OF_RECORDING, *_OF_FILE, *_ADDED])
"""The first line: what each column holds."""


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
    from reelkeep.app.catalog_access import open_read_only
    from reelkeep.cli.finding import every, known_names

    async with open_read_only(settings, log_of(settings)) as operator:
        require_known(wanted.names, await known_names(operator, settings))
        write = _csv if wanted.form == "csv" else _lines
        found = every(operator, names=wanted.names, selection=wanted.selection)
        await write(call, settings, found)


async def _lines(call: Invocation, settings: Settings, holdings: AsyncIterator[Holding]) -> None:
    from reelkeep.cli.recording_json import recording

    async for holding in holdings:
        if not call.out.json(recording(holding, settings.archive.path), indent=None):
            break


async def _csv(call: Invocation, settings: Settings, holdings: AsyncIterator[Holding]) -> None:
    from reelkeep.cli.export import HEAD, lines
    from reelkeep.cli.recording_json import recording

    more = call.out.text(HEAD)
    async for holding in holdings:
        if not (more and call.out.text(lines(recording(holding, settings.archive.path)))):
            break
