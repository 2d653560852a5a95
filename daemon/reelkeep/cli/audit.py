"""`reelkeep audit`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from reelkeep.cli.invocation import Exit, Invocation, log_of, say_how_it_is_read
from reelkeep.cli.loop import run_in_loop
from reelkeep.cli.options import DateType, as_json, days, enabled, providers, wide, window_of
from reelkeep.core.audit import Tally, total

if TYPE_CHECKING:
    from reelkeep.app.audit import Audited, AuditFinding
    from reelkeep.cli.output import Output
    from reelkeep.settings.model import Settings

_COLUMNS = (
    "listed", "stored", "pending", "failed", "unavailable", "skipped", "missing", "unreadable",
    "vanished", "at_risk",
)  # fmt: skip
_STYLES = {
    "pending": "yellow", "failed": "bold red", "unavailable": "bold red", "missing": "bold red",
    "unreadable": "bold red", "vanished": "bold red", "at_risk": "yellow",
}  # fmt: skip
_ALWAYS = ("listed", "stored", "pending", "failed")
"""Columns that are shown even if all their values are zero."""

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
    """Print lost recordings by name, a row for each provider and day, and a summary.

    Days without a finding are left out unless `every_day` is set.
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
        how = "in order" if sure else "in order as far as they were read"
        out.line(f"{days} {how} and not shown; --all shows them.")
    out.line()
    for each in found:
        for reason in each.incomplete:
            out.show(cell(f"{each.name} may not have listed all: {reason}", "yellow"))
        if each.error:
            out.show(cell(f"{each.name} could only be read in part: {each.error}", "bold red"))
    fine = all(each.ok for each in found)
    out.show(cell(sentence(found), "bold green" if fine else "bold red"))


def sentence(found: Sequence[Audited]) -> str:
    """Return the result in one sentence."""
    from reelkeep.cli.output import listed, number

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
            f"{kept}: everything that was listed is in the archive or not wanted; "
            f"{number(unsure, 'listing')} may be incomplete."
        )
    return f"{kept}: everything that the providers have is in the archive or not wanted."


def _print_named(out: Output, found: Sequence[Audited]) -> None:
    """Print the first recordings that are not in the archive."""
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
        out.line(f"… and {len(counted) - _MOST_NAMED:,} more; --json lists all.")
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


def _finding(one: AuditFinding) -> dict[str, Any]:
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


_OF_CONTENT = ("sample", "seed", "since", "suspects", "repair")
"""Options that only apply together with --content."""


class ShareType(click.ParamType[Fraction]):
    """A percentage: 5%, 0.5%."""

    name = "percentage"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        from reelkeep.core.audit import parse_share

        try:
            return parse_share(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command
@providers
@days
@click.option("--all", "every_day", is_flag=True, help="Also show days that are in order.")
@click.option(
    "--content",
    is_flag=True,
    help="Download archived files again and compare their bytes; nothing is replaced.",
)
@click.option(
    "--sample", type=ShareType(), metavar="N%", help="With --content: only this share of the files."
)
@click.option(
    "--seed", default=None, metavar="TEXT", help="With --sample: choose a different sample."
)
@click.option(
    "--since",
    type=DateType(),
    metavar="DAY",
    help="With --content: only files stored since this day.",
)
@click.option(
    "--suspects",
    is_flag=True,
    help="With --content: only files that may come from a resumed download and that no digest of "
    "the provider has verified.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="With --content: replace a file if two equal downloads differ from it; the old "
    "bytes go to quarantine.",
)
@as_json
@wide
@click.pass_obj
def command(
    call: Invocation,
    /,
    *,
    names: tuple[str, ...],
    first: date | None,
    last: date | None,
    every_day: bool,
    as_json: bool,
    content: bool,
    **how: Any,
) -> int:
    """Ask the providers what they have, and compare it with the catalog and the archive.

    For each provider and day, shows how many files are stored, pending, failed, unavailable
    (wanted, but the provider offers no download now), skipped, missing (the provider has them, but
    they are not in the catalog or were lost), unreadable (stored, but the archive cannot be read
    there now), vanished (known, but the provider no longer has them) and at risk of being deleted
    before they are downloaded. Nothing is changed; you can run this while the daemon is running.
    The exit code is 0 if everything that the providers have is stored or not wanted, and 1 if a
    listing may be incomplete, for example because a user is skipped.

    With --content, archived files are downloaded again, as long as their providers have them, and
    compared with the bytes in the archive. The exit code is 0 if everything that could be compared
    is equal.
    """
    for name in _OF_CONTENT if not content else ():
        if how[name]:
            raise click.UsageError(f"--{name} needs --content.")
    if how["seed"] is not None and how["sample"] is None:
        raise click.UsageError("--seed needs --sample.")
    if content and every_day:
        raise click.UsageError("--all cannot be combined with --content.")
    settings = call.settings_for(names)
    say_how_it_is_read(settings)
    if content:
        from reelkeep.cli.content import ContentOptions, compare_content

        asked = ContentOptions(names=names, first=first, last=last, **how)
        return compare_content(call.out, settings, asked, as_json=as_json)
    return _compare_listings(
        call, settings, names, (first, last), every_day=every_day, as_json=as_json
    )


def _compare_listings(
    call: Invocation, settings: Settings, names: tuple[str, ...],
    span: tuple[date | None, date | None], *, every_day: bool, as_json: bool,
) -> int:  # fmt: skip
    from reelkeep.app.audit import audit

    chosen = enabled(settings, names)
    found = run_in_loop(audit, settings, chosen, log_of(settings), window_of(*span))
    if as_json:
        from reelkeep.cli.audit import document

        call.out.json(document(found, *span))
    else:
        from reelkeep.cli.audit import print_audit

        print_audit(call.out, found, every_day=every_day)
    return Exit.DONE if all(each.ok for each in found) else Exit.LEFT
