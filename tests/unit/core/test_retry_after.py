"""The three dialects of `Retry-After`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.replies import LONGEST, asked_until, clock_hint, parse_retry_after

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("1.5", 1.5),
        ("9" * 400, 86_400),
        ("Mon, 05 Jan 2026 12:05:00 GMT", 300),
        ("Mon, 05 Jan 2026 12:05:00 -0000", 300),
        ("Mon, 05 Jan 2026 13:05:00 +0100", 300),
        ("2026-01-05T12:10:00Z", 600),
        ("2026-01-05T12:10:00", 600),
        ("2026-01-05T13:10:00.250+01:00", 600.25),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0),
        ("2025-01-01T00:00:00Z", 0),
        ("2027-01-01T00:00:00Z", 86_400),
    ],
)
def test_is_read_in_every_dialect_and_kept_within_a_day(value: str, seconds: float) -> None:
    assert parse_retry_after(value, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    ["", "soon", "-5", "1e9", "nan", "٣", "2026-13-45T00:00:00Z", "0001-01-01T00:00:00+23:59"],
)
def test_is_none_in_any_other(value: str) -> None:
    assert parse_retry_after(value, NOW) is None


@given(st.text())
def test_never_raises_and_never_leaves_the_day_to_come(value: str) -> None:
    until = parse_retry_after(value, NOW)
    assert until is None or NOW <= until <= NOW + LONGEST


@pytest.mark.parametrize("ahead", [timedelta(days=400), -timedelta(days=400), timedelta()])
def test_a_time_to_come_back_is_understood_by_the_servers_clock(ahead: timedelta) -> None:
    headers = {"date": "Mon, 05 Jan 2026 12:00:00 GMT"}
    assert asked_until("2026-01-05T12:10:00Z", headers, NOW + ahead) == NOW + ahead + timedelta(
        minutes=10
    )


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_a_server_without_a_date_is_understood_by_our_clock(date: str | None) -> None:
    headers = {} if date is None else {"date": date}
    assert asked_until("Mon, 05 Jan 2026 12:05:00 GMT", headers, NOW) == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(days=400), "400 days ahead of the server's"),
        (-timedelta(hours=5), "5 hours behind the server's"),
        (timedelta(minutes=10), "10 minutes ahead of"),
    ],
)
def test_a_refusal_under_a_wrong_clock_says_so(ahead: timedelta, words: str) -> None:
    headers = {"date": "Mon, 05 Jan 2026 12:00:00 GMT"}
    assert words in clock_hint(headers, NOW + ahead)


def test_a_refusal_under_a_right_clock_says_nothing_of_it() -> None:
    assert clock_hint({"date": "Mon, 05 Jan 2026 12:00:00 GMT"}, NOW + timedelta(seconds=20)) == ""
    assert clock_hint({}, NOW) == ""
