"""What exists at the simulated providers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from reelkeep.simulator.fixtures import FIRST_BIG_ID, Extent, make_world
from reelkeep.simulator.world import GOTOASSIST, VIDEOSDK, ZOOM

NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)


def test_the_same_seed_is_the_same_world() -> None:
    assert make_world(3, NOW).expected() == make_world(3, NOW).expected()


def test_another_seed_is_another_world() -> None:
    assert make_world(3, NOW).expected() != make_world(4, NOW).expected()


def test_each_provider_has_as_much_as_was_asked_for() -> None:
    extent = Extent(recordings=5, meetings=4, sessions=3, odd=False)
    expected = make_world(3, NOW, extent).expected()
    found = Counter(provider for provider, _ in {(one.provider, one.recording) for one in expected})
    assert found == {GOTOASSIST: 5, ZOOM: 4, VIDEOSDK: 3}


def test_every_file_has_its_own_bytes() -> None:
    expected = make_world(3, NOW).expected(audio=True)
    filled = [one.sha256 for one in expected if one.size]
    assert len(filled) == len(set(filled))


def test_no_file_is_expected_that_cannot_be_had() -> None:
    world = make_world(3, NOW)
    expected = {one.file for one in world.expected(audio=True, trash=True)}
    never = {file.key for file in world.files() if not file.attainable}
    assert never
    assert not expected & never


def test_odd_recordings_have_ids_that_floats_confuse() -> None:
    ids = [one.id for one in make_world(3, NOW).recordings if one.id >= FIRST_BIG_ID]
    assert len({float(one) for one in ids}) < len(ids)


def test_nothing_starts_outside_the_span_of_the_world() -> None:
    world = make_world(3, NOW)
    starts = [one.started_at for one in world.recordings]
    starts += [one.started_at for one in world.meetings]
    starts += [one.started_at for one in world.sessions]
    assert world.since <= min(starts) <= max(starts) < NOW


def test_session_and_meeting_ids_hold_what_a_path_dislikes() -> None:
    ids = [one.uuid for one in make_world(3, NOW).meetings]
    assert {text for text in ("//", "/", "+", "=") if any(text in one for one in ids)} == {
        "//",
        "/",
        "+",
        "=",
    }
