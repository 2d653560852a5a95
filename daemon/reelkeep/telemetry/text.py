"""Make foreign text safe to show on a terminal or in a log."""

from __future__ import annotations

import re

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
