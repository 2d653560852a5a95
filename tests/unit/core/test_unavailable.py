"""How long a file waits that its provider has not finished."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reelkeep.core.unavailable import (
    END,
    FIRST,
    FIRST_TELLING,
    LAST_TELLING,
    LEAST,
    LONGEST,
    LONGEST_TELLING,
    SAID_AFTER,
    NextWait,
    next_telling,
    one_more,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FAR = timedelta(days=400)


def lived(until: timedelta) -> list[NextWait]:
    """Return every answer in vain until that time, each asked for as soon as it may be."""
    found: list[NextWait] = []
    now, count, since = NOW, 0, None
    while now - NOW <= until and not (found and found[-1].over):
        wait = one_more(count, since, now=now, rng=0.0)
        found.append(wait)
        count, since, now = wait.count, wait.since, now + wait.pause
    return found


def test_the_pauses_double_up_to_the_longest() -> None:
    pauses = [wait.pause for wait in lived(timedelta(hours=12))]
    assert pauses[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert pauses[-1] == LONGEST


def test_it_is_said_once_within_hours() -> None:
    waits = lived(END)
    assert [wait.count for wait in waits if wait.said] == [SAID_AFTER]
    assert sum((wait.pause for wait in waits[: SAID_AFTER - 1]), timedelta()) < timedelta(hours=2)


def test_it_is_over_after_three_days_and_not_before() -> None:
    assert not lived(END - timedelta(hours=2))[-1].over
    assert lived(END + timedelta(hours=2))[-1].over


def test_a_clock_that_jumps_ahead_ends_no_wait() -> None:
    assert not one_more(LEAST - 2, NOW, now=NOW + FAR, rng=0.0).over


def test_a_wait_that_began_in_the_future_begins_now() -> None:
    wait = one_more(LEAST, NOW + FAR, now=NOW, rng=0.0)
    assert (wait.since, wait.over) == (NOW, False)


def test_a_refused_acknowledgement_is_put_off_for_longer_and_longer() -> None:
    def put_off(age: timedelta) -> timedelta:
        at = next_telling(NOW - age, refused_before=True, now=NOW)
        assert at is not None
        return at - NOW

    assert put_off(timedelta()) == FIRST_TELLING
    assert put_off(timedelta(days=4)) == timedelta(days=1)
    assert put_off(timedelta(days=29)) == LONGEST_TELLING


def test_a_refused_acknowledgement_has_an_end() -> None:
    archived = NOW - LAST_TELLING
    assert next_telling(archived, refused_before=True, now=NOW) is None
    assert next_telling(archived, refused_before=False, now=NOW) is not None


def test_a_recording_that_was_archived_in_the_future_is_told_again_soon() -> None:
    assert next_telling(NOW + FAR, refused_before=True, now=NOW) == NOW + FIRST_TELLING
