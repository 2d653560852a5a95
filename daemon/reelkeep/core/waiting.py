"""Decide how long a file waits that its provider has not finished, or answers wrongly about.

Nobody is at fault at first: no attempt is counted. The pauses double, so that such a file takes
little from those that can be had. After `SAID_AFTER` answers in a row it is said once. The wait is
over when it has lasted for `END` and for `LEAST` answers: a clock that jumps ends none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reelkeep.errors import BadAnswer, NotYet, Untimely

FIRST: Final = timedelta(seconds=30)
"""The pause after the first answer in vain."""

LONGEST: Final = timedelta(hours=1)
"""The longest pause."""

SAID_AFTER: Final = 8
"""Answers in vain after which it is said: an hour or two."""

END: Final = timedelta(days=3)
"""How long a file waits at the least before it is given up."""

LEAST: Final = 12
"""Answers in vain before it is given up, at the least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One more answer in vain, and what follows."""

    count: int  #: Answers in vain in a row, this one included.
    since: datetime  #: When the first came.
    pause: timedelta  #: How long to leave the file alone now.
    said: bool  #: It is to be said now; true for one answer of a wait.
    over: bool  #: It is given up.


def waits(error: Exception) -> bool:
    """Return whether `error` says that a file cannot be had yet, and nothing against it."""
    return isinstance(error, NotYet | BadAnswer | Untimely)


def one_more(count: int, since: datetime | None, *, now: datetime, dice: float) -> Wait:
    """Return what follows one more answer in vain after `count`, the first of them at `since`.

    `dice` in [0, 1) makes the pause up to a tenth shorter.
    """
    began = now if since is None or since > now else since
    count += 1
    pause = min(LONGEST, FIRST * 2 ** min(count - 1, 20))
    return Wait(
        count=count,
        since=began,
        pause=pause * (1 - dice / 10),
        said=count == SAID_AFTER,
        over=count >= LEAST and now - began >= END,
    )


FIRST_TELLING: Final = timedelta(hours=1)
"""How long a refused acknowledgement is put off at first."""

LONGEST_TELLING: Final = timedelta(days=7)
"""How long it is put off at most."""

LAST_TELLING: Final = timedelta(days=30)
"""How long after it was archived a recording that is refused again is told no more."""


def next_telling(
    archived_at: datetime | None, *, refused_before: bool, now: datetime
) -> datetime | None:
    """Return when to tell a provider again that refused to be told; None: never.

    It waits for a quarter of the time since the recording was archived, so that one which is gone
    over there is asked about ever more rarely, and at last no more.
    """
    age = max(timedelta(), now - (archived_at or now))
    if refused_before and age >= LAST_TELLING:
        return None
    return now + min(LONGEST_TELLING, max(FIRST_TELLING, age / 4))
