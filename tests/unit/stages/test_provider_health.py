from __future__ import annotations

from datetime import timedelta

import pytest

from fakes.catalog import START, Clock
from fakes.log import RecordedLog
from reelkeep.core.model import ProviderName
from reelkeep.core.poll_window import PartlyRead
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Misconfigured,
    ProviderError,
    RateLimited,
    Unavailable,
)
from reelkeep.stages.provider_health import ProviderHealth, pause_after

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (Unavailable("down"), 5 * MINUTE),
        (BadAnswer("nonsense"), 5 * MINUTE),
        (AuthFailed("no"), 15 * MINUTE),
        (Misconfigured("no such path"), 15 * MINUTE),
        (RateLimited("enough"), 5 * MINUTE),
        (RateLimited("enough", until=START + HOUR), HOUR),
        (RateLimited("enough", until=START + MINUTE), MINUTE),
        (RateLimited("enough", until=START - HOUR), timedelta(seconds=1)),
        (RateLimited("enough", until=START + 300 * DAY), DAY),
    ],
)
def test_an_error_tells_how_long_to_wait(error: ProviderError, pause: timedelta) -> None:
    assert pause_after(error, 5 * MINUTE, START) == pause


def test_the_slow_pace_never_shortens_an_interval() -> None:
    assert pause_after(AuthFailed("no"), HOUR, START) == HOUR


def healthy() -> tuple[ProviderHealth, Clock, RecordedLog]:
    clock, events = Clock(), RecordedLog()
    return ProviderHealth(ProviderName("a"), 5 * MINUTE, clock, events), clock, events


def fail(health: ProviderHealth, error: ProviderError) -> None:
    health.failed(error, retry_at=START + HOUR, pauses=False)


def test_only_the_first_failure_is_reported() -> None:
    health, clock, events = healthy()
    for reason in ("one", "two"):
        fail(health, Unavailable(reason))
        clock.later(minutes=5)
    assert events.names == ["poll.failed"]
    assert (health.broken_since, health.reason) == (START, "two")


def test_recovering_without_having_been_broken_is_not_news() -> None:
    health, _, events = healthy()
    health.recovered()
    assert events.names == []


def test_it_breaks_anew_after_a_recovery() -> None:
    health, _clock, events = healthy()
    fail(health, AuthFailed("no"))
    health.recovered()
    fail(health, AuthFailed("no"))
    assert events.names == [
        "poll.failed",
        "provider.auth_failed",
        "poll.recovered",
        "provider.auth_recovered",
        "poll.failed",
        "provider.auth_failed",
    ]


def test_the_first_success_after_a_start_ends_what_an_earlier_process_said() -> None:
    """Whether it was the credentials that were refused then, nobody knows any more."""
    health, _clock, events = healthy()
    health.resume(START - DAY, "no")
    health.recovered()
    health.recovered()
    assert events.names == ["poll.recovered", "provider.auth_recovered"]


def test_a_first_partial_success_after_a_start_ends_that_credentials_are_refused() -> None:
    health, _clock, events = healthy()
    health.resume(START - DAY, "no")
    health.served()
    fail(health, PartlyRead("some", unread=None))
    health.served()
    assert events.names == ["provider.auth_recovered", "poll.failed"]


def test_a_first_success_after_a_start_in_order_is_nothing_to_speak_of() -> None:
    health, _clock, events = healthy()
    health.resume(None, None)
    health.recovered()
    assert events.names == []


def test_what_this_process_knows_counts_more_than_what_an_earlier_one_knew() -> None:
    health, _clock, _events = healthy()
    fail(health, Unavailable("now"))
    health.resume(START - DAY, "long ago")
    assert (health.broken_since, health.reason) == (START, "now")
