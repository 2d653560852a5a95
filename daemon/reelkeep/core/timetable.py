"""When to poll next, and how to cut a window that is too full."""

from __future__ import annotations

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
