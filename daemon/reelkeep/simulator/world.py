"""What exists at the simulated providers: people, recordings and files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from reelkeep.simulator.content import GeneratedContent, Noise

Now = Callable[[], datetime]
"""Tells the time, with a zone: real, scaled or virtual."""


def utc_now() -> datetime:
    """Tell the real time."""
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write `YYYY-MM-DDTHH:MM:SSZ`, as all three providers do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str) -> datetime:
    """Read the documented form only: whole seconds, UTC, `Z`.

    Raises:
        ValueError: it is written otherwise.
    """
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def parse_day(text: str, *, loose: bool = False) -> date:
    """Read `yyyy-mm-dd`; if `loose`, a time may follow, and is ignored.

    Raises:
        ValueError: it is written otherwise.
    """
    day, gap = text[:10], text[10:11]
    if loose and gap in ("T", " "):
        text = day
    if len(text) != 10:
        raise ValueError(f"expected yyyy-mm-dd, got {len(text)} characters")
    return date.fromisoformat(text)


GOTOASSIST, ZOOM, VIDEOSDK = "gotoassist", "zoom", "zoom-videosdk"


@dataclass(slots=True, kw_only=True)
class SimFile:
    """One downloadable file. Tests may change any field while the simulator runs."""

    key: str  #: Unique in the world; names the content, and is part of each URL of the file.
    content: GeneratedContent
    name: str  #: The last part of its URL and of Content-Disposition.
    modified: datetime
    id: str | int | None = None
    file_type: str = ""
    extension: str | None = None
    recording_type: str | None = None
    listed: dict[str, object] = field(default_factory=dict)
    """Overrides of its JSON (Zoom); the value `...` leaves that field out."""
    copies: int = 1  #: How often one array names it (Z13).
    visible_from: datetime | None = None  #: Not listed earlier; None: from the start (Z12).
    completed_from: datetime | None = None  #: Listed as `processing` earlier (Z12).
    stuck: bool = False  #: `processing` for ever.
    missing: bool = False  #: Listed, but its download is 404 for ever (G14).
    external: bool = False  #: Kept in the customer's own storage: no download URL (Z17).
    trashed_at: datetime | None = None
    deleted: bool = False

    @property
    def attainable(self) -> bool:
        """Whether a patient client can have it."""
        return not (self.stuck or self.missing or self.external or self.deleted)

    def shown(self, now: datetime) -> bool:
        """Whether listings know of it at `now`, processed or not."""
        return not self.deleted and (self.visible_from is None or now >= self.visible_from)

    def ready(self, now: datetime) -> bool:
        """Whether it can be downloaded at `now`."""
        done = self.completed_from is None or now >= self.completed_from
        return self.shown(now) and done and not self.stuck


@dataclass(slots=True, kw_only=True)
class SimRecording:
    """One GoToAssist recording and where it stands between session and archive (G4)."""

    id: int
    started_at: datetime
    video: SimFile
    events: SimFile
    thumbnail: SimFile
    unattended: bool = False
    visible_from: datetime | None = None  #: Hidden earlier: still being uploaded.
    transcoded_from: datetime | None = None  #: None: nobody asked for its transcoding yet.
    archived: bool = False
    archived_before: bool = False  #: Somebody else had archived it before this client came.

    @property
    def files(self) -> tuple[SimFile, SimFile, SimFile]:
        """Its three files."""
        return self.video, self.events, self.thumbnail

    def visible(self, now: datetime) -> bool:
        """Whether the upload is over at `now`."""
        return self.visible_from is None or now >= self.visible_from

    def downloadable(self, now: datetime) -> bool:
        """Whether its transcoding is over at `now`."""
        return (
            self.visible(now) and self.transcoded_from is not None and now >= self.transcoded_from
        )

    def transcodable(self, now: datetime) -> bool:
        """Whether it waits for somebody to ask for its transcoding."""
        return self.visible(now) and self.transcoded_from is None


class Trouble(Enum):
    """What is wrong with the listings of one user, while others are served."""

    SCOPE = "scope"  #: 400/4711, as if the app lacked the scope for this user alone.
    RIGHTS = "rights"  #: An error with status 200 (Z14).
    NO_PLAN = "no-plan"  #: 400/200.
    UNKNOWN = "unknown"  #: 404 with a code that is documented nowhere.
    ERROR = "error"  #: 500.
    PAGE = "page"  #: An HTML page with status 200.
    CUT = "cut"  #: JSON that ends in the middle.
    HANG_UP = "hang-up"  #: The connection is closed without an answer.
    EMPTY_PAGES = "empty-pages"  #: Pages that show nothing, announce what there is, promise more.
    REPEATS = "repeats"  #: The first entry on every page, and always another page.
    NO_TRASH = "no-trash"  #: 400/200 for the trash alone.
    NO_PREMISES = "no-premises"  #: 400/200 for what is on the premises alone.


@dataclass(slots=True, kw_only=True)
class SimUser:
    """A Zoom user."""

    id: str
    email: str
    status: str = "active"  #: active, inactive or pending (Z19).
    gone: bool = False  #: Listed, yet its recordings answer 1001 (Z19).
    departed: bool = False  #: Deleted: listed no more, but the account listing has the recordings.
    trouble: Trouble | None = None  #: What each listing of its recordings answers.


@dataclass(slots=True, kw_only=True)
class SimMeeting:
    """One instance of a Zoom meeting with its cloud recording."""

    uuid: str
    id: int
    host: SimUser
    topic: str
    started_at: datetime
    duration: timedelta
    files: list[SimFile]
    audio: list[SimFile] = field(default_factory=list)  #: Of each participant.
    type: int = 8
    on_prem: bool = False  #: Listed with `mc=true` only, without download URLs.
    listed: dict[str, object] = field(default_factory=dict)  #: As in `SimFile.listed`.
    visible_from: datetime | None = None
    trashed_at: datetime | None = None
    deleted: bool = False

    @property
    def all_files(self) -> list[SimFile]:
        """Its files, those of the participants included."""
        return [*self.files, *self.audio]


@dataclass(slots=True, kw_only=True)
class SimSession:
    """One Video SDK session with its cloud recording."""

    id: str
    name: str
    key: str
    started_at: datetime
    duration: timedelta
    files: list[SimFile]
    participants: list[SimFile] = field(default_factory=list)
    audio: list[SimFile] = field(default_factory=list)
    listed: dict[str, object] = field(default_factory=dict)
    visible_from: datetime | None = None
    trashed_at: datetime | None = None
    deleted: bool = False

    @property
    def all_files(self) -> list[SimFile]:
        """Its files, those of the participants included."""
        return [*self.files, *self.participants, *self.audio]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A file that a complete archive must hold."""

    provider: str  #: `gotoassist`, `zoom` or `zoom-videosdk`
    recording: str  #: The provider's id of it, as text.
    file: str  #: The key of the file in this world.
    size: int  #: Bytes.
    sha256: str  #: Hex.


@dataclass(slots=True, kw_only=True)
class World:
    """Everything there is. Lists may grow and change while the simulator runs."""

    seed: int
    noise: Noise
    since: datetime  #: Nothing started earlier.
    users: list[SimUser] = field(default_factory=list)
    recordings: list[SimRecording] = field(default_factory=list)
    meetings: list[SimMeeting] = field(default_factory=list)
    sessions: list[SimSession] = field(default_factory=list)
    _index: dict[str, SimFile] = field(default_factory=dict, repr=False)

    def files(self) -> Iterator[SimFile]:
        """Yield every file of every provider."""
        yield from itertools.chain.from_iterable(r.files for r in self.recordings)
        yield from itertools.chain.from_iterable(m.all_files for m in self.meetings)
        yield from itertools.chain.from_iterable(s.all_files for s in self.sessions)

    def file(self, key: str) -> SimFile | None:
        """Return the file of that key, if there is one."""
        if key not in self._index:
            self._index = {file.key: file for file in self.files()}
        return self._index.get(key)

    def expected(self, *, audio: bool = False, trash: bool = False) -> list[Expected]:
        """Return what a complete archive holds: all that can ever be had, sorted by key.

        `audio` adds the audio files of single participants, which listings do not name;
        `trash` adds what lies in the trash. Stuck, missing, external, on-premise and deleted
        files, and what others had archived before, are never part of it.
        """
        found = [*self._of_gotoassist(), *self._of_zoom(audio=audio, trash=trash)]
        found += self._of_videosdk(audio=audio, trash=trash)
        return sorted(found, key=lambda one: one.file)

    def _of_gotoassist(self) -> Iterator[Expected]:
        for recording in self.recordings:
            if not recording.archived_before:
                yield from _expected(GOTOASSIST, str(recording.id), recording.files)

    def _of_zoom(self, *, audio: bool, trash: bool) -> Iterator[Expected]:
        for meeting in self.meetings:
            if meeting.deleted or meeting.on_prem or (meeting.trashed_at and not trash):
                continue
            files = meeting.all_files if audio else meeting.files
            yield from _expected(ZOOM, meeting.uuid, _kept(files, trash=trash))

    def _of_videosdk(self, *, audio: bool, trash: bool) -> Iterator[Expected]:
        for session in self.sessions:
            if session.deleted or (session.trashed_at and not trash):
                continue
            files = session.all_files if audio else [*session.files, *session.participants]
            yield from _expected(VIDEOSDK, session.id, _kept(files, trash=trash))


def _kept(files: list[SimFile], *, trash: bool) -> list[SimFile]:
    return [file for file in files if trash or file.trashed_at is None]


def _expected(
    provider: str, recording: str, files: list[SimFile] | tuple[SimFile, ...]
) -> Iterator[Expected]:
    for file in files:
        if file.attainable:
            yield Expected(
                provider=provider,
                recording=recording,
                file=file.key,
                size=file.content.size,
                sha256=file.content.sha256,
            )
