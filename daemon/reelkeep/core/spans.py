"""Decide which span a poll reads, so that an outage of any length leaves no hole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reelkeep.core.model import Window

EPOCH = datetime(2005, 1, 1, tzinfo=UTC)
"""Before this day none of the providers recorded anything."""

AHEAD = timedelta(days=1)
"""How far a span reaches into the future: dates are UTC days, and clocks differ."""


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
