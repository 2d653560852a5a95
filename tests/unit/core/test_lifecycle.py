"""The states of files and recordings (contract, section 5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.lifecycle import (
    FINAL,
    RETRIABLE,
    TRANSITIONS,
    UNSETTLED,
    FileState,
    RecordingState,
    Standing,
    recording_state,
    sources,
)
from reelkeep.core.model import Readiness

F, R = FileState, RecordingState

STANDINGS = st.builds(
    Standing,
    readiness=st.sampled_from(Readiness),
    files=st.sets(st.sampled_from(FileState)),
    described=st.booleans(),
    unfinished=st.integers(0, 2),
    settled=st.booleans(),
    overdue=st.booleans(),
    published=st.booleans(),
    told=st.booleans(),
)


def standing(*files: FileState, **others: object) -> Standing:
    return Standing(readiness=Readiness.READY, files=files, **others)  # type: ignore[arg-type]


def test_every_state_has_a_line_in_the_table() -> None:
    assert set(TRANSITIONS) == set(FileState)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (F.DUE, F.ACTIVE),
        (F.ACTIVE, F.STORED),
        (F.ACTIVE, F.DUE),
        (F.ACTIVE, F.FAILED),
        (F.ACTIVE, F.GONE),
        (F.FAILED, F.DUE),
        (F.FAILED, F.WAIVED),
        (F.GONE, F.WAIVED),
        (F.GONE, F.DUE),
        (F.DUE, F.SKIPPED),
        (F.SKIPPED, F.DUE),
    ],
)
def test_what_the_contract_says_may_happen_may_happen(before: FileState, after: FileState) -> None:
    assert after in TRANSITIONS[before]


@pytest.mark.parametrize("state", FileState)
def test_no_state_follows_itself(state: FileState) -> None:
    assert state not in TRANSITIONS[state]


def test_a_stored_file_can_only_be_fetched_again() -> None:
    assert TRANSITIONS[F.STORED] == {F.DUE}


def test_only_a_claimed_file_fails() -> None:
    assert sources(F.FAILED) == {F.ACTIVE}


def test_what_is_wanted_may_be_stored_all_the_while() -> None:
    assert sources(F.STORED) == UNSETTLED


def test_what_is_unavailable_may_vanish_without_an_attempt() -> None:
    assert sources(F.GONE) == {F.ACTIVE, F.UNAVAILABLE}


def test_a_file_is_claimed_only_if_it_is_due() -> None:
    assert sources(F.ACTIVE) == {F.DUE}


def test_the_sources_of_a_state_are_those_that_lead_to_it() -> None:
    assert sources(F.WAIVED) == {F.DUE, F.ACTIVE, F.FAILED, F.GONE, F.UNAVAILABLE}


def test_whatever_can_be_retried_may_become_due() -> None:
    assert sources(F.DUE) >= RETRIABLE


def test_a_retry_touches_neither_what_is_at_rest_nor_what_is_under_way() -> None:
    assert sources(F.DUE) - RETRIABLE == {F.ACTIVE, F.SKIPPED, F.STORED, F.UNAVAILABLE}


def test_only_due_and_active_files_move_by_themselves() -> None:
    assert set(FileState) - FINAL == {F.DUE, F.ACTIVE}


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (standing(F.DUE), R.OPEN),
        (standing(F.ACTIVE), R.OPEN),
        (standing(F.STORED, F.DUE), R.OPEN),
        (standing(F.FAILED, F.DUE), R.OPEN),
        (standing(F.STORED), R.ARCHIVED),
        (standing(F.STORED, F.SKIPPED, F.WAIVED), R.ARCHIVED),
        (standing(F.SKIPPED), R.ARCHIVED),
        (standing(F.WAIVED), R.ARCHIVED),
        (standing(), R.ARCHIVED),
        (standing(F.STORED, F.FAILED), R.INCOMPLETE),
        (standing(F.STORED, F.GONE), R.INCOMPLETE),
        (standing(F.STORED, F.FAILED, settled=False), R.INCOMPLETE),
        (standing(F.STORED, F.UNAVAILABLE), R.INCOMPLETE),
        (standing(F.UNAVAILABLE, told=True), R.INCOMPLETE),
        (standing(F.UNAVAILABLE, F.DUE), R.OPEN),
        (standing(F.STORED, told=True), R.ACKNOWLEDGED),
        (standing(F.STORED, F.FAILED, told=True), R.INCOMPLETE),
        (standing(F.STORED, F.DUE, told=True), R.OPEN),
        (standing(F.STORED, published=False), R.OPEN),
        (standing(F.STORED, published=False, told=True), R.OPEN),
        (standing(F.STORED, settled=False), R.OPEN),
        (standing(F.STORED, unfinished=1), R.WAITING),
        (standing(F.STORED, unfinished=1, overdue=True), R.INCOMPLETE),
        (standing(described=False), R.WAITING),
        (standing(described=False, overdue=True), R.INCOMPLETE),
        (standing(F.DUE, described=False), R.WAITING),
        (Standing(readiness=Readiness.TRANSCODABLE, files=()), R.WAITING),
        (Standing(readiness=Readiness.PROCESSING, files=()), R.WAITING),
        (Standing(readiness=Readiness.PROCESSING, files=(), overdue=True), R.INCOMPLETE),
        (Standing(readiness=Readiness.PROCESSING, files=(F.DUE,)), R.OPEN),
    ],
    ids=str,
)
def test_the_state_of_a_recording(told: Standing, state: RecordingState) -> None:
    assert recording_state(told) is state


@given(STANDINGS)
def test_what_is_archived_lacks_nothing(told: Standing) -> None:
    if recording_state(told) in (R.ARCHIVED, R.ACKNOWLEDGED):
        assert set(told.files) <= {F.STORED, F.SKIPPED, F.WAIVED}
        assert told.published
        assert told.settled
        assert told.described
        assert told.readiness is Readiness.READY
        assert not told.unfinished


@given(STANDINGS)
def test_what_is_due_is_open_so_that_it_is_claimed(told: Standing) -> None:
    if {F.DUE, F.ACTIVE} & set(told.files) and told.described:
        assert recording_state(told) is R.OPEN


@given(STANDINGS)
def test_only_what_the_provider_knows_of_is_acknowledged(told: Standing) -> None:
    assert (recording_state(told) is R.ACKNOWLEDGED) <= told.told
