"""Make a whole world from a seed: recordings, meetings, sessions, and odd ones among them."""

from __future__ import annotations

import base64
import math
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from reelkeep.simulator.content import ContentKind, GeneratedContent, Noise
from reelkeep.simulator.world import SimFile, SimMeeting, SimRecording, SimSession, SimUser, World

FIRST_ID = 900_000_000_000_001
FIRST_BIG_ID = 2**63 - 2_000  #: Floats cannot hold these apart (G13).
_TOPICS = (
    "Weekly review",
    "Überprüfung: Q4 / plan?",
    "Onboarding 🚀 Zürich",
    "support\\case #77: <printer>",
    "会議の録画",
)
_RENDITIONS = (
    ("shared_screen_with_speaker_view", "MP4", "MP4", ContentKind.MP4),
    ("audio_only", "M4A", "M4A", ContentKind.M4A),
    ("audio_transcript", "TRANSCRIPT", "VTT", ContentKind.VTT),
    ("chat_file", "CHAT", "TXT", ContentKind.TXT),
    ("poll", "CSV", "CSV", ContentKind.CSV),
    ("summary", "SUMMARY", "JSON", ContentKind.SUMMARY),
    ("thumbnail", "TB", "JPG", ContentKind.JPG),
)
_SUFFIXES = {
    ContentKind.MP4: "mp4",
    ContentKind.M4A: "m4a",
    ContentKind.JPG: "jpg",
    ContentKind.VTT: "vtt",
    ContentKind.TXT: "txt",
    ContentKind.CSV: "csv",
    ContentKind.TIMELINE: "json",
    ContentKind.SUMMARY: "json",
    ContentKind.EVENTS: "events",
}


class Fixtures:
    """Adds made-up things to a world and returns them; callers may change them at will."""

    def __init__(self, world: World, *, sizes: tuple[int, int] = (16_384, 524_288)) -> None:
        self.world = world
        self.sizes = sizes  #: The smallest and the largest video, in bytes.

    def add_user(self, status: str = "active") -> SimUser:
        """Add a Zoom user."""
        number = len(self.world.users) + 1
        user = SimUser(id=f"u-{number:04}", email=f"host{number}@example.test", status=status)
        self.world.users.append(user)
        return user

    def add_recording(
        self, started_at: datetime, *, size: int | None = None, big_id: bool = False
    ) -> SimRecording:
        """Add a GoToAssist recording that is ready for download."""
        number = len(self.world.recordings)
        random = self._random("recording", number)
        name = (FIRST_BIG_ID if big_id else FIRST_ID) + number
        video, events, picture = (
            self._file(f"g2a-{number}-{part}", kind, wanted, started_at)
            for part, kind, wanted in (
                ("video", ContentKind.MP4, self._size(random) if size is None else size),
                ("events", ContentKind.EVENTS, random.randint(200, 4_000)),
                ("thumbnail", ContentKind.JPG, random.randint(1_100, 4_000)),
            )
        )
        for file, suffix in ((video, "mp4"), (events, "events"), (picture, "jpg")):
            file.name = f"{name}.{suffix}"
        recording = SimRecording(
            id=name,
            started_at=started_at,
            video=video,
            events=events,
            thumbnail=picture,
            unattended=random.random() < 0.3,
            transcoded_from=started_at,
        )
        self.world.recordings.append(recording)
        return recording

    def add_meeting(
        self, started_at: datetime, *, size: int | None = None, topic: str | None = None
    ) -> SimMeeting:
        """Add a Zoom meeting with a video and some other renditions."""
        number = len(self.world.meetings)
        random = self._random("meeting", number)
        meeting = SimMeeting(
            uuid=self._base64_id(random, number),
            id=81_234_567_890 + number // 3,  # recurring: three instances share it
            host=random.choice(self.world.users or [self.add_user()]),
            topic=_TOPICS[number % len(_TOPICS)] if topic is None else topic,
            started_at=started_at,
            duration=timedelta(minutes=random.randint(3, 90)),
            files=[],
        )
        if number % 3 == 0:
            gone_on = (started_at + timedelta(days=90)).date().isoformat()
            meeting.listed = {"auto_delete": True, "auto_delete_date": gone_on}
        self.world.meetings.append(meeting)
        count = random.randint(2, len(_RENDITIONS))
        for rendition in (_RENDITIONS[0], *random.sample(_RENDITIONS[1:], count - 1)):
            self.add_file(meeting, *rendition, size=size)
        return meeting

    def add_session(self, started_at: datetime, *, size: int | None = None) -> SimSession:
        """Add a Video SDK session with a video, its sound and one participant's screen."""
        number = len(self.world.sessions)
        random = self._random("session", number)
        session = SimSession(
            id=self._base64_id(random, number),
            name=_TOPICS[(number + 1) % len(_TOPICS)],
            key=f"case-{number}",
            started_at=started_at,
            duration=timedelta(minutes=random.randint(3, 90)),
            files=[],
        )
        self.world.sessions.append(session)
        for rendition in _RENDITIONS[: 2 + number % 2]:
            self.add_file(session, *rendition, size=size)
        screen = self.add_file(session, "individual_shared_screen", "MP4", "MP4", ContentKind.MP4)
        session.participants.append(session.files.pop())
        screen.listed = {"file_name": "Separated Share Video - a@example.test"}
        screen.listed |= {"user_id": "16778240", "user_key": "k1"}
        return session

    def add_file(
        self,
        owner: SimMeeting | SimSession,
        recording_type: str | None,
        file_type: str,
        extension: str | None,
        kind: ContentKind,
        *,
        size: int | None = None,
    ) -> SimFile:
        """Add a rendition to a meeting or a session; `size` is for its videos only."""
        prefix = "zm" if isinstance(owner, SimMeeting) else "vs"
        place = self.world.meetings if isinstance(owner, SimMeeting) else self.world.sessions
        at = next(n for n in reversed(range(len(place))) if place[n] is owner)
        key = f"{prefix}-{at}-{len(owner.all_files)}"
        random = self._random("file", key)
        wanted = random.randint(300, 6_000)
        if kind in (ContentKind.MP4, ContentKind.M4A):
            wanted = self._size(random) if size is None else size
        file = self._file(key, kind, wanted, owner.started_at)
        file.name = f"GMT{owner.started_at:%Y%m%d-%H%M%S}_Recording_{key}.{_SUFFIXES[kind]}"
        file.id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        file.file_type, file.extension = file_type, extension
        file.recording_type = recording_type
        owner.files.append(file)
        return file

    def _file(self, key: str, kind: ContentKind, wanted: int, modified: datetime) -> SimFile:
        content = GeneratedContent(kind, key, wanted, self.world.noise)
        return SimFile(key=key, content=content, name=key, modified=modified)

    def _random(self, *parts: object) -> Random:
        return Random("/".join(map(str, (self.world.seed, *parts))))

    def _size(self, random: Random) -> int:
        low, high = self.sizes
        return round(math.exp(random.uniform(math.log(max(low, 1)), math.log(max(high, 1)))))

    @staticmethod
    def _base64_id(random: Random, number: int) -> str:
        """Return 16 random bytes in base64; most hold what a path does not like (Z5)."""
        raw = random.randbytes(16)
        starts = (b"\xff\xff", b"\xfb\xef", b"\x03\xff\xff\xff\xff", b"")  # //8 ++8 A///
        start = starts[number % len(starts)]
        return base64.b64encode(start + raw[len(start) :]).decode()


def add_odd_recordings(studio: Fixtures, started_at: datetime) -> None:
    """Add GoToAssist recordings: huge ids, no events, no thumbnail, archived by others."""
    hour = timedelta(hours=1)
    empty = studio.add_recording(started_at, big_id=True)
    empty.events.content = GeneratedContent(
        ContentKind.EVENTS, empty.events.key, 0, studio.world.noise
    )
    studio.add_recording(started_at + hour, big_id=True).thumbnail.missing = True
    foreign = studio.add_recording(started_at + 2 * hour, big_id=True)
    foreign.archived = foreign.archived_before = True


def add_odd_meetings(studio: Fixtures, started_at: datetime) -> None:
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


def add_odd_sessions(studio: Fixtures, started_at: datetime) -> None:
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
    sound = studio.add_file(external, "audio_only_each_participant", "M4A", "M4A", ContentKind.M4A)
    external.audio.append(sound)
    external.files.remove(sound)


def _bare_files(studio: Fixtures, at: datetime) -> None:
    """CC and TIMELINE entries have no id, status, size, type or play URL."""
    meeting = studio.add_meeting(at, topic="Captions and timeline")
    bare: dict[str, object] = dict.fromkeys(
        ("id", "status", "file_size", "recording_type", "play_url"), ...
    )
    for file_type, extension, kind in (
        ("CC", "VTT", ContentKind.VTT),
        ("TIMELINE", "JSON", ContentKind.TIMELINE),
    ):
        studio.add_file(meeting, None, file_type, extension, kind).listed = bare


def _processing(studio: Fixtures, at: datetime) -> None:
    studio.add_meeting(at, topic="Still processing").files[-1].stuck = True


def _without_files(studio: Fixtures, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="No files")
    meeting.files.clear()
    meeting.duration = timedelta(0)
    meeting.listed = {"recording_files": ...}


def _on_premise(studio: Fixtures, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="On premise")
    meeting.on_prem = True
    for file in meeting.files:
        file.listed = {"download_url": ..., "play_url": ..., "file_path": f"/mnt/{file.name}"}


def _unknown_types(studio: Fixtures, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="Types from the future")
    meeting.files[0].recording_type = "shared_screen_with_speaker_view(CC)"
    studio.add_file(meeting, "holographic/view", "HOLOGRAM", None, ContentKind.EVENTS)
    studio.add_file(meeting, "../../etc/passwd", "MP4", "MP4", ContentKind.MP4)


def _string_ids(studio: Fixtures, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="Loose types")
    meeting.listed = {"id": str(meeting.id), "type": 8}
    meeting.files[0].id = 1_234_567_890_123
    meeting.files[0].listed = {"file_size": str(meeting.files[0].content.size)}


def _long_topic(studio: Fixtures, at: datetime) -> None:
    text = "../\u202eabc/CON \u0000\u001b[31m👩‍👩‍👧 " + "Ünïcödé/" * 40
    studio.add_meeting(at, topic=text[:300]).duration = timedelta(0)


def _wrong_counts(studio: Fixtures, at: datetime) -> None:
    studio.add_meeting(at, topic="Miscounted").listed = {"recording_count": 99, "total_size": 1}


def _same_file_twice(studio: Fixtures, at: datetime) -> None:
    studio.add_meeting(at, topic="Twice").files[0].copies = 2


def _participant_audio(studio: Fixtures, at: datetime) -> None:
    meeting = studio.add_meeting(at, topic="Audio of each participant")
    for number in (1, 2):
        file = studio.add_file(meeting, None, "M4A", None, ContentKind.M4A)
        file.listed = {"file_name": f"Audio only - Participant {number}"}
        meeting.audio.append(file)
        meeting.files.remove(file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much there is in a world."""

    recordings: int = 30  #: GoToAssist
    meetings: int = 30  #: Zoom
    sessions: int = 10  #: Video SDK
    users: int = 4  #: Zoom; of four, one is inactive.
    days: int = 30  #: Over how many days before now things are spread.
    sizes: tuple[int, int] = (16_384, 524_288)  #: The smallest and largest video, in bytes.
    odd: bool = True  #: Whether there is one of each odd shape, beside those counts.
    untranscoded: float = 0.2  #: Share of GoToAssist recordings that still wait for transcoding.
    big_ids: bool = False  #: Whether all GoToAssist ids are near 2**63 (G13).


def make_world(seed: int, now: datetime, extent: Extent | None = None) -> World:
    """Return what `seed` stands for; the same seed, time and extent give the same bytes."""
    extent = Extent() if extent is None else extent
    since = now.replace(microsecond=0) - timedelta(days=extent.days)
    world = World(seed=seed, noise=Noise(seed), since=since)
    studio = Fixtures(world, sizes=extent.sizes)
    for number in range(extent.users):
        studio.add_user("inactive" if number % 4 == 3 else "active")
    _fill(studio, extent)
    if extent.odd:
        day = since + timedelta(days=extent.days * 0.4)
        add_odd_recordings(studio, day)
        add_odd_meetings(studio, day)
        add_odd_sessions(studio, day)
    return world


def _fill(studio: Fixtures, extent: Extent) -> None:
    since = studio.world.since
    span = timedelta(days=extent.days) - timedelta(hours=6)  # all is over by now
    every = round(1 / extent.untranscoded) if extent.untranscoded else 0
    for number in range(extent.recordings):
        started_at = _whole_seconds(since + span * (number + 0.5) / extent.recordings)
        recording = studio.add_recording(started_at, big_id=extent.big_ids)
        if every and number % every == every - 1:
            recording.transcoded_from = None
    for number in range(extent.meetings):
        studio.add_meeting(_whole_seconds(since + span * (number + 0.5) / extent.meetings))
    for number in range(extent.sessions):
        studio.add_session(_whole_seconds(since + span * (number + 0.5) / extent.sessions))


def _whole_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
