from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.model import Window
from reelkeep.providers.zoom.listing import Days, covers, ranges

MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
TODAY = date(2025, 11, 20)
WEEK = Days(date(2025, 11, 13), date(2025, 11, 21))


def test_a_short_span_is_one_range_to_the_day_after_its_end() -> None:
    span = Window(datetime(2025, 11, 13, 12, tzinfo=UTC), datetime(2025, 11, 20, 12, tzinfo=UTC))
    assert list(ranges(span)) == [WEEK]


@given(MOMENTS, MOMENTS)
def test_every_day_of_a_span_is_in_a_range(one: datetime, other: datetime) -> None:
    span = Window(min(one, other), max(one, other))
    cut = list(ranges(span))
    assert cut[0].first == span.since.date()
    assert cut[-1].last == span.until.date() + timedelta(days=1)
    assert all(left.last == right.first for left, right in pairwise(cut))


@given(MOMENTS, MOMENTS)
def test_no_range_is_longer_than_the_shortest_month(one: datetime, other: datetime) -> None:
    span = Window(min(one, other), max(one, other))
    assert all(days.last - days.first <= timedelta(days=28) for days in ranges(span))


@pytest.mark.parametrize(
    ("echoed", "fine"),
    [
        (WEEK, True),
        (Days(date(2025, 11, 1), date(2025, 11, 30)), True),
        (Days(date(2025, 11, 13), TODAY), True),
        (Days(date(2025, 11, 14), date(2025, 11, 21)), False),
        (Days(date(2025, 11, 13), date(2025, 11, 19)), True),  # it is yesterday there, still
        (Days(date(2025, 11, 13), date(2025, 11, 18)), False),
    ],
)
def test_an_answer_must_cover_what_was_asked_and_has_happened(
    echoed: Days,
    fine: bool,
) -> None:
    assert covers(WEEK, echoed, TODAY) is fine
