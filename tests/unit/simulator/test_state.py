"""Counting requests against limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reelkeep.simulator.state import Bucket, next_day

NOW = datetime(2025, 11, 20, 23, 59, 59, tzinfo=UTC)


def test_so_many_requests_a_second_pass() -> None:
    bucket = Bucket()
    assert [bucket.take(NOW, per_second=2, per_day=0) for _ in range(3)] == [None, None, "QPS"]


def test_a_second_later_there_is_room_again() -> None:
    bucket = Bucket()
    bucket.take(NOW, per_second=1, per_day=0)
    assert bucket.take(NOW + timedelta(seconds=1), per_second=1, per_day=0) is None


def test_the_daily_limit_ends_at_midnight() -> None:
    bucket = Bucket()
    bucket.take(NOW, per_second=0, per_day=1)
    assert bucket.take(NOW, per_second=0, per_day=1) == "Daily-limit"
    assert bucket.take(next_day(NOW), per_second=0, per_day=1) is None


def test_zero_is_no_limit() -> None:
    bucket = Bucket()
    assert {bucket.take(NOW, per_second=0, per_day=0) for _ in range(1000)} == {None}
