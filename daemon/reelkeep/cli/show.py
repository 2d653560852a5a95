"""`reelkeep show`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from reelkeep.cli.finding import REFUSABLE
from reelkeep.cli.invocation import Exit, Invocation, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import as_json
from reelkeep.cli.output import Output, moment, number
from reelkeep.cli.tables import cell, table
from reelkeep.core.quantities import duration, size, with_numbers_joined
from reelkeep.telemetry.redaction import visible

if TYPE_CHECKING:
    from reelkeep.core.model import Holding
    from reelkeep.settings.model import Settings

_STYLES = {
    "stored": "green", "archived": "green", "acknowledged": "green", "failed": "bold red",
    "gone": "bold red", "unavailable": "bold red", "incomplete": "bold red",
    "due": "yellow", "active": "yellow",
    "waiting": "yellow", "open": "yellow",
}  # fmt: skip

Found = dict[str, Any]
"""A recording as `facts` gives it."""


def print_sheet(out: Output, found: Found) -> None:
    """Print everything that is known about a recording."""
    rows = _rows(found)
    out.show(_head(rows))
    if found["path"]:  # in one line, to copy it
        out.show(
            Text.assemble(("folder".ljust(max(map(len, rows)) + 2), "bold"), cell(found["path"]))
        )
    out.line()
    if found["files"]:
        out.show(_files(out, found))
    for file in found["files"]:
        _print_trouble(out, file, found["key"])
    _print_facts(out, found["files"])
    _print_digests(out, found)


def _head(rows: dict[str, Text]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows.items():
        grid.add_row(name, value)
    return grid


def _rows(found: Found) -> dict[str, Text]:
    length = found["duration_seconds"]
    lasted = "" if length is None else f", {duration(length)}"
    rows = {
        "recording": cell(found["id"]),
        "key": cell(found["key"]),
        "provider": cell(found["provider"]),
        "state": _state(found["state"]),
        "unfinished": cell(_unfinished(found["unfinished"])),
        "waits because": cell(found["reason"] or ""),
        "title": cell(found["title"]),
        "user": cell(found["user"]),
        "number": cell(found["number"]),
        "session key": cell(found["session_key"]),
        "started": cell(f"{_moment(found['started'])}{lasted}"),
        "first seen": cell(_moment(found["first_seen"])),
        "open until": cell(_moment(found["settles"])),
        "deleted on": cell(_moment(found["deadline"])),
        "archived": cell(_moment(found["archived_at"])),
        "acknowledged": cell(_moment(found["acknowledged_at"])),
    }
    return {name: value for name, value in rows.items() if value.plain not in ("", "-")}


def _unfinished(count: int) -> str:
    return f"the provider has not finished {number(count, 'file')}" if count else ""


def _files(out: Output, found: Found) -> Table:
    made = table(
        out, "file", "state", "size", "verified", "tries", right={"size", "tries"}, cut={"file"}
    )
    for file in found["files"]:
        known = file["promised_bytes"] if file["bytes"] is None else file["bytes"]
        made.add_row(
            cell(file["name"]),
            _state(file["state"]),
            cell(size(known)),
            cell(file["verified"] or "-"),
            cell(file["tries"], "" if file["tries"] else "dim"),
        )
    return made


def _print_trouble(out: Output, file: Found, key: str) -> None:
    """Print why a file is not stored, or what is unusual about it, and its failed attempts."""
    if not (file["code"] or file["reason"] or file["attempts"]):
        return
    out.line()
    said = ": ".join(part for part in (file["code"], file["reason"]) if part)
    when = f", tried again at {_moment(file['due_at'])}" if file["due_at"] else ""
    title = Text.assemble(cell(file["name"], "bold"), " is ", _state(file["state"]), cell(when))
    out.show(Text.assemble(title, cell(f": {said}" if said else "")))
    if file["state"] in ("failed", "due") and file["code"] in REFUSABLE:
        out.line(
            f"  If the file really is like this: reelkeep accept {key} {visible(file['name'])}"
        )
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(2):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for each in file["attempts"]:
        grid.add_row(f"  {_moment(each['at'])}", cell(each["code"]), cell(each["reason"]))
    if file["attempts"]:
        out.show(grid)


_TELLING = ("file_name", "user_key", "user_id", "external_storage_url", "file_path")


def _print_facts(out: Output, files: list[Found]) -> None:
    """Print what distinguishes each file from others, and where else it is stored."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for file in files:
        said = [f"{name}: {file['facts'][name]}" for name in _TELLING if file["facts"].get(name)]
        if said:
            grid.add_row(cell(file["name"], "bold"), cell("; ".join(said)))
    if grid.row_count:
        out.line()
        out.show(grid)


def _print_digests(out: Output, found: Found) -> None:
    """Print lines in the format of `sha256sum`."""
    stored = [file for file in found["files"] if file["sha256"]]
    if stored:
        out.line()
    for file in stored:
        out.line(f"{file['sha256']}  {visible(file['name'])}")


def _state(state: str) -> Text:
    return cell(state, _STYLES.get(state, ""))


def _moment(text: str | None) -> str:
    return moment(None if text is None else datetime.fromisoformat(text))


@click.command
@click.argument("words", metavar="ID", nargs=-1, required=True)
@as_json
@click.pass_obj
def command(call: Invocation, *, words: tuple[str, ...], as_json: bool) -> int:
    """Show one recording with its files, attempts, errors, digests and paths.

    ID is the provider's id of the recording, its key, the beginning of its key, or the meeting
    number, with or without spaces and dashes. If several recordings have that number, they are
    listed, newest first; with --json, each is one object on its own line.
    """
    ids = with_numbers_joined(words)
    if len(ids) > 1:
        raise click.UsageError("Name one recording; a meeting number may contain spaces.")
    settings = call.settings_only()
    say_how_it_is_read(settings)
    found, holdings = run_in_loop(_find, settings, ids[0])
    if as_json:
        for each in found:
            call.out.json(each, indent=2 if len(found) == 1 else None)
    elif len(found) == 1:
        from reelkeep.cli.show import print_sheet

        print_sheet(call.out, found[0])
    else:
        _print_list(call.out, holdings)
    return Exit.DONE


async def _find(settings: Settings, text: str) -> tuple[list[dict[str, Any]], list[Holding]]:
    from reelkeep.app.catalog_access import open_read_only
    from reelkeep.cli.export import recording, with_attempts
    from reelkeep.cli.finding import meant

    async with open_read_only(settings) as operator:
        holdings = await meant(operator, text)
        found: list[dict[str, Any]] = []
        for holding in holdings:
            attempts = await operator.attempts([file.row for file in holding.files])
            facts = recording(holding, settings.archive.path)
            found.append(with_attempts(facts, holding, attempts))
        return found, holdings


def _print_list(out: Output, holdings: Sequence[Holding]) -> None:
    from reelkeep.cli.list import Columns

    out.wide = True  # these lines exist to show the ids
    columns = Columns(out, [holding.provider for holding in holdings])
    columns.head()
    for holding in holdings:
        columns.row(holding)
    out.line()
    out.line(f"{len(holdings):,} recordings match; `reelkeep show KEY` shows one of them.")
