from __future__ import annotations

from datetime import timedelta

import pytest

from reelkeep.core.diagnosis import Grade, judge_clock, judge_mode, judge_room, judge_version

GIB = 1 << 30


@pytest.mark.parametrize(
    ("seconds", "grade", "told"),
    [
        (0, Grade.OK, "agrees"),
        (29, Grade.OK, "agrees"),
        (-29, Grade.OK, "agrees"),
        (31, Grade.WARN, "31 s ahead of"),
        (-31, Grade.WARN, "31 s behind"),
        (240, Grade.FAIL, "240 s ahead of"),
        (-86_400, Grade.FAIL, "86400 s behind"),
    ],
)
def test_a_clock_may_be_a_little_off(seconds: int, grade: Grade, told: str) -> None:
    check = judge_clock("time", timedelta(seconds=seconds))
    assert (check.grade, told in check.message) == (grade, True)


@pytest.mark.parametrize(
    ("free", "wanted", "grade"),
    [
        (100 * GIB, GIB, Grade.OK),
        (4 * GIB, GIB, Grade.WARN),
        (GIB, GIB, Grade.FAIL),
        (0, GIB, Grade.FAIL),
        (1, 0, Grade.OK),
        (0, 0, Grade.FAIL),
    ],
)
def test_room_is_held_against_what_shall_stay_free(free: int, wanted: int, grade: Grade) -> None:
    assert judge_room("room", free, wanted).grade is grade


@pytest.mark.parametrize(
    ("found", "grade"), [("0002", Grade.OK), ("0001", Grade.WARN), ("0003", Grade.FAIL)]
)
def test_an_older_catalog_is_odd_and_a_newer_one_bad(found: str, grade: Grade) -> None:
    assert judge_version(found, "0002").grade is grade


@pytest.mark.parametrize(
    ("mode", "grade"),
    [(0o600, Grade.OK), (0o400, Grade.OK), (0o640, Grade.FAIL), (0o604, Grade.FAIL)],
)
def test_what_is_private_is_its_owners_only(mode: int, grade: Grade) -> None:
    assert judge_mode("catalog.db", mode).grade is grade
