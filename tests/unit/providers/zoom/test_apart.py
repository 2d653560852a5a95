"""Entries of one answer that share an id."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from fakes.zoom import URL, file, meeting
from reelkeep.providers.zoom.recording_parsing import merged, sighting
from unit.providers.zoom.test_recording_parsing import ANGLE

VIDEO = file("x", file_size=10)
SOUND = file("x", file_type="M4A", file_extension="M4A", recording_type="audio_only", file_size=20)


def ids(*files: dict[str, Any], **more: Any) -> dict[str, int | None]:
    found = sighting(meeting("m", *files, **more), ANGLE)
    assert found is not None
    return {each.id: each.size for each in found.recording.files}


def test_a_file_that_has_its_id_to_itself_keeps_it() -> None:
    assert ids(VIDEO) == {"x": 10}


@pytest.mark.parametrize(
    "other",
    [
        {"file_type": "M4A"},
        {"file_extension": "M4A"},
        {"recording_type": "gallery_view"},
        {"download_url": f"{URL}another"},
        {"file_size": 11},
        {"recording_start": "2025-11-18T10:00:00Z"},
        {"file_name": "another"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_differs_makes_two_files_in_any_order(other: dict[str, Any]) -> None:
    pair = [file("x", file_name="one"), file("x", file_name="one") | other]
    first, second = (ids(*order) for order in permutations(pair))
    assert len(first) == 2
    assert first.keys() == second.keys()


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"status": "processing"},
        {"file_size": ...},
        {"download_url": f"{URL}x".replace("us02web", "eu01web") + "?signed=2"},
        {"play_url": "https://zoom.us/rec/play/other"},
    ],
    ids=lambda other: next(iter(other), "nothing"),
)
def test_the_same_file_twice_is_one(other: dict[str, Any]) -> None:
    again = {k: v for k, v in (file("x") | other).items() if v is not ...}
    assert list(ids(file("x"), again)) == ["x"]


def test_the_file_of_a_participant_does_not_change_what_others_are_called() -> None:
    kim = file("x", file_name="Audio only - Kim")
    alone, both = ids(VIDEO), ids(VIDEO, participant_audio_files=[kim])
    assert alone.keys() < both.keys()
    assert len(both) == 2


def test_files_of_two_answers_that_share_an_id_are_told_apart_with_their_addresses() -> None:
    sound = SOUND | {"download_url": f"{URL}s"}
    one, other = (sighting(meeting("m", each), ANGLE) for each in (VIDEO, sound))
    assert one is not None
    assert other is not None
    both = merged(one, other)
    assert sorted(each.size or 0 for each in both.recording.files) == [10, 20]
    assert {url.removeprefix(URL) for url in both.urls.values()} == {"x", "s"}


def test_two_files_under_one_id_can_be_located_whatever_they_were_called_first() -> None:
    alone = sighting(meeting("m", VIDEO), ANGLE)
    both = sighting(meeting("m", VIDEO, SOUND | {"download_url": f"{URL}s"}), ANGLE)
    assert alone is not None
    assert both is not None
    for each in both.recording.files:
        assert both.address(each.id) == both.urls[each.id]
        if each.size == 10:
            assert alone.address(each.id) == alone.urls[VIDEO["id"]]
