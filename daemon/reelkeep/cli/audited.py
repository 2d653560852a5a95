"""What `reelkeep audit` found, for people and machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from reelkeep.core.audit import Tally, total

if TYPE_CHECKING:
    from reelkeep.app.audit import Audited, Finding
    from reelkeep.cli.output import Output

_COLUMNS = (
    "listed", "stored", "pending", "failed", "unavailable", "skipped", "missing", "unreadable",
    "vanished", "at_risk",
)  # fmt: skip
_STYLES = {
    "pending": "yellow", "failed": "bold red", "unavailable": "bold red", "missing": "bold red",
    "unreadable": "bold red", "vanished": "bold red", "at_risk": "yellow",
}  # fmt: skip
_ALWAYS = ("listed", "stored", "pending", "failed")
"""Columns that are shown even if they hold nothing but zeros."""

_NAMED = ("missing", "unreadable", "vanished", "failed", "unavailable")
_MOST_NAMED = 20


def document(found: Sequence[Audited], first: date | None, last: date | None) -> dict[str, Any]:
    """Return all of it as JSON."""
    return {
        "ok": all(each.ok for each in found),
        "from": None if first is None else first.isoformat(),
        "to": None if last is None else last.isoformat(),
        "providers": [
            {
                "name": each.name,
                "ok": each.ok,
                "error": each.error,
                "incomplete": each.incomplete,
                "total": asdict(total(each.days)),
                "days": [
                    {"day": _day(day, None), **asdict(tally)} for day, tally in _in_order(each)
                ],
                "findings": [_finding(one) for one in each.findings],
            }
            for each in found
        ],
    }


def print_audit(out: Output, found: Sequence[Audited], *, every_day: bool = False) -> None:
    """Print what is lost by name, a row for each provider and day, and all of it in a sentence.

    Days on which all is in order are left out unless `every_day` is wanted.
    """
    from reelkeep.cli.tables import cell, table

    _print_named(out, found)
    shown = [name for name in _COLUMNS if name in _ALWAYS or _any(found, name)]
    titles = [name.replace("_", " ") for name in shown]
    made = table(out, "provider", "day", *titles, right=set(titles), cut={"provider"})
    fine = 0
    for each in found:
        sums = _cells(total(each.days), shown)
        made.add_row(cell(each.name, "bold"), cell("all", "bold"), *sums)
        for day, tally in reversed(_in_order(each)):
            if every_day or tally.left or tally.at_risk:
                made.add_row(cell(each.name), cell(_day(day, "unknown")), *_cells(tally, shown))
            else:
                fine += 1
    out.show(made)
    if fine:
        days = "1 day is" if fine == 1 else f"{fine:,} days are"
        sure = all(each.error is None and not each.incomplete for each in found)
        how = "in order" if sure else "in order as far as was read"
        out.line(f"{days} {how}, and not shown; --all shows them.")
    out.line()
    for each in found:
        for reason in each.incomplete:
            out.show(cell(f"{each.name} may not have listed all: {reason}", "yellow"))
        if each.error:
            out.show(cell(f"{each.name} could only be read in part: {each.error}", "bold red"))
    fine = all(each.ok for each in found)
    out.show(cell(sentence(found), "bold green" if fine else "bold red"))


def sentence(found: Sequence[Audited]) -> str:
    """Return how it stands, in a sentence."""
    from reelkeep.cli.humanize import listed, number

    summed = Tally()
    for each in found:
        summed.add(total(each.days))
    kept = f"{number(summed.stored, 'file')} stored"
    names = ("missing", "unreadable", "vanished", "failed", "unavailable", "pending")
    wrong = [f"{getattr(summed, name):,} {name}" for name in names if getattr(summed, name)]
    risk = f"; {summed.at_risk:,} at risk" if summed.at_risk else ""
    if wrong:
        return f"{kept}, {listed(wrong)}{risk}."
    unread = [str(each.name) for each in found if each.error]
    if unread:
        return f"{kept}; but {listed(unread)} could only be read in part."
    unsure = sum(len(each.incomplete) for each in found)
    if unsure:
        return (
            f"{kept}: all that was listed is here, or not wanted; "
            f"{number(unsure, 'listing')} may not show all."
        )
    return f"{kept}: all that the providers hold is here, or not wanted."


def _print_named(out: Output, found: Sequence[Audited]) -> None:
    """Print which recordings are not here, the first of them."""
    from reelkeep.cli.tables import cell, table

    counted = Counter(
        (mark, each.name, one.recording, _day(one.day, "unknown"))
        for mark in _NAMED
        for each in found
        for one in each.findings
        if one.item.mark == mark
    )
    if not counted:
        return
    made = table(
        out, "found", "provider", "day", "recording", "files", right={"files"},
        cut={"provider", "recording"},
    )  # fmt: skip
    for (mark, name, recording, day), count in list(counted.items())[:_MOST_NAMED]:
        made.add_row(
            cell(mark, _STYLES[mark]), cell(name), cell(day), cell(recording), cell(f"{count:,}")
        )
    out.show(made)
    if len(counted) > _MOST_NAMED:
        out.line(f"… and {len(counted) - _MOST_NAMED:,} more; --json names them all.")
    out.line()


def _any(found: Sequence[Audited], name: str) -> bool:
    return any(getattr(tally, name) for each in found for tally in each.days.values())


def _cells(tally: Tally, names: Sequence[str]) -> Iterator[Any]:
    from reelkeep.cli.tables import cell

    for name in names:
        count = getattr(tally, name)
        yield cell(f"{count:,}", _STYLES.get(name, "") if count else "dim")


def _in_order(each: Audited) -> list[tuple[date | None, Tally]]:
    return sorted(each.days.items(), key=lambda pair: pair[0] or date.min)


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "found": one.item.mark.value,
        "recording": one.recording,
        "day": _day(one.day, None),
        "file": one.item.file or None,
        "name": one.item.name or None,
        "files": one.item.count,
        "code": one.item.reason,
        "reason": one.item.detail,
        "deadline": None if one.deadline is None else one.deadline.isoformat(),
        "at_risk": one.at_risk,
    }


def _day(day: date | None, unknown: Any) -> Any:
    return unknown if day is None else day.isoformat()
