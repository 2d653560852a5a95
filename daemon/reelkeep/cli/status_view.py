"""The state of every provider, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from reelkeep.cli.output import Output, ago, number
from reelkeep.cli.tables import cell, table
from reelkeep.core.quantities import duration, size

Line = dict[str, Any]
"""One provider, as `app.status` gives it."""

_COUNTS = ("listed", "stored", "pending", "failed", "unavailable")
_STYLES = {"pending": "yellow", "failed": "bold red", "unavailable": "bold red"}


def providers_table(
    out: Output, lines: Sequence[Line], *, ages: bool = False, now: str | None = None
) -> Table:
    """Return one row per provider; with `ages`, also when it was last read, relative to `now`."""
    columns = ["provider", *(["last success"] if ages else []), *_COUNTS, "bytes"]
    made = table(out, *columns, right={*_COUNTS, "bytes"}, cut={"provider"})
    for line in lines:
        row = [_name(line)]
        if ages:
            row.append(_last_success(line, now))
        row += [_count(line, key) for key in _COUNTS]
        made.add_row(*row, cell(size(line["stored_bytes"])))
    return made


def remarks(lines: Sequence[Line]) -> list[Text]:
    """Return a line for each provider that is broken or has files that do not fit."""
    broken = [
        Text.assemble(
            cell(line["name"], "bold red"),
            cell(f" {_how_broken(line)} since {line['broken_since'][:19]}Z: ", "red"),
            cell(line["reason"] or "no reason given"),
        )
        for line in lines
        if line["broken_since"]
    ]
    unread = [
        Text.assemble(
            cell(line["name"], "bold yellow"),
            cell(f": {_unread(line)}; repeated at each poll"),
        )
        for line in lines
        if line.get("unread_listings")
    ]
    return [*broken, *unread] + [
        Text.assemble(
            cell(line["name"], "bold yellow"),
            cell(f": {line['too_large']:,} files do not fit into the free space of the archive"),
        )
        for line in lines
        if line.get("too_large")
    ]


def transfers_table(out: Output, transfers: Sequence[Line]) -> Table:
    """Return one row per running transfer."""
    made = table(
        out, "transfer", "recording", "file", "done", "of", "", "time",
        right={"done", "of", "", "time"}, cut={"recording", "file"},
    )  # fmt: skip
    for each in transfers:
        done, total = each["done"], each["total"]
        made.add_row(
            cell(each["provider"]),
            cell(each["recording"]),
            cell(each["file"]),
            cell(size(done)),
            cell(size(total)),
            cell(f"{100 * done // total} %" if total else ""),
            cell(duration(each["seconds"])),
        )
    return made


def _how_broken(line: Line) -> str:
    return "could only be read in part" if line.get("partly") else "is broken"


def _unread(line: Line) -> str:
    listings, users = line["unread_listings"], line["unread_users"]
    whose = f" of {number(users, 'user')}" if users else ""
    return f"{number(listings, 'listing')}{whose} could not be read"


def _name(line: Line) -> Text:
    if line["broken_since"]:
        return cell(line["name"], "red")
    return cell(line["name"], "" if line["enabled"] else "dim")


def _last_success(line: Line, now: str | None) -> Text:
    if not line["enabled"]:
        return cell("(removed)" if line["type"] is None else "(not enabled)", "dim")
    if now is not None and (line["last_success"] or "") > now:
        return cell("in the future", "red")
    return cell(ago(line["age_seconds"]), "red" if line["broken_since"] else "")


def _count(line: Line, key: str) -> Text:
    value = line[key]
    style = _STYLES.get(key, "") if value else "dim"
    return cell(f"{value:,}", style)
