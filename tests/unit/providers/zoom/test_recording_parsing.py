from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.zoom import URL, file, meeting, session
from reelkeep.core.model import FileId, Readiness, Recording
from reelkeep.core.unavailable import Obstacle
from reelkeep.providers.zoom.endpoints import MEETINGS, SESSIONS
from reelkeep.providers.zoom.recording_parsing import ParseOptions, Sighting, merged, sighting

ANGLE = ParseOptions(dialect=MEETINGS, settle=timedelta(hours=72))
SDK = ParseOptions(dialect=SESSIONS, settle=timedelta(hours=72))
BARE: dict[str, Any] = {"id": ..., "status": ..., "file_size": ..., "recording_type": ...}


def see(said: dict[str, Any], parse_options: ParseOptions = ANGLE) -> Sighting:
    seen = sighting(said, parse_options)
    assert seen is not None
    return seen


def recording(said: dict[str, Any], parse_options: ParseOptions = ANGLE) -> Recording:
    return see(said, parse_options).recording


def test_a_meeting_becomes_a_recording() -> None:
    seen = recording(meeting())
    assert (seen.id, seen.title, seen.user) == ("uuid-1==", "Planning", "host@example.test")
    assert seen.meeting_id == "81234567890"
    assert seen.started == datetime(2025, 11, 18, 9, 0, 12, tzinfo=UTC)
    assert seen.duration == timedelta(minutes=47)
    assert seen.readiness is Readiness.READY


def test_a_recording_settles_some_time_after_its_start() -> None:
    assert recording(meeting()).settles == datetime(2025, 11, 21, 9, 0, 12, tzinfo=UTC)


def test_a_file_keeps_the_providers_words() -> None:
    (seen,) = recording(meeting("m", file(recording_type="shared_screen(CC)"))).files
    assert (seen.id, seen.stem, seen.extension, seen.size) == (
        "f-1",
        "shared_screen(CC)",
        "mp4",
        1000,
    )
    assert (seen.file_type, seen.recording_type) == ("MP4", "shared_screen(CC)")


def test_a_session_becomes_a_recording() -> None:
    seen = recording(session(), SDK)
    assert (seen.id, seen.title, seen.meeting_id) == ("session-1==", "triage", "session-1==")
    assert seen.session_key == "case-77"
    assert seen.files[0].extension == "mp4"


def test_a_numeric_id_becomes_text() -> None:
    assert recording(session(session_id=12345), SDK).id == "12345"


def test_the_id_of_a_meeting_may_be_in_its_files_only() -> None:
    said = meeting("m", file(meeting_id="other=="))
    del said["uuid"]
    assert recording(said).id == "other=="


def test_without_any_id_there_is_no_recording() -> None:
    assert sighting(meeting(""), ANGLE) is None


def test_nothing_but_an_id_is_enough() -> None:
    seen = recording({"uuid": "m"})
    assert (seen.files, seen.started, seen.settles, seen.unfinished) == ((), None, None, 0)
    assert seen.readiness is Readiness.READY


def test_announced_files_that_are_not_listed_are_being_made() -> None:
    assert recording({"uuid": "m", "recording_count": 2}).readiness is Readiness.PROCESSING


@pytest.mark.parametrize("status", ["", "failed", "available", ..., None, 7])
def test_what_has_address_and_size_and_is_not_being_made_is_a_file(status: object) -> None:
    seen = recording(meeting("m", file("a"), file("b", status=status)))
    assert [each.id for each in seen.files] == ["a", "b"]
    assert seen.unfinished == 0


@pytest.mark.parametrize("status", ["processing", "Processing", "", "failed", ..., None, 7])
@pytest.mark.parametrize("without", [{"file_size": 0}, {"download_url": ""}])
def test_what_is_not_completed_and_lacks_size_or_address_is_being_made(
    status: object, without: dict[str, Any]
) -> None:
    seen = recording(meeting("m", file("a"), file("b", status=status, **without)))
    assert [each.id for each in seen.files] == ["a"]
    assert seen.unfinished == 1
    assert seen.readiness is Readiness.READY


def test_what_is_being_made_is_no_file_whatever_it_has() -> None:
    seen = recording(meeting("m", file("a"), file("b", status="processing")))
    assert ([each.id for each in seen.files], seen.unfinished) == (["a"], 1)


@pytest.mark.parametrize("url", ["ftp://host/x", "file:///etc/passwd", "host.test/x", 17, ["x"]])
def test_an_address_that_can_never_be_used_is_a_file_with_a_reason(url: object) -> None:
    seen = see(meeting("m", file("a"), file("b", download_url=url)))
    assert [each.id for each in seen.recording.files] == ["a", "b"]
    assert (seen.recording.unfinished, seen.address(FileId("b"))) == (0, None)
    assert "download_url" in (seen.fault(FileId("b")) or "")
    assert seen.fault(FileId("a")) is None


@pytest.mark.parametrize("announced", [0, 1, ...])
def test_entries_that_are_no_files_are_missing(announced: object) -> None:
    said = meeting("m", recording_count=announced) | {"recording_files": [None, "x", 7, file("a")]}
    seen = recording(said)
    assert [each.id for each in seen.files] == ["a"]
    assert seen.shortfall is not None
    assert seen.shortfall.missing == 3
    assert seen.shortfall.told == "3 entries of its lists of files cannot be read"


@pytest.mark.parametrize("instead", [{"0": file("a")}, "files", 7])
def test_what_stands_in_place_of_a_list_of_files_is_missing(instead: object) -> None:
    seen = recording(meeting("m", recording_count=0) | {"recording_files": instead})
    assert seen.readiness is Readiness.READY
    assert seen.shortfall is not None
    assert seen.shortfall.missing == 1


def test_entries_that_cannot_be_read_stay_missing_beside_another_sighting() -> None:
    both = merged(see(meeting() | {"recording_files": [None]}), see(meeting()))
    assert both.recording.shortfall is not None
    assert both.recording.shortfall.missing == 1


def test_while_no_file_is_completed_the_recording_is_processing() -> None:
    seen = recording(meeting("m", file(status="processing", file_type="")))
    assert seen.readiness is Readiness.PROCESSING


@pytest.mark.parametrize(
    ("file_type", "extension", "stem"),
    [("CC", "VTT", "closed_caption"), ("TIMELINE", "JSON", "timeline")],
)
def test_two_types_are_ready_without_saying_so(file_type: str, extension: str, stem: str) -> None:
    said = file(**BARE, file_type=file_type, file_extension=extension)
    (seen,) = recording(meeting("m", said)).files
    assert seen.id == f"{file_type}@2025-11-18T09:00:20Z"
    assert (seen.stem, seen.extension, seen.size) == (stem, extension.lower(), None)


@pytest.mark.parametrize(
    ("file_type", "given", "extension"),
    [
        ("CC", "SRT", "srt"),
        ("CC", "", "vtt"),
        ("CC", ".VTT", "vtt"),
        ("CC", "tar.gz", "bin"),
        ("TB", "picture/png-of-late", "bin"),
        ("NEW_TYPE", "", "bin"),
        ("NEW", "", "new"),
    ],
)
def test_an_extension_that_is_given_is_never_replaced(
    file_type: str, given: str, extension: str
) -> None:
    (seen,) = recording(meeting("m", file(file_type=file_type, file_extension=given))).files
    assert seen.extension == extension


def test_a_file_without_an_address_is_not_finished() -> None:
    seen = recording(meeting("m", file(download_url=...)))
    assert (seen.files, seen.unfinished) == ((), 1)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "", 5, "http://a b"])
def test_an_address_is_one_of_the_web(url: object) -> None:
    assert see(meeting("m", file(download_url=url))).urls == {}


@pytest.mark.parametrize(
    ("said", "parse_options", "obstacle"),
    [
        (file(download_url=..., file_path="/mnt/a.mp4"), ANGLE, Obstacle.ON_PREMISE),
        (file(download_url=..., file_path="/mnt/a.mp4", status=...), ANGLE, Obstacle.ON_PREMISE),
        (
            file(download_url=...),
            ParseOptions(dialect=MEETINGS, settle=timedelta(0), on_premise=True),
            Obstacle.ON_PREMISE,
        ),
        (
            file(download_url=...),
            ParseOptions(dialect=MEETINGS, settle=timedelta(0), trashed=True),
            Obstacle.IN_TRASH,
        ),
        (file(external_storage_url="s3://b/a.mp4"), ANGLE, Obstacle.EXTERNAL_STORAGE),
        (
            file(external_storage_url="s3://b/a.mp4", download_url=...),
            ANGLE,
            Obstacle.EXTERNAL_STORAGE,
        ),
    ],
)
def test_what_cannot_be_had_is_recorded(
    said: dict[str, Any], parse_options: ParseOptions, obstacle: Obstacle
) -> None:
    (seen,) = recording(meeting("m", said), parse_options).files
    assert seen.obstacle == obstacle


@pytest.mark.parametrize(
    ("file_type", "extension"),
    [
        ("MP4", "mp4"),
        ("M4A", "m4a"),
        ("CHAT", "txt"),
        ("TRANSCRIPT", "vtt"),
        ("CSV", "csv"),
        ("TB", "jpg"),
        ("SUMMARY", "json"),
        ("CHAT_MESSAGE", "json"),
        ("HOLO", "holo"),
        ("AIC_CONVERSATION", "bin"),
        ("../x", "bin"),
    ],
)
def test_an_extension_is_derived_where_none_is_given(file_type: str, extension: str) -> None:
    said = file(file_type=file_type, file_extension=...)
    assert recording(meeting("m", said)).files[0].extension == extension


@pytest.mark.parametrize(
    ("file_type", "stem"),
    [
        ("TRANSCRIPT", "audio_transcript"),
        ("CHAT", "chat_file"),
        ("SUMMARY", "summary"),
        ("HOLOGRAM", "hologram"),
    ],
)
def test_a_name_is_derived_where_no_type_of_recording_is_given(file_type: str, stem: str) -> None:
    said = file(file_type=file_type, recording_type=...)
    assert recording(meeting("m", said)).files[0].stem == stem


def test_the_same_file_twice_is_one_file() -> None:
    assert len(recording(meeting("m", file(), file())).files) == 1


def test_of_the_same_file_twice_the_finished_one_counts() -> None:
    seen = recording(meeting("m", file(status="processing"), file()))
    assert (len(seen.files), seen.unfinished) == (1, 0)


def test_files_of_participants_are_files() -> None:
    said = meeting(
        participant_video_files=[file("v", recording_type="individual_shared_screen")],
        participant_audio_files=[file("a", file_type="M4A", recording_type=...)],
    )
    assert [each.stem for each in recording(said).files] == [
        "active_speaker",
        "individual_shared_screen",
        "participant_audio",
    ]


def test_loose_types_are_taken() -> None:
    seen = recording(meeting("m", file(id=123, file_size="77"), id="81234", type=8))
    assert (seen.meeting_id, seen.files[0].id, seen.files[0].size) == ("81234", "123", 77)


def test_without_a_start_the_first_files_counts() -> None:
    assert recording(meeting(start_time=...)).started == datetime(
        2025, 11, 18, 9, 0, 20, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("host_email", "listed", "user"),
    [("a@b", "c@d", "a@b"), (..., "c@d", "c@d"), (..., "", "u-1")],
)
def test_a_recording_is_its_hosts(host_email: object, listed: str, user: str) -> None:
    parse_options = ParseOptions(dialect=MEETINGS, settle=timedelta(0), host=listed)
    assert recording(meeting(host_email=host_email), parse_options).user == user


@pytest.mark.parametrize("flag", [True, 1, "true", "True", "1"])
def test_automatic_deletion_is_a_deadline(flag: object) -> None:
    said = meeting(auto_delete=flag, auto_delete_date="2026-02-01")
    assert recording(said).deadline == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("flag", [False, 0, "false", "", None, ...])
def test_a_date_of_deletion_means_nothing_where_it_is_off(flag: object) -> None:
    assert recording(meeting(auto_delete=flag, auto_delete_date="2026-02-01")).deadline is None


def test_the_trash_keeps_thirty_days() -> None:
    parse_options = ParseOptions(dialect=MEETINGS, settle=timedelta(0), trashed=True)
    said = meeting("m", file(deleted_time="2025-11-19T00:00:00Z"))
    assert recording(said, parse_options).deadline == datetime(2025, 12, 19, tzinfo=UTC)


def test_no_address_leaves_the_sighting_in_a_recording_or_a_repr() -> None:
    seen = see(meeting(share_url=URL, password="pp-0001"))
    assert "://" not in repr(seen)
    assert "pp-0001" not in repr(seen)
    assert seen.urls == {"uuid-1==-f": f"{URL}uuid-1==-f"}


def test_two_sightings_of_one_recording_say_all_together() -> None:
    one = see(meeting("m", file("a"), file("b", status="processing")))
    other = see(meeting("m", file("b"), file("c")))
    both = merged(one, other)
    assert [each.id for each in both.recording.files] == ["a", "b", "c"]
    assert (both.recording.unfinished, both.pending) == (0, frozenset())
    assert set(both.urls) == {"a", "b", "c"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("2025-11-18T09:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FILES = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(file(), VALUES)) | VALUES, max_size=3
)


@given(
    st.fixed_dictionaries(
        {"uuid": st.text(min_size=1)},
        optional={
            **dict.fromkeys(meeting().keys() - {"uuid"}, VALUES),
            "recording_files": FILES | VALUES,
            "auto_delete": st.booleans(),
            "auto_delete_date": VALUES,
        },
    )
)
def test_no_shape_is_too_odd(said: dict[str, Any]) -> None:
    seen = sighting(said, ANGLE)
    assert seen is None or len(seen.recording.files) >= len(seen.urls)


@pytest.mark.parametrize("count", [..., 0])
def test_bytes_that_are_announced_without_a_file_are_being_made(count: object) -> None:
    seen = recording(meeting("m", recording_files=[], total_size=60_000, recording_count=count))
    assert seen.readiness is Readiness.PROCESSING


def test_what_has_neither_files_nor_bytes_is_ready() -> None:
    seen = recording(meeting("m", recording_files=[], total_size=0, recording_count=0))
    assert seen.readiness is Readiness.READY
