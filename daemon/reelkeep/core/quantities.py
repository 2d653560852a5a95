"""Durations, sizes and meeting numbers as people write them.

Durations are `250ms 30s 5m 2h 7d` and compounds such as `1h30m`, the greater unit first. Sizes are
plain numbers of bytes or `512B 10MB 64KiB 1GiB`: powers of 1000 without an i, of 1024 with one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta

DURATION_PATTERN = r"^([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$"
SIZE_PATTERN = r"^[0-9]{1,19}( ?([kKMGT]B|[KMGT]iB|B))?$"

LONGEST = timedelta(days=36_500)
LARGEST = 2**63 - 1  # what SQLite can hold

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PIECE = re.compile(r"([0-9]+)([a-z]+)")
_SIZE = re.compile(r"([0-9]{1,19}) ?([kKMGT]?B|[KMGT]iB)?")
_BYTES: dict[str, int] = {"B": 1} | {
    unit: int(base**power)
    for power, (small, binary) in enumerate(
        (("kB", "KiB"), ("MB", "MiB"), ("GB", "GiB"), ("TB", "TiB")), start=1
    )
    for base, unit in ((1000, small), (1024, binary))
}


def parse_duration(text: object) -> timedelta:
    """Return the duration that `text` spells.

    Raises:
        ValueError: It spells none, or one beyond 36500d; the message says what was expected.
    """
    if not isinstance(text, str) or not text or re.fullmatch(DURATION_PATTERN, text) is None:
        raise ValueError(f"expected a duration such as 30s, 5m, 2h, 7d or 250ms, got {_told(text)}")
    pieces = ((int(count), unit) for count, unit in _PIECE.findall(text))
    milliseconds = sum(count * _MILLISECONDS[unit] for count, unit in pieces)
    if milliseconds > LONGEST // timedelta(milliseconds=1):
        raise ValueError(f"expected a duration of at most 36500d, got {_told(text)}")
    return timedelta(milliseconds=milliseconds)


def print_duration(value: timedelta) -> str:
    """Return the spelling of `value` that `parse_duration` reads; below 1 ms is cut off.

    Raises:
        ValueError: It is negative, which no configuration can say.
    """
    if value < timedelta(0):
        raise ValueError("a duration is never negative")
    rest = value // timedelta(milliseconds=1)
    pieces = []
    for unit, length in _MILLISECONDS.items():
        count, rest = divmod(rest, length)
        pieces.append(f"{count}{unit}" if count else "")
    return "".join(pieces) or "0s"


def parse_size(text: object) -> int:
    """Return the number of bytes that `text` spells; a plain int is bytes already.

    Raises:
        ValueError: It spells none, or more than 2**63 - 1; the message says what was expected.
    """
    count = text if isinstance(text, int) and not isinstance(text, bool) else _spelt_size(text)
    if count is None or count < 0:
        raise ValueError(f"expected a size such as 64KiB, 10MB, 1GiB or 4096, got {_told(text)}")
    if count > LARGEST:
        raise ValueError(f"expected a size of at most {LARGEST} bytes, got {_told(text)}")
    return count


def print_size(value: int) -> str:
    """Return the shortest exact spelling of `value` bytes that `parse_size` reads.

    Raises:
        ValueError: It is negative.
    """
    if value < 0:
        raise ValueError("a size is never negative")
    exact = (unit for unit, length in _BYTES.items() if value % length == 0)
    unit = max(exact, key=_BYTES.__getitem__) if value else "B"
    return f"{value // _BYTES[unit]}{unit}"


def _spelt_size(text: object) -> int | None:
    match = _SIZE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    count, unit = match.groups()
    return int(count) * _BYTES["kB" if unit == "KB" else unit or "B"]


def _told(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}…"


_DECIMAL = ("kB", "MB", "GB", "TB", "PB", "EB")


def size(count: int | None) -> str:
    """Return `count` bytes in powers of 1000, with one decimal from 1 kB on."""
    if count is None:
        return "?"
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in _DECIMAL:
        value /= 1000
        if value < 999.95 or unit == _DECIMAL[-1]:
            return f"{value:.1f} {unit}"
    raise AssertionError("unreachable")  # the last unit always returns


def duration(seconds: float) -> str:
    """Return `seconds` in its two greatest units."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


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
