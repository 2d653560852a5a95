from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path

import pytest

from reelkeep.telemetry.redaction import plain


class Colour(Enum):
    RED = "red"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("never")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(
            datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05.000000Z", id="utc"
        ),
        pytest.param(
            datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-02T01:00:00.000000Z",
            id="other-zone",
        ),
        pytest.param(timedelta(minutes=1, milliseconds=500), 60.5, id="duration"),
        pytest.param(Path("/a/b"), "/a/b", id="path"),
        pytest.param(Colour.RED, "red", id="enum"),
        pytest.param(True, True, id="flag"),
        pytest.param(float("nan"), "nan", id="not-a-number"),
        pytest.param({"a": (1, {2})}, {"a": [1, [2]]}, id="nested"),
        pytest.param({Path("x"): None}, {"x": None}, id="odd-key"),
        pytest.param(Unprintable(), "<unprintable Unprintable>", id="unprintable"),
        pytest.param([[[[[1]]]]], [[[["[1]"]]]], id="too-deep"),
    ],
)
def test_becomes_json(value: object, expected: object) -> None:
    assert plain(value) == expected


def test_long_lists_are_cut() -> None:
    assert plain(list(range(1000))) == list(range(100))
