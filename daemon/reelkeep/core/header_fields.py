"""Read header fields: one that comes in several lines, and the times that servers name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any


def joined(headers: Mapping[str, str], name: str) -> str:
    """Return all lines of field `name` as the one list they are; empty if there is none.

    That is RFC 9110, section 5.3. It holds for fields that are lists only.
    """
    lines: Any = getattr(headers, "getall", None)  # multidict's keep the lines apart
    return headers.get(name, "") if lines is None else ", ".join(lines(name, ()))


LONGEST = timedelta(hours=24)
"""Nobody is believed who asks for more than this."""

_SECONDS = re.compile(r"\d+(\.\d*)?", re.ASCII)


def parse_retry_after(value: str, now: datetime) -> datetime | None:
    """Return the time before which not to come back, `None` if `value` is in no known dialect.

    Seconds and HTTP-dates are those of RFC 9110 §10.2.3; an ISO 8601 date-time is what Zoom sends
    on its daily limits (provider notes, fact 5). A time without a zone is UTC. The answer is
    never before `now` and at most `LONGEST` after it.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return now + timedelta(seconds=min(float(text), LONGEST.total_seconds()))
    named = _iso(text) or _http_date(text)
    if named is None:
        return None
    return min(max(named, now), now + LONGEST)


def asked_until(value: str, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the same by the server's own clock, if its `Date` says what that shows.

    So a clock of ours that is wrong neither shortens a pause nor makes it last for days.
    """
    theirs = server_time(headers)
    if theirs is None:
        return parse_retry_after(value, now)
    until = parse_retry_after(value, theirs)
    return None if until is None else now + (until - theirs)


ODD_SKEW = timedelta(minutes=4)
"""A difference of clocks by which credentials and certificates may be refused."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return what `Date` says (RFC 9110, section 6.6.1); None if it says no time."""
    return _http_date(headers.get("date", "").strip() or "-")


def skew_in_words(skew: timedelta) -> str:
    """Return by how much our clock is ahead of another one; negative: behind it."""
    return f"{_rough(abs(skew))} {'ahead of' if skew > timedelta() else 'behind'}"


def clock_hint(headers: Mapping[str, str], now: datetime) -> str:
    """Return what to add to a refusal of credentials if the server's `Date` is not our time."""
    theirs = server_time(headers)
    if theirs is None or abs(now - theirs) < ODD_SKEW:
        return ""
    return f"; the clock of this machine is {skew_in_words(now - theirs)} the server's: set it"


def _rough(span: timedelta) -> str:
    minutes = round(span / timedelta(minutes=1))
    for unit, name in ((1440, "days"), (60, "hours")):
        if minutes >= 2 * unit:
            return f"{minutes // unit} {name}"
    return f"{minutes} minutes"


def _iso(text: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _http_date(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
