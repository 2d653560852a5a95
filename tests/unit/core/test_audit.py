"""How each thing stands in an audit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.catalog import a_file, a_recording
from fakes.holdings import holding
from reelkeep.core.audit import (
    AT_RISK,
    UNFINISHED,
    AuditMark,
    Item,
    Tally,
    is_at_risk,
    known,
    total,
    unknown,
)
from reelkeep.core.filters import Criteria, Filter
from reelkeep.core.integrity import Mark as Condition
from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import FileId, HeldFile, Holding, Readiness

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROW = 7


def held(state: FileState, id_: str = "1") -> HeldFile:
    return HeldFile(row=ROW, id=FileId(id_), name=f"{id_}.mp4", state=state.value)


def marks(
    kept: Holding, *, is_listed: bool = True, complete: bool = True,
    lost: Condition | None = None,
) -> list[AuditMark]:  # fmt: skip
    listed = frozenset({ROW} if is_listed else ())
    gone = {} if lost is None else {ROW: lost}
    return [item.mark for item, _ in known(kept, listed=listed, complete=complete, lost=gone)]


def state_of(kept: Holding, state: RecordingState, unfinished: int = 0) -> Holding:
    return replace(kept, state=state.value, unfinished=unfinished)


@pytest.mark.parametrize(
    ("state", "listed", "partly", "gone"),
    [
        (FileState.STORED, AuditMark.STORED, AuditMark.STORED, AuditMark.STORED),
        (FileState.DUE, AuditMark.PENDING, AuditMark.PENDING, AuditMark.VANISHED),
        (FileState.ACTIVE, AuditMark.PENDING, AuditMark.PENDING, AuditMark.VANISHED),
        (FileState.FAILED, AuditMark.FAILED, AuditMark.FAILED, AuditMark.VANISHED),
        (FileState.GONE, AuditMark.FAILED, AuditMark.FAILED, AuditMark.VANISHED),
        (FileState.SKIPPED, AuditMark.SKIPPED, AuditMark.SKIPPED, AuditMark.SKIPPED),
        (FileState.WAIVED, AuditMark.SKIPPED, AuditMark.SKIPPED, AuditMark.SKIPPED),
    ],
)
def test_a_known_file_stands_as_its_state_and_the_listing_say(
    state: FileState, listed: AuditMark, partly: AuditMark, gone: AuditMark
) -> None:
    kept = holding(held(state))
    assert marks(kept) == [listed]
    assert marks(kept, is_listed=False, complete=False) == [partly]
    assert marks(kept, is_listed=False) == [gone]


def test_a_stored_file_that_the_archive_has_lost_is_missing() -> None:
    stored = holding(held(FileState.STORED))
    assert marks(stored, is_listed=False, lost=Condition.MISSING) == [AuditMark.MISSING]


def test_what_nobody_can_look_at_is_not_missing() -> None:
    assert marks(holding(held(FileState.STORED)), lost=Condition.UNREADABLE) == [
        AuditMark.UNREADABLE
    ]
    unreadable = replace(held(FileState.STORED), fault="unreadable")
    assert marks(holding(unreadable)) == [AuditMark.UNREADABLE]
    assert marks(holding(unreadable), lost=Condition.MISSING) == [AuditMark.MISSING]


@pytest.mark.parametrize(
    ("state", "unfinished", "expected"),
    [
        (RecordingState.WAITING, 0, [(AuditMark.PENDING, 1)]),
        (RecordingState.WAITING, 3, [(AuditMark.PENDING, 3)]),
        (RecordingState.OPEN, 2, [(AuditMark.PENDING, 2)]),
        (RecordingState.INCOMPLETE, 2, [(AuditMark.FAILED, 2)]),
        (RecordingState.INCOMPLETE, 0, [(AuditMark.FAILED, 1)]),
        (RecordingState.ARCHIVED, 0, []),
        (RecordingState.ACKNOWLEDGED, 0, []),
    ],
)
def test_what_the_provider_has_not_finished_counts(
    state: RecordingState, unfinished: int, expected: list[tuple[AuditMark, int]]
) -> None:
    kept = state_of(holding(), state, unfinished)
    found = known(kept, listed=frozenset(), complete=True, lost={})
    assert [(item.mark, item.count) for item, _ in found] == expected


def test_files_that_are_known_do_not_count_twice() -> None:
    kept = state_of(holding(held(FileState.FAILED)), RecordingState.INCOMPLETE)
    assert marks(kept) == [AuditMark.FAILED]


def test_what_is_listed_and_not_known_is_missing() -> None:
    found = list(unknown(a_recording("a", a_file("1"), a_file("2")), None, Filter()))
    assert found == [Item(file=FileId(each), mark=AuditMark.MISSING) for each in "12"]


def test_what_the_filter_does_not_want_is_not_missed() -> None:
    rules = Filter(exclude=Criteria(topic="Title"))
    (found,) = unknown(a_recording(), None, rules)
    assert found.mark is AuditMark.SKIPPED


def test_of_a_known_recording_only_new_files_are_strangers() -> None:
    kept = holding(held(FileState.STORED, "1"))
    found = unknown(a_recording("4711", a_file("1"), a_file("2")), kept, Filter())
    assert [item.file for item in found] == ["2"]


@pytest.mark.parametrize(
    ("details", "count"),
    [({"unfinished": 2}, 2), ({"readiness": Readiness.TRANSCODABLE}, 1), ({}, 0)],
    ids=["unfinished", "to transcode", "empty"],
)
def test_an_unknown_recording_without_files_is_missing_if_there_will_be_some(
    details: dict[str, Any], count: int
) -> None:
    found = list(unknown(replace(a_recording(), files=(), **details), None, Filter()))
    assert [(item.file, item.count) for item in found] == [(UNFINISHED, count)] * (count > 0)


@pytest.mark.parametrize(
    ("known_of", "listed", "changed", "count"),
    [(0, 2, True, 2), (1, 3, True, 2), (2, 2, True, 0), (0, 2, False, 0), (2, 0, True, 0)],
    ids=["new", "more", "known", "waived", "finished"],
)
def test_what_a_known_recording_is_still_to_have_is_missing(
    known_of: int, listed: int, count: int, *, changed: bool
) -> None:
    kept = replace(holding(held(FileState.STORED)), unfinished=known_of)
    recording = replace(a_recording("4711", a_file("1")), unfinished=listed)
    found = list(unknown(recording, kept, Filter(), changed=changed))
    expected = Item(file=UNFINISHED, mark=AuditMark.MISSING, count=count)
    assert found == [expected] * (count > 0)


def test_a_stored_file_that_was_found_altered_is_not_called_stored() -> None:
    altered = replace(held(FileState.STORED), fault="altered")
    assert marks(holding(altered)) == [AuditMark.MISSING]


@pytest.mark.parametrize(
    ("mark", "left", "risky"),
    [
        (AuditMark.PENDING, AT_RISK - timedelta(seconds=1), True),
        (AuditMark.FAILED, timedelta(0), True),
        (AuditMark.MISSING, -timedelta(days=1), True),
        (AuditMark.PENDING, AT_RISK, False),
        (AuditMark.PENDING, None, False),
        (AuditMark.STORED, timedelta(0), False),
        (AuditMark.SKIPPED, timedelta(0), False),
        (AuditMark.VANISHED, timedelta(0), False),
    ],
)
def test_at_risk_is_what_is_not_here_and_soon_deleted(
    mark: AuditMark, left: timedelta | None, *, risky: bool
) -> None:
    deadline = None if left is None else NOW + left
    assert is_at_risk(Item(file=FileId("1"), mark=mark), deadline, NOW) is risky


def test_what_is_not_stored_or_skipped_is_left() -> None:
    tally = Tally()
    for mark in AuditMark:
        tally.count(Item(file=FileId("1"), mark=mark, count=2), listed=True, at_risk=False)
    assert (tally.left, tally.listed) == (12, 16)


def test_days_are_summed() -> None:
    assert total({NOW.date(): Tally(listed=1, stored=2), None: Tally(stored=3)}) == Tally(
        listed=1, stored=5
    )
