"""Turn what events carry into plain JSON values, safe to show."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TypeAlias, cast

_HIDDEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: move the cursor, ring, start escape sequences
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi controls: reorder what is read
    "\u200b\u2028\u2029\u2060-\u2065\ufeff"  # break lines, or cannot be seen
    "\ud800-\udfff"  # lone surrogates: cannot be written at all
    "\U000e0000-\U000e007f"  # tags: smuggle unseen text
    "]"
)


def visible(text: str) -> str:
    r"""Return `text` with every character that acts instead of showing written as an escape.

    A newline becomes the two characters `\n`, so a value never leaves its line. The joiners that
    hold emoji and scripts together stay.
    """
    return _HIDDEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def bounded(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, and say so where something was cut."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


Plain: TypeAlias = "str | float | bool | list[Plain] | dict[str, Plain] | None"

_PLAIN = frozenset({str, int, bool})  # most of what is told; no subclass, whose text may differ
_MOST_ITEMS = 100
_DEEPEST = 4


def rfc3339(time: datetime) -> str:
    """Return `time` as RFC 3339 in UTC with microseconds; what has no zone is taken as UTC."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    return aware.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def plain(value: object, *, depth: int = 0) -> Plain:
    """Return `value` for JSON: times as RFC 3339, durations in seconds, the unknown as text.

    Containers are bounded in length and depth.
    """
    if type(value) in _PLAIN:
        return cast("str | int | bool", value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        some = list(value.items())[:_MOST_ITEMS]
        return {_text(key): plain(inner, depth=depth + 1) for key, inner in some}
    if depth < _DEEPEST and isinstance(value, list | tuple | AbstractSet):
        return [plain(inner, depth=depth + 1) for inner in list(value)[:_MOST_ITEMS]]
    return _scalar(value.value if isinstance(value, Enum) else value)


def _scalar(value: object) -> str | float | bool | None:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if value is None or isinstance(value, bool | int | str):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else _text(value)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value that cannot be shown must not stop its bearer
        return f"<unprintable {type(value).__name__}>"
