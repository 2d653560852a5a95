"""Cut a span into the ranges of days that one listing may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from reelkeep.core.model import Window

STEP = timedelta(days=28)
"""Both ends count, so that a range has 29 days: never more than any calendar month, beyond which
the provider moves the beginning without a word (provider notes, fact 3)."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days `first` to `last` in UTC; both are included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    def within(self, span: Window) -> Window:
        """Return the part of `span` that these days are for: the last is the next range's first."""
        since = datetime.combine(self.first, time(), UTC)
        until = datetime.combine(self.last, time(), UTC)
        return Window(max(since, span.since), max(min(until, span.until), since, span.since))


def ranges(span: Window) -> Iterator[Days]:
    """Yield ranges that cover `span`, oldest first, up to the day after its end.

    Neighbours share a day, because whether the ends count is only hearsay.
    """
    first, end = span.since.date(), span.until.date() + timedelta(days=1)
    while first + STEP < end:
        yield Days(first, first + STEP)
        first += STEP
    yield Days(first, end)


def halves(window: Window) -> tuple[Window, ...]:
    """Return a window in two parts that meet at a midnight, unless it is a day or is cut anyway."""
    middle = window.since + (window.until - window.since) / 2
    midnight = datetime.combine(middle.astimezone(UTC), time(), UTC)
    is_cut = not DAY < window.until - window.since <= STEP
    if is_cut or not window.since < midnight < window.until:
        return (window,)
    return Window(window.since, midnight), Window(midnight, window.until)


def covers(asked: Days, echoed: Days, today: date) -> bool:
    """Return whether an answer for `echoed` is one for `asked`; what is yet to come may lack.

    So may `today`: at the provider it may be yesterday still, by a clock some minutes behind ours.
    """
    ended = today - timedelta(days=1)
    return echoed.first <= asked.first and echoed.last >= min(asked.last, ended)
