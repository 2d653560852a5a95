"""Read the three dialects of `Retry-After`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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
