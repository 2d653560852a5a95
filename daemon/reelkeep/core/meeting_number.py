"""Read the number of a meeting as people write it: `881 3519 8633`, `881-3519-8633`."""

from __future__ import annotations

import re
from collections.abc import Sequence

_GAPS = re.compile(r"[\s\u2010-\u2015\u2212-]+")  # any space, hyphen or dash
_NUMBER = re.compile(r"[0-9]{1,20}")
_GROUP = re.compile(r"[0-9]{3,4}")
_SHORTEST, _LONGEST = 9, 11  # digits of a meeting number


def meeting_number(text: str) -> str | None:
    """Return the digits of `text` without spaces and dashes, None if there is anything else."""
    digits = _GAPS.sub("", text)
    return digits if _NUMBER.fullmatch(digits) else None


def with_numbers_joined(words: Sequence[str]) -> list[str]:
    """Return `words` as one number if they are its groups, written without quotes."""
    digits = "".join(words)
    is_number = len(words) > 1 and all(map(_GROUP.fullmatch, words))
    return [digits] if is_number and _SHORTEST <= len(digits) <= _LONGEST else list(words)
