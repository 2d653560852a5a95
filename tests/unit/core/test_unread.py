"""Windows that could not be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.core.model import Window
from reelkeep.core.poll_window import PartlyDescribed, PartlyRead, Unread, merged, named, together

START = datetime(2026, 1, 1, tzinfo=UTC)


def unread(part: str, first: int, last: int) -> Unread:
    return Unread(part, Window(START + timedelta(days=first), START + timedelta(days=last)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ()),
        ([("a", 0, 5), ("a", 5, 9)], (("a", 0, 5), ("a", 5, 9))),
        ([("a", 0, 5), ("a", 0, 5)], (("a", 0, 5),)),
        ([("a", 3, 9), ("a", 0, 5)], (("a", 0, 9),)),
        ([("a", 0, 9), ("a", 2, 3)], (("a", 0, 9),)),
        ([("a", 0, 2), ("a", 3, 4)], (("a", 0, 2), ("a", 3, 4))),
        ([("b", 0, 5), ("a", 5, 9)], (("a", 5, 9), ("b", 0, 5))),
    ],
)
def test_windows_of_one_part_that_overlap_are_one(
    given: list[tuple[str, int, int]], expected: tuple[tuple[str, int, int], ...]
) -> None:
    found = merged(unread(*each) for each in given)
    assert found == tuple(unread(*each) for each in expected)
    assert merged(found) == found


def test_windows_that_only_meet_are_one_on_request() -> None:
    found = merged([unread("a", 5, 9), unread("a", 0, 5), unread("b", 9, 10)], meeting=True)
    assert found == (unread("a", 0, 9), unread("b", 9, 10))


def test_failures_of_one_reading_are_one_with_what_was_kept() -> None:
    one = PartlyRead("one", unread=[unread("a", 0, 1)])
    other = PartlyDescribed("other", described=(), unread=[unread("b", 2, 3)])
    found = together([one, other, other], [unread("c", 4, 5)])
    assert found is not None
    assert str(found) == "one; other"
    assert found.unread == (unread("a", 0, 1), unread("b", 2, 3), unread("c", 4, 5))
    assert together([]) is None


def test_what_is_not_known_of_one_failure_is_not_known_of_all() -> None:
    one = PartlyRead("one", unread=[unread("a", 0, 1)])
    found = together([one, PartlyRead("other", unread=None)])
    assert found is not None
    assert found.unread is None


def test_many_failures_are_counted() -> None:
    assert named(["a", "b"], most=2) == "a; b"
    assert named(["a", "b", "c"], most=2).startswith("a; b; and 1 more")
