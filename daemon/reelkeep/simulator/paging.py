"""Cut listings into spans of dates and pages of entries, as Zoom does (Z2, Z3)."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from reelkeep.simulator.times import parse_day

if TYPE_CHECKING:
    from reelkeep.simulator.signing import Signer
    from reelkeep.simulator.switches import ZoomSwitches


class InvalidField(Exception):
    """A parameter is refused with 400/300."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Days:
    """Two UTC days, both inclusive."""

    first: date
    last: date

    def __contains__(self, moment: datetime) -> bool:
        return self.first <= moment.astimezone(UTC).date() <= self.last


@dataclass(frozen=True, slots=True)
class Page:
    """Which entries are shown, and the token of what follows."""

    start: int
    stop: int
    size: int
    token: str


def days(query: Mapping[str, str], now: datetime, *, switches: ZoomSwitches) -> Days:
    """Return the days that `query` asks for; a span over a month silently loses its start.

    Raises:
        InvalidField: a date cannot be read, or they are in the wrong order.
    """
    loose = switches.dates_with_time
    first = _day(query, "from", now.date(), loose=loose)
    last = _day(query, "to", max(now.date() + timedelta(days=1), first), loose=loose)
    if last < first:
        raise InvalidField("from")
    return Days(max(first, _month_before(last)) if switches.clamp else first, last)


def page(
    query: Mapping[str, str],
    place: str,
    total: int,
    *,
    signer: Signer,
    now: datetime,
    switches: ZoomSwitches,
) -> Page:
    """Return the page that `query` asks for at `place`.

    Raises:
        InvalidField: the token is old, or does not belong to these parameters.
    """
    size = _size(query, switches)
    token = query.get("next_page_token", "")
    rest = sorted((key, value) for key, value in query.items() if key != "next_page_token")
    bound = f"{place}?{rest}"
    head, _, signature = token.partition(".")
    offset = int(head) if head.isascii() and head.isdigit() else 0
    if token and not signer.check(f"{bound}#{offset}", signature, now):
        if switches.expired_page == "empty":
            return Page(total, total, size, "")
        raise InvalidField("next_page_token")
    end = offset + size
    if end >= total:
        return Page(offset, total, size, "")
    following = signer.sign(f"{bound}#{end}", now + switches.page_life)
    return Page(offset, end, size, f"{end}.{following}")


def _size(query: Mapping[str, str], switches: ZoomSwitches) -> int:
    text = query.get("page_size", "30")
    if not (text.isascii() and text.isdigit() and int(text)):
        raise InvalidField("page_size")
    return 30 if switches.ignore_page_size else min(int(text), switches.page_cap)


def _day(query: Mapping[str, str], name: str, default: date, *, loose: bool) -> date:
    if not query.get(name):
        return default
    try:
        return parse_day(query[name], loose=loose)
    except ValueError as error:
        raise InvalidField(name) from error


def _month_before(day: date) -> date:
    year, month = (day.year, day.month - 1) if day.month > 1 else (day.year - 1, 12)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
