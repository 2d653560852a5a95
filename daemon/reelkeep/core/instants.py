"""Decide what instants of the catalog are believed, whatever the clock was when they were noted.

Each was noted with the clock of that moment. A delay is a duration: the longest that this program
ever sets is known for each column. An instant further ahead than that was noted by a clock that was
wrong, or is looked at by one.

column                                     longest ahead       beyond that it is
-----------------------------------------  ------------------  --------------------------------
file.due_at                                the longest delay   due now
file.waits_since, file.checked_at          not at all          now
recording.acknowledge_after                30 days             due now
recording.overdue_at                       the patience        counted from now
recording.transcode_asked, reviewed_at     not at all          forgotten: it is asked for again
provider.polled_at, deep_at, covered_until not at all          forgotten: all is listed again
provider.broken_since                      not at all          now
milestone.at of `scrub`                    the period          due now

Not in the table: what a provider said (`started`, `deadline`, `settles`); what is derived from
other columns (`moves_at`, which is derived anew); and what only people read (`first_seen`,
`archived_at`, `acknowledged_at`, `stored_at`, `attempt.at`, `backfill.asked_at`, other milestones).
Nothing waits for those, an age is never taken to be negative, and a clock that is behind must not
falsify them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final

from reelkeep.core.retry import LONGEST_RETRY_AFTER, REFUSED_AGAIN
from reelkeep.core.unavailable import LONGEST

TOLERANCE: Final = timedelta(minutes=1)
"""Clocks are set by seconds all the time; that is no reason to change anything."""

PLAUSIBLE_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock that says less is certainly wrong: this program did not exist then."""

STEP: Final = timedelta(minutes=1)
"""A clock that moves by more than this beside the time that went by was set."""

_AHEAD: Final = timedelta(days=1)

LONGEST_SPARED: Final = timedelta(days=30)
"""How long a recording is left alone at most before its provider is told or asked again."""


class Treatment(Enum):
    """What becomes of an instant that cannot be right."""

    DUE = "due"  #: Emptied: what waits for it is due now.
    FORGOTTEN = "forgotten"  #: Emptied: what follows from it is found out anew.
    NOW = "now"  #: Set to now, the latest moment at which it can have been.
    FROM_NOW = "from now"  #: Set to now and the longest.


@dataclass(frozen=True, slots=True, kw_only=True)
class Longest:
    """The longest delays that the configuration allows."""

    retry: timedelta = timedelta(minutes=5)
    patience: timedelta = timedelta(hours=24)
    scrub: timedelta = timedelta(days=30)

    @property
    def delay(self) -> timedelta:
        """How far ahead a file is due at most."""
        return max(self.retry, LONGEST_RETRY_AFTER, LONGEST, *REFUSED_AGAIN) + self.retry


@dataclass(frozen=True, slots=True)
class Column:
    """One column of instants."""

    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    """How far ahead an instant of a column may be, and what it is beyond that."""

    longest: timedelta
    treatment: Treatment


_PAST = timedelta()


def rules(longest: Longest) -> Mapping[Column, Rule]:
    """Return the rule of each column that is noted with the clock."""
    return {column: Rule(ahead, treatment) for column, ahead, treatment in _rules(longest)}


def _rules(longest: Longest) -> Iterator[tuple[Column, timedelta, Treatment]]:
    yield Column("file", "due_at"), longest.delay, Treatment.DUE
    yield Column("file", "waits_since"), _PAST, Treatment.NOW
    yield Column("file", "checked_at"), _PAST, Treatment.NOW
    yield Column("recording", "acknowledge_after"), LONGEST_SPARED, Treatment.DUE
    yield Column("recording", "overdue_at"), longest.patience, Treatment.FROM_NOW
    for name in ("transcode_asked", "reviewed_at"):
        yield Column("recording", name), _PAST, Treatment.FORGOTTEN
    for name in ("polled_at", "deep_at", "covered_until"):
        yield Column("provider", name), _PAST, Treatment.FORGOTTEN
    yield Column("provider", "broken_since"), _PAST, Treatment.NOW
    yield Column("milestone", "at"), longest.scrub, Treatment.DUE


def horizon(rule: Rule, now: datetime) -> datetime:
    """Return the latest instant that a column of this rule may hold."""
    return now + rule.longest + TOLERANCE


def believed(instant: datetime, now: datetime, longest: timedelta) -> bool:
    """Return whether `instant` may have been noted by a clock that was right."""
    return instant <= now + longest + TOLERANCE


def age(since: datetime, now: datetime) -> timedelta:
    """Return how long ago `since` was; nothing if it lies ahead."""
    return max(timedelta(), now - since)


def settled_at(
    settles: datetime | None, started: datetime | None, first_seen: datetime | None
) -> datetime | None:
    """Return until when late files are awaited, however far ahead a provider says it began.

    What was seen has begun; a day is left for clocks and time zones.
    """
    if settles is None or started is None or first_seen is None or first_seen < PLAUSIBLE_SINCE:
        return settles
    return min(settles, first_seen + _AHEAD + (settles - started))


def step(*, wall: timedelta, passed: timedelta) -> timedelta | None:
    """Return by how much the clock was set while `passed` went by; None: not to speak of."""
    moved = wall - passed
    return moved if abs(moved) > STEP else None
