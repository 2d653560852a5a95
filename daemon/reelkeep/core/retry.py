"""Decide what follows a failed attempt at a file: when it is tried again, or that it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reelkeep.core import unavailable
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Download, Failed
from reelkeep.errors import (
    BadAnswer,
    Damaged,
    DigestMismatch,
    Gone,
    NotYet,
    OutOfReach,
    ProviderError,
    RateLimited,
    RefusedForNow,
    Remedy,
    SizeMismatch,
    Throttled,
    TooLarge,
    TransferError,
    Unavailable,
)

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A server's Retry-After wins over our own longest delay, but only up to here."""

PATIENCE = timedelta(seconds=30)
"""How soon a file is looked at again that only waits: for its provider, for its archive."""

NO_ROOM = timedelta(minutes=10)
"""How soon a file is tried again that turned out to be too large for what is left of the disk."""

SUSPECTS: Mapping[type[Exception], int] = {DigestMismatch: 2, SizeMismatch: 5, Damaged: 5}
"""How often in a row bytes that came whole but wrong are fetched, as they cost a whole transfer
each (rule 40; corrupt MP4s are known to heal at the provider)."""

HEALING = 60
"""Times `base`: how long a provider is given to heal a file before the same bytes are the file."""

REFUSED_AGAIN = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=4),
)
"""When a file is asked for again whose host refused it in a way that may pass: a file that is
still being written answers 409 or 423 for minutes, a moved one for hours. Then it has failed."""

TRIES_PER_ATTEMPT = 25
"""The absolute cap: progress renews the attempts, but not for ever (rule 51)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient we are (`downloads.retry`). Delays double from `base` up to `longest`."""

    attempts: int = 8
    base: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the catalog writes about a failed attempt."""

    state: FileState  #: DUE, FAILED, UNAVAILABLE or GONE.
    due_at: datetime | None  #: When it is due again, if it is.
    attempts: int  #: Failed attempts since the last new byte, this one included.
    tries: int  #: All failed attempts, this one included.
    code: str
    counted: bool  #: False if nobody was at fault: nothing is logged at warning level.
    waits: int = 0  #: How often in a row the provider had not finished it.
    waits_since: datetime | None = None
    overdue: bool = False  #: It has waited for so long that this is to be said.


def judge(failure: Failed, *, now: datetime, policy: Policy, rng: float) -> Verdict:
    """Return what follows `failure`. `rng` in [0, 1) spreads the delay (rule 51).

    An exception that is not ours is a bug; it is retried like a passing failure, so that a bug
    met by one file neither loses that file nor stops the others.
    """
    error, download = failure.error, failure.download
    code = reason_code(error)
    remedy = error.remedy if isinstance(error, TransferError | ProviderError) else Remedy.RETRY
    if isinstance(error, OutOfReach):
        return Verdict(
            state=FileState.UNAVAILABLE, due_at=None, attempts=download.attempts,
            tries=download.tries, code=error.obstacle, counted=True,
        )  # fmt: skip
    if isinstance(error, Gone):
        return Verdict(
            state=FileState.GONE, due_at=None, attempts=download.attempts + 1,
            tries=download.tries + 1, code=code, counted=True,
        )  # fmt: skip
    if unavailable.waits(error):
        return _waits(failure, code, now, rng)
    if remedy in (Remedy.WAIT, Remedy.PAUSE):
        return Verdict(
            state=FileState.DUE, due_at=now + _pause(error, now, policy, rng),
            attempts=download.attempts, tries=download.tries, code=code, counted=False,
            waits=download.waits, waits_since=download.waits_since,
        )  # fmt: skip
    attempts = 1 if failure.progressed else download.attempts + 1
    tries = download.tries + 1
    allowed = _allowed(error, policy)
    over = attempts >= allowed or tries >= policy.attempts * TRIES_PER_ATTEMPT
    if over or remedy is Remedy.GIVE_UP:
        return Verdict(
            state=_given_up(download), due_at=None, attempts=attempts, tries=tries,
            code=download.obstacle or code, counted=True,
        )  # fmt: skip
    delay = _wanted(error, now, _step(error, attempts, policy, rng))
    if isinstance(error, Damaged):
        delay = max(delay, min(policy.longest, HEALING * policy.base))
    return Verdict(
        state=FileState.DUE, due_at=now + delay, attempts=attempts, tries=tries, code=code,
        counted=True,
    )  # fmt: skip


def _given_up(download: Download) -> FileState:
    """Return what becomes of a file whose address came to nothing."""
    return FileState.FAILED if download.obstacle is None else FileState.UNAVAILABLE


def _waits(failure: Failed, code: str, now: datetime, rng: float) -> Verdict:
    """Return what follows an answer that says «not yet», or nothing that can be believed."""
    download = failure.download
    wait = unavailable.one_more(download.waits, download.waits_since, now=now, rng=rng)
    return Verdict(
        state=_given_up(download) if wait.over else FileState.DUE,
        due_at=None if wait.over else now + wait.pause,
        attempts=download.attempts, tries=download.tries + wait.over,
        code=_code_at_last(failure, code) if wait.over else code,
        counted=wait.over, waits=wait.count, waits_since=wait.since, overdue=wait.said,
    )  # fmt: skip


def _allowed(error: Exception, policy: Policy) -> int:
    """Return how many attempts in a row may fail like this before the file has failed."""
    if isinstance(error, RefusedForNow):
        return len(REFUSED_AGAIN) + 1
    return min(policy.attempts, SUSPECTS.get(type(error), policy.attempts))


def _step(error: Exception, attempts: int, policy: Policy, rng: float) -> timedelta:
    """Return the delay after so many failed `attempts`, as far as it is ours to choose."""
    if isinstance(error, RefusedForNow):
        return REFUSED_AGAIN[min(attempts, len(REFUSED_AGAIN)) - 1] * (0.5 + rng / 2)
    return backoff(attempts, policy, rng)


def _code_at_last(failure: Failed, code: str) -> str:
    """Return why a file is given up that was waited for."""
    if isinstance(failure.error, BadAnswer | NotYet):
        return failure.download.obstacle or NotYet.code
    return code


def _pause(error: Exception, now: datetime, policy: Policy, rng: float) -> timedelta:
    """Return how long to wait where nobody is at fault: as long as we were asked to, if we were.

    The dice spread those who were all asked at once.
    """
    asked = _asked(error, now)
    if asked is None:
        return NO_ROOM if isinstance(error, TooLarge) else min(PATIENCE, policy.longest)
    return max(asked, policy.base) + policy.base * rng


def poll_again(
    error: ProviderError, attempt: int, *, now: datetime, policy: Policy, rng: float
) -> timedelta | None:
    """Return when to poll again after the failed `attempt` (1-based) of a pass; None: not at all.

    An outage, or a limit that ends soon, is trouble in passing. Anything else needs an operator,
    or is trouble with single listings, which was waited for already.
    """
    if attempt >= policy.attempts or not isinstance(error, Unavailable | RateLimited):
        return None
    if isinstance(error, RateLimited) and error.until is not None:
        return max(error.until - now, policy.base)
    return backoff(attempt, policy, rng)


def backoff(attempt: int, policy: Policy, rng: float) -> timedelta:
    """Return the delay after the failed `attempt` (1-based), between half and all of its step."""
    doublings: int = 2 ** min(attempt - 1, 30)
    step = min(policy.longest, policy.base * doublings)
    return step * (0.5 + rng / 2)


def reason_code(error: Exception) -> str:
    """Return the manual's reason code for `error`; an unknown exception is `io_error`."""
    if isinstance(error, TransferError):
        return error.code
    if isinstance(error, ProviderError):
        return _PROVIDER_CODES.get(error.code, "unreachable")
    return "io_error"


_PROVIDER_CODES = {"auth": "auth", "throttled": "throttled", "misconfigured": "refused"}


def _wanted(error: Exception, now: datetime, delay: timedelta) -> timedelta:
    """Return `delay`, or what the server asked for if that is longer and reasonable."""
    return max(delay, _asked(error, now) or delay)


def _asked(error: Exception, now: datetime) -> timedelta | None:
    """Return for how long we were asked to stay away, within reason; None if nobody asked."""
    if isinstance(error, Throttled | RefusedForNow) and error.after is not None:
        return min(timedelta(seconds=error.after), LONGEST_RETRY_AFTER)
    if isinstance(error, RateLimited) and error.until is not None:
        return min(max(error.until - now, timedelta(0)), LONGEST_RETRY_AFTER)
    return None
