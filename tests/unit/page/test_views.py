"""What the templates are given."""

from __future__ import annotations

from datetime import UTC, datetime

from reelkeep.page.views import when


def test_times_are_in_utc_to_the_minute() -> None:
    assert when(None) == "never"
    assert when(datetime(2026, 1, 5, 12, 30, tzinfo=UTC)) == "2026-01-05 12:30 UTC"
    assert when("2026-01-05T12:30:59+00:00") == "2026-01-05 12:30 UTC"
