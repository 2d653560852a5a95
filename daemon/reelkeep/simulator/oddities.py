"""Recordings of odd shapes, each seen or documented at a provider (Z6, Z13, Z17, G13, G14)."""

from __future__ import annotations

from datetime import datetime, timedelta

from reelkeep.simulator.content import Content, Kind
from reelkeep.simulator.studio import Studio


def add_odd_recordings(studio: Studio, started_at: datetime) -> None:
    """Add GoToAssist recordings: huge ids, no events, no thumbnail, archived by others."""
    hour = timedelta(hours=1)
    empty = studio.add_recording(started_at, big_id=True)
    empty.events.content = Content(Kind.EVENTS, empty.events.key, 0, studio.world.noise)
    studio.add_recording(started_at + hour, big_id=True).thumbnail.missing = True
    foreign = studio.add_recording(started_at + 2 * hour, big_id=True)
    foreign.archived = foreign.archived_before = True


def add_odd_meetings(studio: Studio, started_at: datetime) -> None:
    """Add one Zoom meeting of each odd shape, an hour apart."""
    shapes = (
        _bare_files,
        _processing,
        _without_files,
        _on_premise,
        _unknown_types,
        _string_ids,
        _long_topic,
        _wrong_counts,
        _same_file_twice,
        _participant_audio,
    )
    for number, shape in enumerate(shapes):
        shape(studio, started_at + timedelta(hours=number))


def add_odd_sessions(studio: Studio, started_at: datetime) -> None:
    """Add Video SDK sessions: one file twice, odd types, files in the customer's own storage."""
    twice = studio.add_session(started_at)
    twice.files[0].copies = 2
    twice.files[0].recording_type = "audio_only"  # yet MP4
    external = studio.add_session(started_at + timedelta(hours=1))
    external.files[0].external = True
    external.files[0].listed = {
        "external_storage_url": "s3://bucket-0001/recordings/one.mp4",
        "download_url": ...,
    }
    sound = studio.add_file(external, "audio_only_each_participant", "M4A", "M4A", Kind.M4A)
    external.audio.append(sound)
    external.files.remove(sound)


def _bare_files(studio: Studio, at: datetime) -> None:
    """CC and TIMELINE entries have no id, status, size, type or play URL."""
    meeting = studio.add_meeting(at, topic="Captions and timeline")
    bare: dict[str, object] = dict.fromkeys(
        ("id", "status", "file_size", "recording_type", "play_url"), ...
    )
    for file_type, extension, kind in (
        ("CC", "VTT", Kind.VTT),
        ("TIMELINE", "JSON", Kind.TIMELINE),
    ):
        studio.add_file(meeting, None, file_type, extension, kind).listed = bare


def _processing(studio: Studio, at: datetime) -> None:
    studio.add_meeting(at, topic="Still processing").files[-1].stuck = True


def _without_files(studio: Studio, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="No files")
    meeting.files.clear()
    meeting.duration = timedelta(0)
    meeting.listed = {"recording_files": ...}


def _on_premise(studio: Studio, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="On premise")
    meeting.on_prem = True
    for file in meeting.files:
        file.listed = {"download_url": ..., "play_url": ..., "file_path": f"/mnt/{file.name}"}


def _unknown_types(studio: Studio, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="Types from the future")
    meeting.files[0].recording_type = "shared_screen_with_speaker_view(CC)"
    studio.add_file(meeting, "holographic/view", "HOLOGRAM", None, Kind.EVENTS)
    studio.add_file(meeting, "../../etc/passwd", "MP4", "MP4", Kind.MP4)


def _string_ids(studio: Studio, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="Loose types")
    meeting.listed = {"id": str(meeting.id), "type": 8}
    meeting.files[0].id = 1_234_567_890_123
    meeting.files[0].listed = {"file_size": str(meeting.files[0].content.size)}


def _long_topic(studio: Studio, at: datetime) -> None:
    text = "../\u202eabc/CON \u0000\u001b[31m👩‍👩‍👧 " + "Ünïcödé/" * 40
    studio.add_meeting(at, topic=text[:300]).duration = timedelta(0)


def _wrong_counts(studio: Studio, at: datetime) -> None:
    studio.add_meeting(at, topic="Miscounted").listed = {"recording_count": 99, "total_size": 1}


def _same_file_twice(studio: Studio, at: datetime) -> None:
    studio.add_meeting(at, topic="Twice").files[0].copies = 2


def _participant_audio(studio: Studio, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="Audio of each participant")
    for number in (1, 2):
        file = studio.add_file(meeting, None, "M4A", None, Kind.M4A)
        file.listed = {"file_name": f"Audio only - Participant {number}"}
        meeting.audio.append(file)
        meeting.files.remove(file)
