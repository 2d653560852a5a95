"""Which span a poll reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.poll_window import AHEAD, EPOCH, next_reading

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEEK, DAY, HOUR = timedelta(days=7), timedelta(days=1), timedelta(hours=1)
SINCE = datetime(2020, 1, 1, tzinfo=UTC)

KNOWN: dict[str, Any] = {
    "now": NOW,
    "epoch": SINCE,
    "lookback": WEEK,
    "deep_scan": WEEK,
    "covered_until": NOW - HOUR,
    "deep_at": NOW - DAY,
    "scope_changed": False,
}


def test_a_reading_goes_back_by_the_lookback_behind_the_last_one() -> None:
    reading = next_reading(**KNOWN)
    assert (reading.span.since, reading.deep) == (NOW - HOUR - WEEK, False)


def test_a_reading_reaches_into_tomorrow() -> None:
    assert next_reading(**KNOWN).span.until == NOW + AHEAD


@pytest.mark.parametrize(
    "changed",
    [
        {"covered_until": None},
        {"deep_at": None},
        {"lookback": None},
        {"scope_changed": True},
        {"deep_at": NOW - WEEK},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_the_whole_span_is_read(changed: dict[str, Any]) -> None:
    reading = next_reading(**KNOWN | changed)
    assert (reading.span.since, reading.deep) == (SINCE, True)


@pytest.mark.parametrize("name", ["covered_until", "deep_at"])
def test_all_is_read_again_once_the_clock_was_set_back(name: str) -> None:
    assert next_reading(**KNOWN | {name: NOW + DAY}).deep


def test_without_a_deep_scan_a_reading_stays_short_for_ever() -> None:
    assert not next_reading(**KNOWN | {"deep_scan": None, "deep_at": NOW - 999 * DAY}).deep


def test_without_since_all_that_can_exist_is_read() -> None:
    assert next_reading(**KNOWN | {"epoch": None, "deep_at": None}).span.since == EPOCH


def test_nothing_before_since_is_read() -> None:
    assert next_reading(**KNOWN | {"epoch": NOW - 2 * HOUR}).span.since == NOW - 2 * HOUR


@pytest.mark.parametrize("deep_at", [None, NOW - DAY])
def test_a_since_in_the_future_leaves_an_empty_span(deep_at: datetime | None) -> None:
    reading = next_reading(**KNOWN | {"epoch": NOW + WEEK, "deep_at": deep_at})
    assert reading.span.since == reading.span.until


def test_a_lookback_beyond_all_times_reads_all() -> None:
    assert next_reading(**KNOWN | {"lookback": timedelta.max}).span.since == SINCE


spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400))


@given(
    lookback=spans,
    deep_scan=st.none() | spans,
    pauses=st.lists(st.tuples(spans, st.booleans()), min_size=1, max_size=12),
    after=spans,
    delay=st.floats(0, 1),
)
def test_an_outage_of_any_length_leaves_no_hole(
    lookback: timedelta,
    deep_scan: timedelta | None,
    pauses: list[tuple[timedelta, bool]],
    after: timedelta,
    delay: float,
) -> None:
    """Whatever becomes visible within `lookback` of its start is read by the next good poll.

    `pauses` come before each poll, and say whether it came to its end.
    """
    started = NOW + after
    visible = started + delay * lookback
    at, covered_until, deep_at = NOW, None, None
    for pause, succeeded in [*pauses, (visible - NOW, True)]:
        at += pause
        reading = next_reading(
            now=at,
            epoch=SINCE,
            lookback=lookback,
            deep_scan=deep_scan,
            covered_until=covered_until,
            deep_at=deep_at,
            scope_changed=False,
        )
        if succeeded and at >= visible:
            assert reading.span.since <= started < reading.span.until
            return
        if succeeded:
            covered_until = at
            deep_at = at if reading.deep else deep_at
    raise AssertionError("no poll came after it")
