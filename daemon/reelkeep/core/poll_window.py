"""Decide when to poll, and which span a poll reads, so that no outage leaves a hole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from reelkeep.core.model import Recording, Window
from reelkeep.errors import ProviderError

_SECOND = timedelta(seconds=1)
_JITTER = 0.1  # contract, section 3: the interval, ±10 %


def next_poll(began: datetime, now: datetime, interval: timedelta, rng: float) -> datetime:
    """Return when the poll after the one that `began` is due: never before `now`.

    `rng` in [0, 1) spreads the polls of many accounts by ±10 % of `interval`.
    """
    return max(now, began + interval * (1 - _JITTER + 2 * _JITTER * rng))


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


NAMED = 10
"""How many failures a message names."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A window of one part of an account that is still to be read.

    `part` is what the provider lists by itself, such as a user; '' is the account as a whole.
    """

    part: str
    window: Window


class PartlyRead(ProviderError):
    """Some listings could not be read; everything else was.

    `unread` is all that is still to be read, including what was unread before; None if it is not
    known whose listings are missing, so that the whole span has to be read again.
    """

    code = "partly_read"

    def __init__(self, message: str, *, unread: Sequence[Unread] | None) -> None:
        super().__init__(message)
        self.unread = None if unread is None else tuple(unread)


class PartlyDescribed(ProviderError):
    """Some recordings could not be asked for; `described` are all, these with `undescribed` set.

    `unread` are the windows whose listings show the others again; None if that is not known.
    """

    code = "partly_read"

    def __init__(
        self, message: str, *, described: Sequence[Recording], unread: Sequence[Unread] | None
    ) -> None:
        super().__init__(message)
        self.described = tuple(described)
        self.unread = None if unread is None else tuple(unread)


def together(
    partly: Sequence[PartlyRead | PartlyDescribed], kept: Sequence[Unread] = ()
) -> PartlyRead | None:
    """Return several failures of one reading as one, None if there are none.

    What is `kept` unread of earlier readings is added to what it says is unread.
    """
    if not partly:
        return None
    unread: list[Unread] | None = [*kept]
    for each in partly:
        unread = None if unread is None or each.unread is None else [*unread, *each.unread]
    return PartlyRead(
        "; ".join(dict.fromkeys(str(each) for each in partly)),
        unread=None if unread is None else merged(unread),
    )


def merged(unread: Iterable[Unread], *, meeting: bool = False) -> tuple[Unread, ...]:
    """Return the same windows with those of one part that overlap made one, in order.

    Those that only meet stay apart, as halves do of a window of which one cannot be read, unless
    `meeting`.
    """
    touching = _meet if meeting else _overlap
    done: list[Unread] = []
    for each in sorted(unread, key=lambda one: (one.part, one.window.since, one.window.until)):
        last = done[-1] if done else None
        if last is None or last.part != each.part or not touching(last.window, each.window):
            done.append(each)
            continue
        until = max(last.window.until, each.window.until)
        done[-1] = Unread(last.part, Window(last.window.since, until))
    return tuple(done)


def _overlap(earlier: Window, later: Window) -> bool:
    return later.since < earlier.until or later == earlier


def _meet(earlier: Window, later: Window) -> bool:
    return later.since <= earlier.until


def named(failures: Sequence[str], *, most: int = NAMED, rest: str = "") -> str:
    """Return failures as one text; beyond `most` they are counted, with `rest` behind that."""
    shown = "; ".join(failures[:most])
    left = len(failures) - most
    return f"{shown}; and {left} more{rest}" if left > 0 else shown
