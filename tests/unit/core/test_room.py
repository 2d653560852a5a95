"""Which files fit, and for which room is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reelkeep.core.file_system import PLENTY, URGENT, Room, is_urgent, room_left

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
SOON = NOW + timedelta(days=3)
LATER = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("deadline", "urgent"),
    [
        (None, False),
        (NOW + URGENT, True),
        (NOW + URGENT + timedelta(seconds=1), False),
        (NOW + timedelta(seconds=1), True),
        (NOW, False),
        (NOW - timedelta(days=1), False),
    ],
)
def test_room_is_kept_for_what_is_deleted_within_a_week(
    deadline: datetime | None,
    urgent: bool,
) -> None:
    assert is_urgent(deadline, NOW) is urgent


def test_transfers_under_way_have_their_room() -> None:
    assert room_left(100, under_way=[30, 20], kept=0) == Room(urgent=50, other=50)


def test_what_is_in_no_danger_leaves_the_room_that_is_kept() -> None:
    room = room_left(100, under_way=[], kept=80)
    assert (room.fits(90, SOON, NOW), room.fits(20, LATER, NOW), room.fits(21, None, NOW)) == (
        True,
        True,
        False,
    )


def test_an_endangered_file_that_does_not_fit_lets_nothing_by_that_is_safe() -> None:
    room = room_left(100, under_way=[], kept=150)
    assert not room.fits(None, None, NOW)
    assert room.fits(100, SOON, NOW)


@pytest.mark.parametrize(("size", "missing"), [(None, 0), (100, 0), (101, 1), (400, 300)])
def test_it_is_known_how_much_is_missing(size: int | None, missing: int) -> None:
    assert Room(urgent=0, other=100).missing(size, None, NOW) == missing


def test_plenty_is_room_for_whatever_comes() -> None:
    assert PLENTY.fits(1 << 50, None, NOW)
