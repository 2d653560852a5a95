"""Read single values out of foreign JSON: what cannot be believed is as good as absent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

LONGEST = 1_000
"""Characters of a text that are kept."""

_LARGEST = 2**53  # bytes, eight million gigabytes: more is nonsense
_LONGEST_MEETING = 366 * 24 * 60  # minutes
_DIGITS = re.compile(r"[0-9]{1,20}")
_FRACTION = re.compile(r"(?<=:\d\d)[.,]\d+")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")
_ADDRESS = re.compile(r"\S+://\S+")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)?")


def text(value: object) -> str:
    """Return a text or a number as text without surrounding space, anything else as ''."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()[:LONGEST]


def whole(value: object) -> int | None:
    """Return a whole number that is given as a number or in digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if _DIGITS.fullmatch(value.strip()) else None
    if isinstance(value, Decimal):
        # a huge exponent would make an integer of as many digits
        return (
            int(value) if value.is_finite() and value.adjusted() < 20 and value % 1 == 0 else None
        )
    return value if isinstance(value, int) else None


def is_true(value: object) -> bool:
    """Return whether a flag is set, also as 1, `"1"` or `"true"`."""
    return value is True or text(value).lower() in ("1", "true")


def size(value: object) -> int | None:
    """Return a promise of bytes; nought is none, as unfinished files say it."""
    number = whole(value)
    return number if number is not None and 0 < number < _LARGEST else None


def minutes(value: object) -> timedelta | None:
    """Return a length of time that is given in whole minutes."""
    number = whole(value)
    if number is None or not 0 <= number <= _LONGEST_MEETING:
        return None
    return timedelta(minutes=number)


def moment(value: object) -> datetime | None:
    """Return the time in UTC, of this century or the last, that an ISO 8601 text names."""
    try:
        time = datetime.fromisoformat(_FRACTION.sub("", text(value)))
    except ValueError:
        return None
    if not 1900 <= time.year < 2100:  # beyond, adding a few days overflows some day
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def day(value: object) -> date | None:
    """Return the day that an ISO 8601 text begins with."""
    try:
        return date.fromisoformat(value.strip()[:10]) if isinstance(value, str) else None
    except ValueError:
        return None


def objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; whatever else there is, is no object."""
    if isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict))


def quoted(value: object, limit: int = 200) -> str:
    """Return foreign text as it may stand in a message: printable, short, without locators."""
    plain = _UNPRINTABLE.sub(" ", value if isinstance(value, str) else "")
    return _TOKEN.sub("(token)", _ADDRESS.sub("(address)", plain)).strip()[:limit]
