"""Windows and poll times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.model import Window
from reelkeep.core.poll_window import halves, next_poll

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

times = st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by timezones=


@st.composite
def spans(draw: st.DrawFn) -> Window:
    first, second = draw(times), draw(times)
    return Window(min(first, second), max(first, second))


@pytest.mark.parametrize(("rng", "minutes"), [(0.0, 9), (0.5, 10), (0.999999, 11)])
def test_polls_are_spread_by_a_tenth_of_their_interval(rng: float, minutes: int) -> None:
    due = next_poll(NOON, NOON + MINUTE, timedelta(minutes=10), rng)
    assert abs(due - NOON - minutes * MINUTE) < timedelta(seconds=1)


def test_a_poll_that_took_longer_than_the_interval_is_followed_at_once() -> None:
    late = NOON + timedelta(hours=1)
    assert next_poll(NOON, late, timedelta(minutes=10), 0.5) == late


@pytest.mark.parametrize("length", [timedelta(0), timedelta(milliseconds=1), timedelta(seconds=1)])
def test_a_second_is_not_cut(length: timedelta) -> None:
    assert halves(Window(NOON, NOON + length)) is None


def test_halves_meet_at_a_whole_second() -> None:
    assert halves(Window(NOON, NOON + timedelta(seconds=3))) == (
        Window(NOON, NOON + timedelta(seconds=1)),
        Window(NOON + timedelta(seconds=1), NOON + timedelta(seconds=3)),
    )


@given(spans())
def test_halves_cover_the_window_and_each_is_shorter(window: Window) -> None:
    parts = halves(window)
    if parts is None:
        assert window.until - window.since <= timedelta(seconds=1)
        return
    left, right = parts
    assert left.since <= window.since
    assert left.until == right.since
    assert right.until >= window.until
    assert left.until.microsecond == 0
    whole = right.until - left.since
    assert max(left.until - left.since, right.until - right.since) < whole
    assert whole < window.until - window.since + timedelta(seconds=2)


@given(spans())
def test_cutting_ends_at_single_seconds(window: Window) -> None:
    for _ in range(40):
        parts = halves(window)
        if parts is None:
            return
        window = parts[1]
    raise AssertionError("still not a second")
