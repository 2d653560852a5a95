"""Which instants of the catalog are believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import DateTime

from reelkeep.catalog.tables import Instant, metadata
from reelkeep.core.instants import (
    STEP,
    TOLERANCE,
    Column,
    Longest,
    Treatment,
    age,
    believed,
    horizon,
    rules,
    settled_at,
    step,
)
from reelkeep.core.model import Download, Failed, FileId, ProviderName, RecordingId
from reelkeep.core.retry import Policy, judge
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Damaged,
    DiskFull,
    NotYet,
    Parked,
    RateLimited,
    RefusedForNow,
    Throttled,
    Unavailable,
    Unreachable,
    Untimely,
)

NOW = datetime(2026, 11, 30, tzinfo=UTC)
DAY = timedelta(days=1)

NOT_OURS = {
    ("recording", "started"), ("recording", "deadline"), ("recording", "settles"),
    ("backfill", "since"), ("backfill", "until"), ("unread", "since"), ("unread", "until"),
}  # fmt: skip
DERIVED = {("recording", "moves_at")}
READ_BY_PEOPLE = {
    ("recording", "first_seen"), ("recording", "archived_at"), ("recording", "acknowledged_at"),
    ("file", "stored_at"), ("attempt", "at"), ("backfill", "asked_at"),
}  # fmt: skip


def test_every_instant_of_the_catalog_has_a_rule_or_a_reason_for_none() -> None:
    instants = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, Instant | DateTime)
    }
    ruled = {(column.table, column.name) for column in rules(Longest())}
    assert instants == ruled | NOT_OURS | DERIVED | READ_BY_PEOPLE


ERRORS: list[Exception] = [
    NotYet("x"), BadAnswer("x"), Unreachable("x"), RefusedForNow("x"), DiskFull("x"), Damaged("x"),
    Untimely("x"), Unavailable("x"), AuthFailed("x"), Throttled("x", after=1e9),
    Parked("x", after=1e9), RateLimited("x", until=NOW + 400 * DAY),
]  # fmt: skip


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("attempts", range(8))
def test_no_delay_that_is_ever_set_is_beyond_the_horizon_of_its_column(
    error: Exception, attempts: int
) -> None:
    due_at = rules(Longest(retry=Policy().longest))[Column("file", "due_at")]
    download = a_download(attempts=attempts, tries=attempts, waits=4 * attempts)
    failure = Failed(download=download, error=error)
    verdict = judge(failure, now=NOW, policy=Policy(attempts=99), rng=0.999)
    assert verdict.due_at is None or verdict.due_at < horizon(due_at, NOW)


def a_download(**more: int) -> Download:
    return Download(
        row=1, provider=ProviderName("a"), recording=RecordingId("r"), file=FileId("f"),
        key="0" * 16, name="f.mp4", **more,  # type: ignore[arg-type]  # only numbers
    )  # fmt: skip


def test_a_longer_configured_delay_moves_the_horizon() -> None:
    due_at = rules(Longest(retry=DAY))[Column("file", "due_at")]
    assert horizon(due_at, NOW) > NOW + DAY


@pytest.mark.parametrize(
    ("table", "name", "treatment"),
    [
        ("file", "due_at", Treatment.DUE),
        ("recording", "acknowledge_after", Treatment.DUE),
        ("recording", "overdue_at", Treatment.FROM_NOW),
        ("recording", "transcode_asked", Treatment.FORGOTTEN),
        ("provider", "covered_until", Treatment.FORGOTTEN),
        ("provider", "broken_since", Treatment.NOW),
        ("milestone", "at", Treatment.DUE),
    ],
)
def test_what_becomes_of_an_instant_that_cannot_be_right(
    table: str, name: str, treatment: Treatment
) -> None:
    assert rules(Longest())[Column(table, name)].treatment is treatment


def test_an_instant_is_believed_up_to_the_longest_and_a_little() -> None:
    assert believed(NOW + DAY + TOLERANCE, NOW, DAY)
    assert not believed(NOW + DAY + 2 * TOLERANCE, NOW, DAY)
    assert believed(NOW - 400 * DAY, NOW, timedelta())


def test_no_age_is_negative() -> None:
    assert age(NOW + DAY, NOW) == timedelta()
    assert age(NOW - DAY, NOW) == DAY


@pytest.mark.parametrize("moved", [400 * DAY, -400 * DAY, 2 * STEP, -2 * STEP])
def test_a_clock_that_is_set_is_noticed(moved: timedelta) -> None:
    passed = timedelta(seconds=5)
    assert step(wall=passed + moved, passed=passed) == moved


@pytest.mark.parametrize("drift", [timedelta(), STEP, -STEP])
def test_a_clock_that_drifts_is_not(drift: timedelta) -> None:
    assert step(wall=timedelta(seconds=5) + drift, passed=timedelta(seconds=5)) is None


def test_what_was_seen_has_begun_whatever_its_provider_says() -> None:
    begun, ahead, patience = NOW - DAY, NOW + 900 * DAY, 3 * DAY
    assert settled_at(begun + patience, begun, NOW) == begun + patience
    assert settled_at(ahead + patience, ahead, NOW) == NOW + DAY + patience
    assert settled_at(None, ahead, NOW) is None
    assert settled_at(NOW, None, NOW) == NOW


def test_a_clock_that_was_behind_settles_nothing_early() -> None:
    assert settled_at(NOW + DAY, NOW, datetime(1970, 1, 1, tzinfo=UTC)) == NOW + DAY
