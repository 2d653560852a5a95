"""The three dialects of `Retry-After`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.retry_after import LONGEST, parse_retry_after

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
