"""When a file is fetched by several requests, and what ends them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reelkeep.core import segments
from reelkeep.core.coverage import Scale
from reelkeep.core.segments import Capacity, Ending, SegmentState
from reelkeep.errors import BadReply, DiskFull, IoFailed, Parked, Throttled, Unreachable, WrongBytes

SCALE = Scale(large=1000, rest=100, piece=200, stolen=64)
FREE = Capacity(most=4, idle=2)


@pytest.mark.parametrize(
    ("capacity", "total", "missing", "has_validator", "worth"),
    [
        (FREE, 1000, 100, True, True),
        (Capacity(most=1, idle=2), 1000, 100, True, False),
        (Capacity(most=4, idle=0), 1000, 100, True, False),
        (FREE, 999, 100, True, False),
        (FREE, None, 100, True, False),
        (FREE, 1000, 99, True, False),
        (FREE, 1000, 100, False, False),
    ],
)
def test_several_requests_are_for_large_files_while_slots_are_idle(
    capacity: Capacity, total: int | None, missing: int, has_validator: bool, worth: bool
) -> None:
    found = segments.is_worth_segments(
        capacity, SCALE, total=total, missing=missing, has_validator=has_validator
    )
    assert found == worth


@pytest.mark.parametrize(
    ("state", "capacity", "missing", "wanted"),
    [
        (SegmentState(workers=1), FREE, 129, True),
        (SegmentState(workers=4), FREE, 129, False),
        (SegmentState(workers=1), Capacity(most=4, idle=0), 129, False),
        (SegmentState(workers=1), FREE, 128, False),
        (SegmentState(workers=1, ranges_ignored=True), FREE, 129, False),
        (SegmentState(workers=1, errors=[Unreachable("x")]), FREE, 129, False),
    ],
)
def test_a_worker_joins_where_there_is_room_and_enough_to_do(
    state: SegmentState, capacity: Capacity, missing: int, wanted: bool
) -> None:
    assert segments.wants_worker(state, capacity, SCALE, missing=missing) == wanted


@pytest.mark.parametrize(
    ("ignored", "borrowed", "idle", "more"),
    [
        (False, True, 0, True),
        (False, True, -1, False),
        (False, False, -1, True),
        (True, False, 2, False),
    ],
)
def test_a_borrowed_slot_is_given_back_when_a_file_waits_for_it(
    ignored: bool, borrowed: bool, idle: int, more: bool
) -> None:
    state, capacity = SegmentState(ranges_ignored=ignored), replace(FREE, idle=idle)
    assert segments.goes_on(state, capacity, borrowed=borrowed) == more


@pytest.mark.parametrize(("drawn", "most"), [(None, 16), (0, 1), (1, 2), (500, 1000)])
def test_as_much_is_drawn_as_came_twice_over(drawn: int | None, most: int) -> None:
    assert segments.next_draw(SCALE, drawn) == most


@pytest.mark.parametrize(
    ("error", "workers", "bearable"),
    [
        (Throttled("x", after=1), 3, 2),
        (Throttled("x", after=1), 1, None),
        (Parked("x", after=1), 3, None),
        (Unreachable("x"), 3, None),
    ],
)
def test_a_host_that_throttles_one_of_several_bears_fewer(
    error: Exception, workers: int, bearable: int | None
) -> None:
    assert segments.bearable_after(error, workers) == bearable


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (WrongBytes("x"), True),
        (BadReply("x"), True),
        (ValueError("a bug"), True),
        (Unreachable("x"), False),
        (IoFailed("x"), True),
        (DiskFull("x"), False),
    ],
)
def test_what_makes_the_bytes_doubtful_ends_all_workers(error: Exception, fatal: bool) -> None:
    assert segments.is_fatal(error) == fatal


def test_short_replies_are_borne_for_a_while_and_empty_ones_never() -> None:
    state = SegmentState()
    found = [segments.short_reply_error(state, brought=1) for _ in range(101)]
    assert found[:100] == [None] * 100
    assert isinstance(found[100], Unreachable)
    assert segments.short_reply_error(SegmentState(), brought=0) is not None


def test_what_failed_is_no_failure_if_others_brought_it() -> None:
    error = Unreachable("x")
    assert segments.ending(SegmentState(errors=[error]), missing=0) is Ending.COMPLETE
    assert segments.ending(SegmentState(errors=[error]), missing=1) is error
    assert segments.ending(SegmentState(), missing=1) is Ending.RANGES_IGNORED
