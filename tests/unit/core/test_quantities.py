"""Durations and sizes as people write them."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.quantities import (
    LARGEST,
    LONGEST,
    parse_duration,
    parse_size,
    print_duration,
    print_size,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("0s", timedelta(0)),
        ("90m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("1m5ms", timedelta(minutes=1, milliseconds=5)),
    ],
)
def test_a_duration_is_read(text: str, value: timedelta) -> None:
    assert parse_duration(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *["", "5", "5 m", " 5m", "5m ", "5m\n", "5M", "-5m", "1.5h", "30m1h", "5m5m", "m", "5w"],
        *["٣s", 5, 5.0, None, True, ["5m"], timedelta],
    ],
)
def test_what_is_no_duration_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 30s, 5m, 2h, 7d or 250ms"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999d", "999999999d999999999h", "36500d1ms"])
def test_a_duration_beyond_a_century_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 36500d"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_a_printed_duration_is_read_back_to_the_millisecond(value: timedelta) -> None:
    whole = value - value % timedelta(milliseconds=1)
    assert parse_duration(print_duration(value)) == whole


@given(st.text(alphabet="0123456789dhms ."))
def test_text_raises_nothing_but_value_errors(text: str) -> None:
    with suppress(ValueError):
        assert timedelta(0) <= parse_duration(text) <= LONGEST
    with suppress(ValueError):
        assert 0 <= parse_size(text) <= LARGEST


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(minutes=5), "5m"),
        (timedelta(days=7), "7d"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(milliseconds=250), "250ms"),
    ],
)
def test_a_duration_is_printed_in_the_greatest_units(value: timedelta, text: str) -> None:
    assert print_duration(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (0, 0),
        (4096, 4096),
        ("4096", 4096),
        ("512B", 512),
        ("64KiB", 65_536),
        ("10MB", 10_000_000),
        ("10 MB", 10_000_000),
        ("1kB", 1_000),
        ("1KB", 1_000),
        ("50MiB", 52_428_800),
        ("1GB", 10**9),
        ("1GiB", 2**30),
        ("2TB", 2 * 10**12),
        ("2TiB", 2**41),
        (LARGEST, LARGEST),
    ],
)
def test_a_size_is_read(text: object, value: int) -> None:
    assert parse_size(text) == value


@pytest.mark.parametrize(
    "text", ["", "1 gigabyte", "1.5GiB", "-1", "10mb", "1GiB/s", "GiB", " 1", "1\n", -1, 1.0, True]
)
def test_what_is_no_size_is_refused_with_examples(text: object) -> None:
    with pytest.raises(ValueError, match="expected a size such as 64KiB, 10MB, 1GiB or 4096"):
        parse_size(text)


@pytest.mark.parametrize("text", [LARGEST + 1, "9999999999999999999", "9999999TiB"])
def test_a_size_no_disk_has_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="at most 9223372036854775807 bytes"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=LARGEST))
def test_a_printed_size_is_read_back(value: int) -> None:
    assert parse_size(print_size(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0B"), (1, "1B"), (1000, "1kB"), (1024, "1KiB"), (10_000_000, "10MB"), (2**30, "1GiB")],
)
def test_a_size_is_printed_in_its_greatest_exact_unit(value: int, text: str) -> None:
    assert print_size(value) == text


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match="…") as caught:
        parse_size("x" * 1000)
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    "print_it", [lambda: print_duration(timedelta(-1)), lambda: print_size(-1)]
)
def test_nothing_negative_is_printed(print_it: object) -> None:
    assert callable(print_it)
    with pytest.raises(ValueError, match="never negative"):
        print_it()
