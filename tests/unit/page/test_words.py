from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.page import words


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (5_500_000, "5.5 MB"),
     (10**15, "1.0 PB"), (10**19, "10000.0 PB")],
)  # fmt: skip
def test_sizes(value: int | None, text: str) -> None:
    assert words.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "unknown"), (timedelta(0), "0 s"), (59, "59 s"), (timedelta(minutes=61), "1 h 1 min"),
     (timedelta(days=2), "2 d"), (3600, "1 h")],
)  # fmt: skip
def test_spans(value: timedelta | float | None, text: str) -> None:
    assert words.span(value) == text


def test_times() -> None:
    assert words.when(None) == "never"
    assert words.when(datetime(2026, 1, 5, 12, 30, tzinfo=UTC)) == "2026-01-05 12:30 UTC"
    assert words.when("2026-01-05T12:30:59+00:00") == "2026-01-05 12:30 UTC"


def test_counts() -> None:
    assert words.count(1_234_567) == "1\u202f234\u202f567"
