"""The reading of an archive is spread evenly over its period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.integrity import GENTLE, next_portion, portion, rate, weight

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MONTH = timedelta(days=30)


def test_a_portion_is_what_a_minute_asks_for() -> None:
    assert portion(30 * 24 * 60 * 1000, MONTH) == 1000
    assert portion(0, MONTH) == 1


def test_the_pause_is_the_share_of_the_period_that_was_read() -> None:
    due = next_portion(10, 300, period=MONTH, oldest=NOW - MONTH, now=NOW)
    assert due == NOW + timedelta(days=1)


def test_what_is_late_is_made_up_for() -> None:
    due = next_portion(10, 300, period=MONTH, oldest=NOW - 2 * MONTH, now=NOW)
    assert due == NOW + timedelta(hours=12)


def test_an_empty_archive_is_looked_at_once_in_a_period_at_most() -> None:
    assert next_portion(0, 0, period=MONTH, oldest=NOW, now=NOW) <= NOW + MONTH


def test_a_small_archive_is_read_gently_and_a_large_one_in_time() -> None:
    assert rate(1000, MONTH) == GENTLE
    assert rate(100 * 10**12, MONTH) * MONTH.total_seconds() > 100 * 10**12


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=50),
    st.timedeltas(min_value=timedelta(days=1), max_value=timedelta(days=365)),
)
def test_whatever_the_sizes_one_round_takes_one_period(sizes: list[int], period: timedelta) -> None:
    total = weight(sum(sizes), len(sizes))
    pauses = [
        next_portion(weight(size), total, period=period, oldest=NOW, now=NOW) - NOW
        for size in sizes
    ]
    assert abs(sum(pauses, timedelta()) - period) < timedelta(seconds=1)
