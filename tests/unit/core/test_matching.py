"""Files of one recording are told apart, whatever ids their provider gives them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from reelkeep.core.admission import changes
from reelkeep.core.filters import Filter
from reelkeep.core.lifecycle import FileState
from reelkeep.core.matching import id_by_kind, matched, own_id, shared_id
from reelkeep.core.model import File, FileId, HeldFile, Recording, RecordingId

VIDEO = File(id=FileId("x"), stem="video", extension="mp4", file_type="MP4", size=10)
SOUND = File(id=FileId("x"), stem="sound", extension="m4a", file_type="M4A", size=20)


def apart(*files: File) -> list[File]:
    """Return files that share an id, as a provider tells them."""
    return [replace(file, id=id_by_kind(file)) for file in files]


def held(row: int, file: File, **others: Any) -> HeldFile:
    given: dict[str, Any] = {
        "row": row, "id": file.id, "name": f"{file.stem}.{file.extension}",
        "state": FileState.STORED.value, "file_type": file.file_type,
        "recording_type": file.recording_type, "promised": file.size, "size": file.size,
    }  # fmt: skip
    return HeldFile(**(given | others))


def seen(*files: File) -> Recording:
    return Recording(id=RecordingId("a"), files=files)


def test_an_id_that_was_made_tells_the_one_it_was_made_of() -> None:
    assert own_id(shared_id("x#y", "mp4")) == "x#y"
    assert own_id("x#y") == "x#y"


def test_an_id_depends_on_the_file_alone() -> None:
    assert id_by_kind(VIDEO) == id_by_kind(replace(VIDEO, size=99))
    assert id_by_kind(VIDEO) != id_by_kind(SOUND)


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_file_that_gets_company_later_stays_what_it_was(order: tuple[int, ...]) -> None:
    known = [held(1, VIDEO)]
    both = apart(VIDEO, SOUND)
    change = changes(seen(*(both[n] for n in order)), known, Filter())
    assert [arrival.name for arrival in change.arrivals] == ["sound.m4a"]
    (word,) = change.revisions
    assert (word.row, word.asked_as, word.state) == (1, both[0].id, None)


def test_a_file_that_loses_its_company_stays_what_it_was() -> None:
    both = apart(VIDEO, SOUND)
    known = [held(1, both[0]), held(2, both[1])]
    assert changes(seen(VIDEO), known, Filter()).arrivals == ()
    assert {each.row for each in matched([SOUND], known).values()} == {2}


def test_another_kind_under_a_known_id_is_another_file() -> None:
    change = changes(seen(SOUND), [held(1, VIDEO)], Filter())
    (arrival,) = change.arrivals
    assert arrival.file.id != VIDEO.id
    assert arrival.asked_as == VIDEO.id


def test_another_size_of_a_stored_file_is_a_later_version_once() -> None:
    known = [held(1, VIDEO)]
    (arrival,) = changes(seen(replace(VIDEO, size=11)), known, Filter()).arrivals
    assert (arrival.name, arrival.asked_as, arrival.state) == ("video-2.mp4", "x", FileState.DUE)
    assert arrival.supersedes == known[0]
    later = held(2, arrival.file, name=arrival.name, asked_as=arrival.asked_as)
    for size in (10, 11):
        again = changes(seen(replace(VIDEO, size=size)), [*known, later], Filter())
        assert again.arrivals == ()


@pytest.mark.parametrize("size", [None, 10])
def test_what_is_not_said_or_the_same_is_no_later_version(size: int | None) -> None:
    assert changes(seen(replace(VIDEO, size=size)), [held(1, VIDEO)], Filter()).arrivals == ()


def test_bytes_that_an_operator_accepted_are_no_older_version() -> None:
    assert changes(seen(VIDEO), [held(1, VIDEO, size=7)], Filter()).arrivals == ()


def test_two_files_that_nothing_told_apart_but_addresses_do_not_become_more() -> None:
    """Their addresses may change with each answer."""
    one, two = (replace(VIDEO, id=shared_id("x", n)) for n in "ab")
    known = [held(1, one), held(2, two)]
    others = [replace(VIDEO, id=shared_id("x", n)) for n in "cd"]
    assert changes(seen(*others), known, Filter()).arrivals == ()
