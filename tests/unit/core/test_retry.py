"""What follows a failed attempt (rules 23, 40, 51 and 53)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.holdings import download
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Failed
from reelkeep.core.retry import (
    LONGEST_RETRY_AFTER,
    NO_ROOM,
    REFUSED_AGAIN,
    TRIES_PER_ATTEMPT,
    Policy,
    Verdict,
    backoff,
    judge,
    reason_code,
)
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    BadReply,
    Busy,
    CannotStore,
    Damaged,
    DigestMismatch,
    DiskFull,
    Encoded,
    Expired,
    Garbled,
    Gone,
    IoFailed,
    Misconfigured,
    NotFound,
    NotMedia,
    NotYet,
    Parked,
    RateLimited,
    Refused,
    RefusedForNow,
    SizeMismatch,
    Stalled,
    StorageUnavailable,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreachable,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
POLICY = Policy()
CODES = {
    "auth", "not_found", "expired", "refused", "size_mismatch", "digest_mismatch", "not_media",
    "encoded", "protocol", "stalled", "unreachable", "throttled", "disk_full", "io_error",
}  # fmt: skip
ERRORS = [
    *(AuthFailed, Misconfigured, RateLimited, Unavailable, BadAnswer, Busy),
    *(BadReply, Damaged, DigestMismatch, DiskFull, Encoded, Expired, Garbled, Gone, IoFailed),
    *(NotFound, NotMedia, NotYet, Parked, Refused, SizeMismatch, Stalled, Throttled, Unauthorized),
    *(Unreachable, ZeroDivisionError, RefusedForNow, TooLarge, StorageUnavailable, CannotStore),
]


def judged(
    error: Exception,
    *,
    attempts: int = 0,
    tries: int = 0,
    progressed: bool = False,
    rng: float = 0.0,
    policy: Policy = POLICY,
) -> Verdict:
    due = replace(download(), attempts=attempts, tries=tries)
    failure = Failed(download=due, error=error, progressed=progressed)
    return judge(failure, now=NOON, policy=policy, rng=rng)


def delay(verdict: Verdict) -> float:
    assert verdict.due_at is not None
    return (verdict.due_at - NOON).total_seconds()


def test_rule_53_bug_24_the_sequence_of_delays_is_golden() -> None:
    sequence = [backoff(attempt, POLICY, 0.999999).total_seconds() for attempt in range(1, 13)]
    expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert sequence == pytest.approx(expected, rel=1e-5)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_rule_51_a_delay_lies_between_half_and_all_of_its_step(attempt: int, rng: float) -> None:
    step = min(timedelta(minutes=5), timedelta(seconds=2 ** min(attempt - 1, 20)))
    assert step / 2 <= backoff(attempt, POLICY, rng) <= step


def test_a_passing_failure_is_retried_until_the_attempts_are_used_up() -> None:
    assert [judged(Unreachable("x"), attempts=n).state for n in range(8)] == [
        *[FileState.DUE] * 7,
        FileState.FAILED,
    ]


def test_rule_51_progress_renews_the_attempts() -> None:
    verdict = judged(Stalled("x"), attempts=7, tries=40, progressed=True)
    assert (verdict.state, verdict.attempts, verdict.tries) == (FileState.DUE, 1, 41)


def test_rule_51_but_not_for_ever() -> None:
    most = POLICY.attempts * TRIES_PER_ATTEMPT
    assert judged(Stalled("x"), tries=most - 2, progressed=True).state is FileState.DUE
    assert judged(Stalled("x"), tries=most - 1, progressed=True).state is FileState.FAILED


@pytest.mark.parametrize(
    ("error", "times"),
    [(DigestMismatch("x"), 2), (SizeMismatch("x"), 5), (Damaged("x"), 5)],
)
def test_rule_40_wrong_bytes_are_fetched_again_a_few_times_only(
    error: Exception, times: int
) -> None:
    attempts = range(times)
    states = [judged(error, attempts=n, progressed=n == 0).state for n in attempts]
    assert states == [*[FileState.DUE] * (times - 1), FileState.FAILED]


def test_rule_40_breaks_on_the_way_do_not_use_up_the_second_chance() -> None:
    assert judged(DigestMismatch("x"), attempts=6, progressed=True).state is FileState.DUE


def test_rule_50_what_is_refused_for_good_fails_at_once() -> None:
    expected = Verdict(
        state=FileState.FAILED, due_at=None, attempts=1, tries=1, code="refused", counted=True
    )
    assert judged(Refused("x")) == expected


def test_what_can_never_be_stored_here_fails_at_once() -> None:
    verdict = judged(CannotStore("File too large"))
    assert (verdict.state, verdict.code) == (FileState.FAILED, "io_error")


def test_a_refusal_that_may_pass_is_asked_again_over_hours_and_then_it_is_final() -> None:
    """Whatever `downloads.retry` says: it is about lines that break, not about locks."""
    policy = Policy(attempts=3)
    verdicts = [
        judged(RefusedForNow("409"), attempts=n, rng=0.999, policy=policy) for n in range(6)
    ]
    waits = [delay(verdict) for verdict in verdicts[:-1]]
    assert waits == pytest.approx([step.total_seconds() for step in REFUSED_AGAIN], rel=1e-2)
    assert verdicts[-1].state is FileState.FAILED


def test_a_host_that_says_when_to_come_back_is_heard() -> None:
    assert delay(judged(RefusedForNow("425", after=100))) == 100


def test_what_does_not_fit_is_tried_again_soon_and_not_counted() -> None:
    verdict = judged(TooLarge("x"), attempts=3)
    assert (verdict.counted, verdict.attempts, delay(verdict)) == (
        False,
        3,
        NO_ROOM.total_seconds(),
    )


def test_what_is_gone_is_gone() -> None:
    expected = Verdict(
        state=FileState.GONE, due_at=None, attempts=2, tries=3, code="not_found", counted=True
    )
    assert judged(Gone("x"), attempts=1, tries=2) == expected


@pytest.mark.parametrize("error", [Unauthorized("x"), NotFound("x"), Expired("x"), NotMedia("x")])
def test_a_refusal_that_may_heal_is_tried_again_and_not_for_ever(error: Exception) -> None:
    """A 401, 403 or 404 shortly after completion heals by itself (providers 2.8)."""
    assert judged(error).state is FileState.DUE
    assert judged(error, attempts=7).state is FileState.FAILED


@pytest.mark.parametrize(
    "error",
    [
        NotYet("x"),
        DiskFull("x"),
        StorageUnavailable("x"),
        Unavailable("x"),
        AuthFailed("x"),
        Misconfigured("x"),
    ],
)
def test_what_is_nobodys_fault_is_not_counted(error: Exception) -> None:
    verdict = judged(error, attempts=7, tries=199)
    assert (verdict.state, verdict.attempts, verdict.tries) == (FileState.DUE, 7, 199)
    assert not verdict.counted
    assert delay(verdict) == 30


# --- Retry-After ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "seconds"),
    [(None, 0.5), (0.1, 0.5), (20, 20), (301, 301), (3600, 3600), (86_400, 3600)],
)
def test_rule_51_a_wish_wins_over_our_longest_delay_up_to_an_hour(
    after: float | None, seconds: float
) -> None:
    verdict = judged(Throttled("x", after=after))
    assert (verdict.counted, delay(verdict)) == (True, seconds)


@pytest.mark.parametrize(("after", "seconds"), [(0.2, 1), (2, 2), (600, 600), (90_000, 3600)])
def test_a_parked_file_waits_as_long_as_its_host_wants_and_hardly_longer(
    after: float, seconds: float
) -> None:
    """Nothing was sent, so nothing is counted; dice spread all that were parked at once."""
    verdict = judged(Parked("x", after=after), attempts=3)
    assert (verdict.counted, verdict.attempts, delay(verdict)) == (False, 3, seconds)
    assert delay(judged(Parked("x", after=after), rng=0.5)) == seconds + 0.5


@pytest.mark.parametrize(
    ("until", "seconds"),
    [(None, 30), (timedelta(minutes=9), 540), (timedelta(days=1), 3600), (-timedelta(days=1), 1)],
)
def test_a_provider_that_wants_peace_gets_it(until: timedelta | None, seconds: float) -> None:
    error = RateLimited("x", until=None if until is None else NOON + until)
    assert delay(judged(error)) == seconds


# --- all errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_a_reason_of_the_closed_list(error: type[Exception]) -> None:
    assert reason_code(error("x")) in CODES


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AuthFailed("x"), "auth"),
        (RateLimited("x"), "throttled"),
        (Misconfigured("x"), "refused"),
        (Unavailable("x"), "unreachable"),
        (BadAnswer("x"), "unreachable"),
        (Busy("x"), "io_error"),
        (ZeroDivisionError("x"), "io_error"),
    ],
)
def test_what_is_no_transfers_error_has_the_nearest_reason(error: Exception, code: str) -> None:
    assert reason_code(error) == code


@given(
    st.sampled_from(ERRORS),
    st.integers(0, 300),
    st.integers(0, 300),
    st.booleans(),
    st.floats(0, 1, exclude_max=True),
)
def test_every_verdict_is_one_that_the_catalog_can_write(
    error: type[Exception], attempts: int, tries: int, progressed: bool, rng: float
) -> None:
    verdict = judged(error("x"), attempts=attempts, tries=tries, progressed=progressed, rng=rng)
    assert (verdict.due_at is not None) == (verdict.state is FileState.DUE)
    if verdict.due_at is not None:
        assert NOON < verdict.due_at <= NOON + LONGEST_RETRY_AFTER + POLICY.base
