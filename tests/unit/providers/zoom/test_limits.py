from __future__ import annotations

from datetime import UTC, datetime

import pytest
from multidict import CIMultiDict

from reelkeep.providers.web import Answer
from reelkeep.providers.zoom.limits import LIMITS, Label, come_back

NOW = datetime(2025, 11, 3, 22, tzinfo=UTC)
MIDNIGHT = datetime(2025, 11, 4, tzinfo=UTC)
DAILY = "You have reached the maximum daily rate limit for this API."


def refused(message: str = "", **headers: str) -> Answer:
    named = CIMultiDict({key.replace("_", "-"): value for key, value in headers.items()})
    return Answer(429, named, {"code": 429, "message": message}, "")


@pytest.mark.parametrize(
    ("given", "until"),
    [
        (refused(), None),
        (refused("You have reached the maximum per-second rate limit"), None),
        (refused(X_RateLimit_Type="QPS"), None),
        (refused(X_RateLimit_Type="Daily-limit", Retry_After="2025-11-04T00:00:00Z"), MIDNIGHT),
        (refused(x_ratelimit_type="daily-limit", retry_after="2025-11-04T00:00:00Z"), MIDNIGHT),
        (refused(Retry_After="Tue, 04 Nov 2025 00:00:00 GMT"), MIDNIGHT),
        (refused(Retry_After="7200"), MIDNIGHT),
        (refused(DAILY), MIDNIGHT),
        (refused(X_RateLimit_Type="Daily-limit"), MIDNIGHT),
        (refused(Retry_After="2025-11-03T21:00:00Z", X_RateLimit_Type="QPS"), None),
    ],
)
def test_a_429_says_when_to_come_back(given: Answer, until: datetime | None) -> None:
    assert come_back(given, NOW) == until


def test_nobody_is_put_off_for_more_than_a_day() -> None:
    until = come_back(refused(Retry_After="2035-01-01T00:00:00Z"), NOW)
    assert until == datetime(2025, 11, 4, 22, tzinfo=UTC)


@pytest.mark.parametrize("plan", ["free", "pro", "business"])
def test_every_plan_has_a_limit_for_every_label(plan: str) -> None:
    assert LIMITS[plan].keys() == set(Label)
