"""Decide which span a poll reads, so that an outage of any length leaves no hole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from reelkeep.core.model import Window

EPOCH = datetime(2005, 1, 1, tzinfo=UTC)
"""Before this day none of the providers recorded anything."""

AHEAD = timedelta(days=1)
"""How far a span reaches into the future: dates are UTC days, and clocks differ."""

SLICE = timedelta(days=28)
"""How much of a window is read at a time where nothing presses: a listing or two of most APIs."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a poll is to read; `deep`: the whole span."""

    span: Window
    deep: bool


def next_reading(
    *,
    now: datetime,
    epoch: datetime | None,
    lookback: timedelta | None,
    deep_scan: timedelta | None,
    covered_until: datetime | None,
    deep_at: datetime | None,
    scope_changed: bool,
) -> Reading:
    """Return what to read next.

    `covered_until` is where the last complete reading ended: what lies behind it is read again for
    `lookback`, so the reading reaches back as far as the outage was long. Without `lookback` every
    reading is of the whole span. So is the first one after the clock was set back: nothing tells
    what was noted while it was wrong.
    """
    floor = epoch or EPOCH
    until = now + AHEAD
    whole = Window(min(floor, until), until)
    if lookback is None or covered_until is None or deep_at is None or scope_changed:
        return Reading(whole, deep=True)
    set_back = now < max(covered_until, deep_at)
    if set_back or (deep_scan is not None and now - deep_at >= deep_scan):
        return Reading(whole, deep=True)
    covered = max(floor, covered_until)
    since = covered - min(lookback, covered - floor)
    return Reading(Window(min(since, until), until), deep=False)


def slice_of(window: Window) -> Window:
    """Return the first part of `window`: all of it, if it is no longer than a slice."""
    if window.until - window.since <= SLICE:
        return window
    return Window(window.since, window.since + SLICE)


def since_epoch(window: Window, epoch: datetime | None) -> Window:
    """Return what of `window` does not lie before `epoch`: there is nothing of interest there."""
    since = max(window.since, epoch or EPOCH)
    return Window(since, max(since, window.until))


def days(first: date | None, last: date | None, now: datetime) -> Window | None:
    """Return the window from `first` to `last`, both included and in UTC; None if neither is given.

    Raises:
        ValueError: It would end before it begins.
    """
    if first is None and last is None:
        return None
    if first is not None and last is not None and last < first:
        raise ValueError(f"{last} is before {first}")
    since = EPOCH if first is None else datetime.combine(first, time(), UTC)
    until = now + AHEAD
    if last is not None:
        until = datetime.combine(last, time(), UTC) + timedelta(days=1)
    return Window(since, until)
