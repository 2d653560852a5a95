"""When to poll next, and which windows to ask for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from reelkeep.core.model import Window

_SECOND = timedelta(seconds=1)
_JITTER = 0.1  # contract, section 3: the interval, ±10 %


def next_poll(began: datetime, now: datetime, interval: timedelta, dice: float) -> datetime:
    """Return when the poll after the one that `began` is due: never before `now`.

    `dice` in [0, 1) spreads the polls of many accounts by ±10 % of `interval`.
    """
    return max(now, began + interval * (1 - _JITTER + 2 * _JITTER * dice))


def halves(window: Window) -> tuple[Window, Window] | None:
    """Cut `window` in two at a whole second; `None` if it is of one second or less.

    The halves meet in that second without a gap. Their outer ends are widened to whole seconds,
    so that an API that knows no finer times loses nothing.
    """
    since = window.since.replace(microsecond=0)
    seconds = -((since - window.until) // _SECOND)
    if seconds <= 1:
        return None
    middle = since + _SECOND * (seconds // 2)
    return Window(since, middle), Window(middle, since + _SECOND * seconds)


def windows(span: Window, step: timedelta, overlap: timedelta) -> Iterator[Window]:
    """Yield windows of at most `step` that cover `span`, the oldest first.

    Each begins `overlap` before the end of the one before it, but never before `span`.

    Raises:
        ValueError: `overlap` is not shorter than `step`, or negative.
    """
    if not timedelta(0) <= overlap < step:
        raise ValueError(f"windows of {step} cannot overlap by {overlap}")
    since = span.since
    while True:
        until = since + step if span.until - since > step else span.until
        yield Window(since, until)
        if until == span.until:
            return
        since = until - overlap
