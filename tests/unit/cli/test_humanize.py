from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some

from reelkeep.cli.output import ago, listed, moment, number
from reelkeep.core.quantities import duration, size


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_234_567_890, "1.2 GB"),
        (2**63 - 1, "9.2 EB"),
        (10**22, "10000.0 EB"),
        (None, "?"),
    ],
)
def test_a_size_is_said_in_powers_of_1000(count: int | None, said: str) -> None:
    assert size(count) == said


@given(some.integers(0, 10**18))
def test_a_size_is_short(count: int) -> None:
    assert len(size(count)) <= len("999.9 kB")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_is_said_in_its_two_greatest_units(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "never"),
        (-3, "0 s ago"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 d ago"),
    ],
)
def test_how_long_ago_is_said_in_the_greatest_unit(seconds: float | None, said: str) -> None:
    assert ago(seconds) == said


def test_a_moment_is_said_in_utc() -> None:
    there = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 11, 22, 1, 2, 3, tzinfo=there)) == "2026-11-21 23:02:03"
    assert moment(datetime(2026, 11, 22, tzinfo=UTC)) == "2026-11-22 00:00:00"
    assert moment(None) == "-"


def test_a_noun_agrees_with_its_number() -> None:
    assert number(1, "file") == "1 file"
    assert number(0, "file") == "0 files"
    assert number(12_345, "file") == "12,345 files"


def test_parts_are_listed_as_in_prose() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
