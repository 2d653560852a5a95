from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from reelkeep.providers.zoom.json_values import (
    day,
    minutes,
    moment,
    objects,
    quoted,
    size,
    text,
    whole,
)

NINE = datetime(2025, 11, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" x ", "x"),
        (2**63, "9223372036854775808"),
        (None, ""),
        (True, ""),
        (["x"], ""),
        ({}, ""),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_text_is_what_is_text_or_a_number(value: object, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("5", 5),
        (" 5 ", 5),
        (Decimal("5.0"), 5),
        (Decimal("5.5"), None),
        (Decimal("1e400"), None),
        (Decimal("NaN"), None),
        ("5.0", None),
        ("-5", None),
        ("\u0665", None),
        (True, None),
        (None, None),
    ],
)
def test_a_whole_number_is_exact_or_nothing(value: object, expected: int | None) -> None:
    assert whole(value) == expected


@pytest.mark.parametrize("value", [0, -1, True, 2**60, "", "many", None, []])
def test_what_cannot_be_a_size_promises_nothing(value: object) -> None:
    assert size(value) is None


@pytest.mark.parametrize("value", [104857600, "104857600", Decimal("104857600.0")])
def test_a_size_may_come_in_digits(value: object) -> None:
    assert size(value) == 104857600


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, timedelta(0)),
        ("47", timedelta(minutes=47)),
        (-1, None),
        (10**12, None),
        (None, None),
    ],
)
def test_a_length_is_in_minutes(value: object, expected: timedelta | None) -> None:
    assert minutes(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2025-11-03T09:00:00Z",
        "2025-11-03T09:00:00",
        "2025-11-03T09:00:00.123456789Z",
        "2025-11-03T10:00:00+01:00",
        "2025-11-03 09:00:00+00:00",
    ],
)
def test_a_time_is_read_however_it_is_written(value: str) -> None:
    assert moment(value) == NINE


@pytest.mark.parametrize(
    "value", ["", "soon", None, 1766361600, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"]
)
def test_what_is_no_plausible_time_is_not_known(value: object) -> None:
    assert moment(value) is None


@pytest.mark.parametrize("value", ["2026-02-01", "2026-02-01T00:00:00Z"])
def test_a_day_may_have_a_time_behind_it(value: str) -> None:
    assert day(value) == date(2026, 2, 1)


@pytest.mark.parametrize("value", [None, "", "2026-02-31", 20260201])
def test_what_is_no_day_is_not_known(value: object) -> None:
    assert day(value) is None


def test_only_objects_of_a_list_are_objects() -> None:
    assert list(objects([{"a": 1}, None, [], "x"])) == [{"a": 1}]
    assert list(objects({"a": 1})) == []


def test_a_quotation_holds_no_address_token_or_control_character() -> None:
    said = "see\x1b[31m https://zoom.us/x?access_token=a and eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ2.s"
    assert quoted(said) == "see [31m (address) and (token)"
