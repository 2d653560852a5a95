"""Spread the reading of a whole archive evenly over a period."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

PORTION: Final = timedelta(minutes=1)
"""What is due in so long is read in one go."""

GENTLE: Final = 8 << 20
"""Bytes a second that a disk and a core hardly notice."""

_PAPERS: Final = 4096  # what a recording costs beside its files


def portion(total: int, period: timedelta) -> int:
    """Return how many bytes to read in one go, of `total` in each `period`."""
    return max(1, round(total * (PORTION / period)))


def rate(total: int, period: timedelta) -> int:
    """Return how many bytes a second to read at most while a portion is read.

    Twice what the period asks for, so that what was not read in time is made up for.
    """
    return max(GENTLE, round(2 * total / period.total_seconds()))


def weight(size: int, recordings: int = 1) -> int:
    """Return what `recordings` count that hold `size` bytes together."""
    return size + recordings * _PAPERS


def next_portion(
    read: int, total: int, *, period: timedelta, oldest: datetime, now: datetime
) -> datetime:
    """Return when to read on, `read` bytes of `total` having been read just now.

    `oldest` is when the file that waits longest was read; if that is longer ago than the period,
    the pauses are half as long until it is made up for.
    """
    pause = period * min(1.0, read / max(total, read, 1))
    return now + (pause / 2 if now - oldest > period else pause)
