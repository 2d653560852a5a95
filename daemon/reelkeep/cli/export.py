"""`reelkeep export`, and the JSON of a recording that `list`, `show` and `export` print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Exit, Invocation, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import narrowing, providers, require_known, selection_of
from reelkeep.core.manifest import BAGIT, DATA
from reelkeep.telemetry.redaction import visible

if TYPE_CHECKING:
    from reelkeep.catalog.operator import Attempt, Selection
    from reelkeep.core.model import HeldFile, Holding
    from reelkeep.settings.model import Settings


def recording(holding: Holding, archive: Path) -> dict[str, Any]:
    """Return everything known about a recording; `path` is that of its folder in `archive`."""
    path = None if holding.folder is None else archive / holding.folder
    files = _files(path)
    return {
        "provider": holding.provider,
        "id": holding.id,
        "key": holding.key,
        "state": holding.state,
        "title": holding.title,
        "user": holding.user,
        "number": holding.number,
        "session_key": holding.session_key,
        "started": _time(holding.started),
        "duration_seconds": None if holding.duration is None else holding.duration.total_seconds(),
        "deadline": _time(holding.deadline),
        "settles": _time(holding.settles),
        "first_seen": _time(holding.first_seen),
        "archived_at": _time(holding.archived_at),
        "acknowledged_at": _time(holding.acknowledged_at),
        "unfinished": holding.unfinished,
        "reason": holding.reason,
        "bytes": sum(file.size or 0 for file in holding.files),
        "folder": holding.folder,
        "path": None if path is None else str(path),
        "files": [_file(file, files) for file in holding.files],
    }


def _files(folder: Path | None) -> Path | None:
    """Return the folder of the files: in a bag, it is a subfolder."""
    is_bag = folder is not None and (folder / BAGIT).exists()
    return folder / DATA if folder is not None and is_bag else folder


def with_attempts(
    found: dict[str, Any], holding: Holding, attempts: dict[int, list[Attempt]]
) -> dict[str, Any]:
    """Return what `recording` found, each file with its failed attempts."""
    files = [
        shown | {"attempts": _attempts(attempts.get(file.row, []))}
        for shown, file in zip(found["files"], holding.files, strict=True)
    ]
    return found | {"files": files}


def _file(file: HeldFile, folder: Path | None) -> dict[str, Any]:
    code, reason = _why(file)
    stored = file.state == "stored" and folder is not None
    return {
        "name": file.name,
        "id": file.id,
        "state": file.state,
        "file_type": file.file_type,
        "recording_type": file.recording_type,
        "promised_bytes": file.promised,
        "bytes": file.size,
        "sha256": file.sha256,
        "verified": file.verified,
        "source": file.source,
        "stored_at": _time(file.stored_at),
        "checked_at": _time(file.checked_at),
        "damage": file.fault,
        "due_at": _time(file.due_at),
        "tries": file.tries,
        "code": code,
        "reason": reason,
        "path": str(folder / file.name) if stored and folder is not None else None,
        "facts": file.facts or {},
    }


def _why(file: HeldFile) -> tuple[str | None, str | None]:
    """Return reason code and message; a file that is not wanted has no code."""
    if file.state in ("skipped", "waived"):
        return None, file.reason
    return file.reason, file.detail


def _attempts(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    return [{"at": _time(each.at), "code": each.code, "reason": each.detail} for each in attempts]


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


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
# of the recording; after all others, so that no column moves
_ADDED = {"number": "number", "session_key": "session_key"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(found: Mapping[str, Any]) -> str:
    """Return one line for each file of a recording, as `recording` returns it.

    A recording without files has one line. Text that a spreadsheet would evaluate as a formula is
    prefixed with an apostrophe: it comes from the provider, and possibly from an attacker.
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
"""The first line: the names of the columns."""


@click.command
@providers
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="jsonl: one recording per line, with its files; csv: one file per line.",
)
@click.option("--json", "form", flag_value="jsonl", help="The same as --format jsonl.")
@narrowing
@click.pass_obj
def command(call: Invocation, /, *, names: tuple[str, ...], form: str, **given: Any) -> int:
    """Write the catalog to stdout, for other programs.

    All recordings are written, unless options select some of them, as in `list`.

    In CSV, text that
    a spreadsheet would evaluate as a formula is prefixed with an apostrophe; JSON Lines are exact.
    """
    selection = selection_of(given)
    settings = call.settings_only()
    say_how_it_is_read(settings)
    run_in_loop(_export, call, settings, Export(names, selection, form))
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Export:
    """Which recordings are written, and in which format."""

    names: tuple[str, ...]
    selection: Selection
    form: str


async def _export(call: Invocation, settings: Settings, wanted: Export) -> None:
    from reelkeep.app.catalog_access import open_read_only
    from reelkeep.cli.finding import every, known_names

    async with open_read_only(settings) as operator:
        require_known(wanted.names, await known_names(operator, settings))
        write = _csv if wanted.form == "csv" else _lines
        found = every(operator, names=wanted.names, selection=wanted.selection)
        await write(call, settings, found)


async def _lines(call: Invocation, settings: Settings, holdings: AsyncIterator[Holding]) -> None:

    async for holding in holdings:
        if not call.out.json(recording(holding, settings.archive.path), indent=None):
            break


async def _csv(call: Invocation, settings: Settings, holdings: AsyncIterator[Holding]) -> None:

    more = call.out.text(HEAD)
    async for holding in holdings:
        if not (more and call.out.text(lines(recording(holding, settings.archive.path)))):
            break
