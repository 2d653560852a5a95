"""What a sighting changes in what is known of a recording's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.admission import (
    FILTERED,
    UNLISTED,
    Changes,
    changes,
    fingerprint,
    refiltered,
)
from reelkeep.core.filters import Criteria, Filter
from reelkeep.core.lifecycle import TRANSITIONS, FileState
from reelkeep.core.model import (
    File,
    FileId,
    HeldFile,
    Readiness,
    Recording,
    RecordingId,
    Shortfall,
)
from reelkeep.core.unavailable import EXPLANATIONS, NOT_WANTED, Obstacle

ALL = Filter()
NO_VTT = Filter(exclude=Criteria(file_types=frozenset({"VTT"})))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
F = FileState


def a_file(id_: str, stem: str = "speaker", extension: str = "mp4", **others: Any) -> File:
    return File(id=FileId(id_), stem=stem, extension=extension, **others)


def seen(*files: File, **others: Any) -> Recording:
    return Recording(id=RecordingId("a"), files=files, **others)


def held(
    id_: str, state: FileState = F.STORED, name: str = "speaker.mp4", **others: Any
) -> HeldFile:
    return HeldFile(row=int(id_), id=FileId(id_), name=name, state=state.value, **others)


def names(change: Changes) -> dict[str, str]:
    return {arrival.file.id: arrival.name for arrival in change.arrivals}


def applied(known: Sequence[HeldFile], change: Changes) -> list[HeldFile]:
    """Return what the catalog knows after it wrote `change`."""
    files = {each.row: each for each in known}
    for revision in change.revisions:
        before = files[revision.row]
        state = before.state if revision.state is None else revision.state.value
        files[revision.row] = replace(before, state=state, promised=revision.file.size)
        if revision.state is not None:
            files[revision.row] = replace(
                files[revision.row], reason=revision.reason, detail=revision.detail
            )
    for number, arrival in enumerate(change.arrivals, start=max(files, default=0) + 1):
        files[number] = HeldFile(
            row=number,
            id=arrival.file.id,
            name=arrival.name,
            state=arrival.state.value,
            promised=arrival.file.size,
            reason=arrival.reason,
            detail=arrival.detail,
        )
    return list(files.values())


def test_files_of_one_kind_are_numbered_in_the_order_in_which_they_were_first_seen() -> None:
    change = changes(seen(a_file("x"), a_file("y"), a_file("z", "chat", "txt")), [], ALL)
    assert names(change) == {"x": "speaker.mp4", "y": "speaker-2.mp4", "z": "chat.txt"}


def test_a_late_file_takes_the_next_number_wherever_it_is_listed() -> None:
    known = [held("1"), held("2", name="speaker-2.mp4")]
    change = changes(seen(a_file("9"), a_file("2"), a_file("1")), known, ALL)
    assert names(change) == {"9": "speaker-3.mp4"}


@pytest.mark.parametrize("state", FileState)
def test_a_name_is_never_given_again(state: FileState) -> None:
    change = changes(seen(a_file("9")), [held("1", state)], ALL)
    assert names(change) == {"9": "speaker-2.mp4"}


def test_names_that_differ_in_case_only_are_told_apart_by_a_number() -> None:
    change = changes(seen(a_file("x", "Chat"), a_file("y", "chat")), [], ALL)
    assert names(change) == {"x": "Chat.mp4", "y": "chat-2.mp4"}


def test_a_file_that_is_listed_twice_is_one_file() -> None:
    change = changes(seen(a_file("x"), a_file("x", "other")), [], ALL)
    assert names(change) == {"x": "speaker.mp4"}


def test_a_file_that_is_missing_from_a_sighting_is_left_alone() -> None:
    assert changes(seen(), [held("1", F.DUE)], ALL) == Changes()


def test_a_new_file_is_due() -> None:
    (arrival,) = changes(seen(a_file("x")), [], ALL).arrivals
    assert (arrival.state, arrival.reason) == (F.DUE, None)


def test_an_unwanted_file_is_known_and_skipped() -> None:
    (arrival,) = changes(seen(a_file("x", file_type="VTT")), [], NO_VTT).arrivals
    assert (arrival.state, arrival.reason) == (F.SKIPPED, FILTERED)


def test_a_file_on_the_accounts_own_premises_is_skipped_with_the_reason() -> None:
    (arrival,) = changes(seen(a_file("x", obstacle=Obstacle.ON_PREMISE)), [], ALL).arrivals
    assert (arrival.state, arrival.reason) == (F.SKIPPED, "on-premise: nothing to download")


TO_BE_HAD = sorted(set(Obstacle) - NOT_WANTED)


@pytest.mark.parametrize("obstacle", TO_BE_HAD)
def test_a_wanted_file_without_a_way_to_it_is_unavailable_and_says_what_helps(
    obstacle: Obstacle,
) -> None:
    (arrival,) = changes(seen(a_file("x", obstacle=obstacle)), [], ALL).arrivals
    assert (arrival.state, arrival.reason) == (F.UNAVAILABLE, obstacle.value)
    assert arrival.detail == EXPLANATIONS[obstacle]


@pytest.mark.parametrize("obstacle", TO_BE_HAD)
def test_an_unwanted_file_is_skipped_whether_or_not_it_could_be_had(obstacle: Obstacle) -> None:
    said = a_file("x", file_type="VTT", obstacle=obstacle)
    (arrival,) = changes(seen(said), [], NO_VTT).arrivals
    assert (arrival.state, arrival.reason) == (F.SKIPPED, FILTERED)


def test_an_address_is_tried_whatever_else_is_said_of_the_file() -> None:
    said = a_file("x", obstacle=Obstacle.EXTERNAL_STORAGE, addressed=True)
    (arrival,) = changes(seen(said), [], ALL).arrivals
    assert (arrival.state, arrival.reason) == (F.DUE, None)


@pytest.mark.parametrize(
    "details",
    [
        {"started": NOON - timedelta(days=1)},
        {"title": "Board"},
        {"meeting_id": "811"},
        {"duration": timedelta(minutes=1)},
    ],
    ids=lambda details: next(iter(details)),
)
def test_what_is_known_of_the_recording_decides_too(details: dict[str, Any]) -> None:
    rules = Filter(
        since=NOON,
        include=Criteria(min_duration=timedelta(minutes=2)),
        exclude=Criteria(topic="^Board", meeting_ids=frozenset({"811"})),
    )
    (arrival,) = changes(seen(a_file("x"), **details), [], rules).arrivals
    assert arrival.state is F.SKIPPED


def state_after(state: FileState, rules: Filter = ALL, **now: Any) -> FileState:
    known = held("1", state, promised=10)
    details: dict[str, Any] = {"file_type": "VTT", "size": 10}
    said = a_file("1", **(details | now))
    (after,) = applied([known], changes(seen(said), [known], rules))
    return FileState(after.state)


@pytest.mark.parametrize("state", sorted(set(FileState) - {F.GONE, F.SKIPPED, F.UNAVAILABLE}))
def test_seeing_a_file_again_changes_nothing(state: FileState) -> None:
    assert state_after(state) is state


def test_a_vanished_file_that_is_back_is_due() -> None:
    assert state_after(F.GONE) is F.DUE


def test_an_unavailable_file_that_has_an_address_now_is_due() -> None:
    assert state_after(F.UNAVAILABLE) is F.DUE


def test_a_skipped_file_that_is_wanted_now_is_due() -> None:
    assert state_after(F.SKIPPED) is F.DUE


def test_a_failed_file_that_the_provider_made_anew_is_due() -> None:
    assert state_after(F.FAILED, size=11) is F.DUE


@pytest.mark.parametrize("state", [F.DUE, F.FAILED, F.GONE, F.SKIPPED, F.UNAVAILABLE])
def test_what_is_not_wanted_any_more_is_skipped(state: FileState) -> None:
    assert state_after(state, NO_VTT) is F.SKIPPED


@pytest.mark.parametrize("state", [F.ACTIVE, F.STORED, F.WAIVED])
def test_a_filter_leaves_alone_what_is_under_way_or_settled(state: FileState) -> None:
    assert state_after(state, NO_VTT) is state


def test_a_waived_file_stays_waived_whatever_the_provider_makes_of_it() -> None:
    assert state_after(F.WAIVED, size=11) is F.WAIVED


@pytest.mark.parametrize("state", [F.DUE, F.FAILED, F.GONE, F.SKIPPED])
def test_a_file_that_cannot_be_had_after_all_is_unavailable(state: FileState) -> None:
    assert state_after(state, obstacle=Obstacle.IN_TRASH) is F.UNAVAILABLE


def test_a_changed_filter_makes_what_cannot_be_had_unavailable() -> None:
    state = refiltered(F.SKIPPED, is_wanted=True, obstacle=Obstacle.IN_TRASH)
    assert state is F.UNAVAILABLE
    assert refiltered(F.SKIPPED, is_wanted=True, obstacle=Obstacle.ON_PREMISE) is None


SHORT = Shortfall(missing=1, told="1 of 3 announced files is not listed")


def test_what_is_announced_and_not_listed_is_unavailable_and_says_how_much_it_is() -> None:
    change = changes(seen(a_file("x"), shortfall=SHORT), [], ALL)
    _, arrival = change.arrivals
    assert (arrival.file.id, arrival.state, arrival.reason) == (
        UNLISTED, F.UNAVAILABLE, "not_listed",
    )  # fmt: skip
    assert (arrival.detail or "").startswith("1 of 3 announced files is not listed; look at")


def test_what_is_listed_in_the_end_is_not_missing_any_more() -> None:
    placeholder = held("7", F.UNAVAILABLE, name="not-listed")
    known = [replace(placeholder, id=UNLISTED)]
    assert changes(seen(shortfall=Shortfall()), known, ALL).settled == (7,)
    assert changes(seen(), known, ALL) == Changes()
    assert changes(seen(shortfall=Shortfall()), known, ALL, whole=False) == Changes()


def test_audio_that_is_excluded_is_not_missed() -> None:
    rules = Filter(exclude=Criteria(recording_types=frozenset({"participant_audio"})))
    short = replace(SHORT, obstacle=Obstacle.PARTICIPANT_AUDIO)
    (arrival,) = changes(seen(shortfall=short), [], rules).arrivals
    assert (arrival.state, arrival.reason) == (F.SKIPPED, FILTERED)


@pytest.mark.parametrize("state", FileState)
@pytest.mark.parametrize("is_wanted", [True, False])
def test_a_filter_moves_files_as_the_table_allows(state: FileState, is_wanted: bool) -> None:
    after = refiltered(state, is_wanted=is_wanted, obstacle=None)
    assert after is None or after in TRANSITIONS[state]


def test_what_was_said_of_a_stored_file_stays() -> None:
    change = changes(seen(a_file("1", file_type="MP4")), [held("1", promised=10)], ALL)
    assert change == Changes(listed=frozenset({1}))


def test_the_word_on_a_pending_file_is_renewed() -> None:
    (revision,) = changes(
        seen(a_file("1", size=99)), [held("1", F.DUE, promised=10)], ALL
    ).revisions
    assert (revision.file.size, revision.state) == (99, None)


FILES = st.builds(
    a_file,
    st.text("123456789", min_size=1, max_size=1),
    st.sampled_from(["speaker", "Speaker", "speaker-2", "chat", ""]),
    st.sampled_from(["mp4", "MP4", "vtt", "?"]),
    file_type=st.sampled_from(["", "MP4", "VTT"]),
    size=st.none() | st.integers(1, 3),
    obstacle=st.none() | st.sampled_from(Obstacle),
    addressed=st.booleans(),
)
SIGHTINGS = st.lists(st.lists(FILES, max_size=6), min_size=1, max_size=5)


@given(SIGHTINGS, st.sampled_from([ALL, NO_VTT]))
def test_the_same_sighting_a_second_time_changes_nothing(
    sightings: list[list[File]], rules: Filter
) -> None:
    known: list[HeldFile] = []
    for files in sightings:
        once = applied(known, changes(seen(*files), known, rules))
        twice = applied(once, changes(seen(*files), once, rules))
        assert twice == once
        known = once


@given(SIGHTINGS)
def test_names_are_unique_and_stay_for_ever(sightings: list[list[File]]) -> None:
    known: list[HeldFile] = []
    for files in sightings:
        before = {each.id: each.name for each in known}
        known = applied(known, changes(seen(*files), known, ALL))
        after = {each.id: each.name for each in known}
        assert before.items() <= after.items()
        assert len({name.casefold() for name in after.values()}) == len(after)


SAID = seen(
    a_file("1", size=1),
    a_file("2", file_type="VTT"),
    title="Weekly",
    started=NOON,
    duration=timedelta(minutes=3),
    facts={"b": 1, "a": [1, {"y": None, "x": 1.5}]},
)


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """It is kept in catalogs: were it to change, everything would be admitted again."""
    assert fingerprint(SAID) == "765a789c31de7eb4d8e21ec83a203c0e"


@pytest.mark.parametrize(
    "same",
    [
        {"files": SAID.files[::-1]},
        {"facts": {"a": [1, {"x": 1.5, "y": None}], "b": 1}},
        {"told": True},
    ],
    ids=["order of files", "order of facts", "being told"],
)
def test_what_is_no_change_leaves_the_fingerprint(same: dict[str, Any]) -> None:
    assert fingerprint(replace(SAID, **same)) == fingerprint(SAID)


@pytest.mark.parametrize(
    "other",
    [
        {"readiness": Readiness.PROCESSING},
        {"title": "Weekl"},
        {"user": "u"},
        {"started": NOON + timedelta(seconds=1)},
        {"duration": None},
        {"deadline": NOON},
        {"settles": NOON},
        {"unfinished": 1},
        {"files": SAID.files[:1]},
        {"files": (SAID.files[0], replace(SAID.files[1], size=5))},
        {"facts": {}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_else_is_said_changes_the_fingerprint(other: dict[str, Any]) -> None:
    assert fingerprint(replace(SAID, **other)) != fingerprint(SAID)


def test_text_that_cannot_be_encoded_has_a_fingerprint() -> None:
    assert fingerprint(seen(title="\ud800")) != fingerprint(seen(title="\ud801"))
