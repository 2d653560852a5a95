"""Which files an operator asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.filters import Criteria, Filter, fingerprint, wanted

A_FILE: dict[str, Any] = {
    "file_type": "MP4",
    "recording_type": "gallery_view",
    "meeting_id": "81234567890",
    "topic": "Weekly planning",
    "duration": timedelta(minutes=47),
    "started": datetime(2025, 11, 3, 9, tzinfo=UTC),
}
UNKNOWN: dict[str, Any] = dict.fromkeys(A_FILE)

MATCHING = [
    Criteria(file_types=frozenset({"mp4", "CHAT"})),
    Criteria(recording_types=frozenset({"Gallery_View"})),
    Criteria(meeting_ids=frozenset({"81234567890"})),
    Criteria(topic="plan+ing$"),
    Criteria(min_duration=timedelta(minutes=47)),
]
OTHER = [
    Criteria(file_types=frozenset({"M4A"})),
    Criteria(recording_types=frozenset({"audio_only"})),
    Criteria(meeting_ids=frozenset({"8123456789"})),
    Criteria(topic="^planning"),
    Criteria(min_duration=timedelta(minutes=48)),
]


def test_without_a_filter_everything_is_wanted() -> None:
    assert wanted(Filter(), **A_FILE)


@pytest.mark.parametrize("criteria", MATCHING)
def test_what_matches_include_is_wanted(criteria: Criteria) -> None:
    assert wanted(Filter(include=criteria), **A_FILE)


@pytest.mark.parametrize("criteria", OTHER)
def test_what_does_not_match_include_is_not_wanted(criteria: Criteria) -> None:
    assert not wanted(Filter(include=criteria), **A_FILE)


@pytest.mark.parametrize("criteria", MATCHING)
def test_what_matches_exclude_is_not_wanted(criteria: Criteria) -> None:
    assert not wanted(Filter(exclude=criteria), **A_FILE)


@pytest.mark.parametrize("criteria", OTHER)
def test_what_does_not_match_exclude_is_wanted(criteria: Criteria) -> None:
    assert wanted(Filter(exclude=criteria), **A_FILE)


def test_every_key_of_include_must_match() -> None:
    both = Criteria(file_types=frozenset({"MP4"}), topic="no such topic")
    assert not wanted(Filter(include=both), **A_FILE)


def test_one_key_of_exclude_is_enough() -> None:
    either = Criteria(file_types=frozenset({"MP4"}), topic="no such topic")
    assert not wanted(Filter(exclude=either), **A_FILE)


@pytest.mark.parametrize("criteria", [*MATCHING, *OTHER])
def test_what_is_not_known_speaks_against_nothing(criteria: Criteria) -> None:
    assert wanted(Filter(include=criteria, exclude=criteria, since=A_FILE["started"]), **UNKNOWN)


def test_an_empty_type_is_not_known() -> None:
    only_mp4 = Filter(include=Criteria(file_types=frozenset({"MP4"})))
    assert wanted(only_mp4, **A_FILE | {"file_type": ""})


@pytest.mark.parametrize(("later", "expected"), [(0, True), (1, False)])
def test_since_ignores_what_started_before(later: int, expected: bool) -> None:
    since = A_FILE["started"] + timedelta(seconds=later)
    assert wanted(Filter(since=since), **A_FILE) is expected


def test_an_empty_topic_is_known() -> None:
    assert not wanted(Filter(include=Criteria(topic=".")), **A_FILE | {"topic": ""})


def test_a_huge_topic_is_compared_at_its_beginning_only() -> None:
    topic = "x" * 1000 + "needle"
    assert not wanted(Filter(include=Criteria(topic="needle")), **A_FILE | {"topic": topic})


@pytest.mark.parametrize("criteria", [*MATCHING, *OTHER])
def test_a_changed_filter_has_another_fingerprint(criteria: Criteria) -> None:
    prints = {
        fingerprint(filter_)
        for filter_ in (Filter(), Filter(include=criteria), Filter(exclude=criteria))
    }
    assert len(prints) == 3


def test_another_since_has_another_fingerprint() -> None:
    assert fingerprint(Filter(since=A_FILE["started"])) != fingerprint(Filter())


@given(st.sets(st.text()))
def test_the_fingerprint_is_short_and_the_same_in_every_process(kinds: set[str]) -> None:
    one = fingerprint(Filter(include=Criteria(file_types=frozenset(kinds))))
    two = fingerprint(Filter(include=Criteria(file_types=frozenset(sorted(kinds)))))
    assert one == two
    assert len(one) == 16


def test_the_fingerprint_of_no_filter_never_changes_between_releases() -> None:
    assert fingerprint(Filter()) == "c89a99a10a6403b4"


def test_the_case_of_types_does_not_change_the_fingerprint() -> None:
    lower, upper = (Criteria(file_types=frozenset({kind})) for kind in ("mp4", "MP4"))
    assert fingerprint(Filter(include=lower)) == fingerprint(Filter(include=upper))
