"""Decide how one file is fetched by several requests: when it is worth it, who joins, what ends it.

Each worker claims a piece (`core.coverage`) and asks for just that range. Which piece is next, and
when one is split, `Coverage.claim` decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from reelkeep.core.coverage import Scale
from reelkeep.errors import Parked, Remedy, Throttled, TransferError, Unreachable

SPARED = 3600.0
"""Seconds for which a host gets fewer requests for one file once it found them too many."""

SHORT_REPLIES = 100
"""Replies in one attempt that may bring less than was asked for; then it is left for later."""

_FATAL = (Remedy.RESTART, Remedy.DISCARD, Remedy.QUARANTINE)


class Ending(Enum):
    """How fetching by several requests ends, if not with an error."""

    COMPLETE = auto()  #: Nothing is missing.
    RANGES_IGNORED = auto()  #: The host sends the whole file whatever it is asked for.


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What is free for one file now."""

    most: int  #: Workers that may fetch from its host.
    idle: int  #: Slots that nobody uses; negative while files wait for what was borrowed.


@dataclass(slots=True)
class SegmentState:
    """What the workers of one file have come to."""

    workers: int = 0  #: At work now.
    ranges_ignored: bool = False
    short_replies: int = 0
    errors: list[Exception] = field(default_factory=list)  #: Why workers ended, in order.


def is_worth_segments(
    capacity: Capacity, scale: Scale, *, total: int | None, missing: int, has_validator: bool
) -> bool:
    """Return whether a file of which `missing` bytes are to come gains by several requests now."""
    return (
        capacity.most > 1
        and capacity.idle > 0
        and missing >= scale.rest
        and (total or 0) >= scale.large
        and has_validator
    )


def wants_worker(state: SegmentState, capacity: Capacity, scale: Scale, *, missing: int) -> bool:
    """Return whether one more worker is to join: a slot is idle, and there is enough to do."""
    is_sound = not (state.ranges_ignored or state.errors)
    is_free = state.workers < capacity.most and capacity.idle > 0
    return is_sound and is_free and missing > 2 * scale.stolen


def goes_on(state: SegmentState, capacity: Capacity, *, borrowed: bool) -> bool:
    """Return whether a worker takes another piece; a borrowed slot may be wanted back."""
    return not state.ranges_ignored and not (borrowed and capacity.idle < 0)


def next_draw(scale: Scale, drawn: int | None) -> int:
    """Return how many bytes to draw after `drawn`: what is on its way no other can take over."""
    least = scale.stolen // 64
    return 16 * least if drawn is None else max(least, 2 * drawn)


def bearable_after(error: Exception, workers: int) -> int | None:
    """Return how many workers the host bears, if `error` says that so many were too many."""
    is_about_number = isinstance(error, Throttled) and not isinstance(error, Parked)
    return workers - 1 if is_about_number and workers > 1 else None


def is_fatal(error: Exception) -> bool:
    """Return whether what is here is not to be built on after `error`: all workers end."""
    return getattr(error, "remedy", Remedy.RESTART) in _FATAL


def short_reply_error(state: SegmentState, *, brought: int) -> TransferError | None:
    """Count a reply that `brought` less than was asked for; return why the worker ends, if so."""
    state.short_replies += 1
    if brought == 0:
        return Unreachable("the host sent nothing of what is missing")
    if state.short_replies > SHORT_REPLIES:
        return Unreachable(f"{SHORT_REPLIES} ranges came shorter than they were asked for")
    return None


def ending(state: SegmentState, *, missing: int) -> Ending | Exception:
    """Return how it ended, now that no worker is left: the error to raise, if it failed."""
    if not missing:
        return Ending.COMPLETE
    return state.errors[0] if state.errors else Ending.RANGES_IGNORED
