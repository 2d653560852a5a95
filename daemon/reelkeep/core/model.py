"""The nouns that the stages, the catalog and the providers hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NewType

from reelkeep.core.unavailable import Obstacle

ProviderName = NewType("ProviderName", str)
"""The name of one configured account, unique in the configuration."""

RecordingId = NewType("RecordingId", str)
"""What the provider calls a recording. Always text: ids of 19 digits do not survive a float."""

FileId = NewType("FileId", str)
"""What names a file within its recording, for ever; made up where the provider gives none."""


class Readiness(Enum):
    """How far the provider is with a recording."""

    READY = "ready"  #: Its files can be fetched.
    TRANSCODABLE = "transcodable"  #: The provider waits to be asked to transcode it.
    PROCESSING = "processing"  #: The provider is at work on it.


class Level(Enum):
    """How a stored file was verified, the strongest first (rule 39 of the transfer notes)."""

    DIGEST = "digest"  #: A digest that the provider or its server promised.
    ETAG_MD5 = "etag-md5"  #: An ETag that is the MD5 of the whole.
    CRC = "crc"  #: A CRC of the whole that was promised: nothing was lost or altered on the way.
    SIZE_SAMPLES = "size+samples"  #: The announced size; tables and samples fit.
    SIZE_CONTAINER = "size+container"  #: The announced size, and the container is whole.
    SIZE = "size"  #: The size that the provider or the download host announced.
    CONTAINER = "container"  #: No size was announced; the container is whole.
    NONE = "none"  #: Nothing was promised: the stream ended as a whole reply does.


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open span `since <= t < until`, both aware and in UTC."""

    since: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.since.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("a window needs aware times")
        if self.since > self.until:
            raise ValueError(f"a window cannot end before it starts: {self.since} > {self.until}")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a recording, as the provider describes it. All text is untrusted."""

    id: FileId
    stem: str  #: What its name begins with; it becomes safe and unique when it is admitted.
    extension: str
    file_type: str = ""  #: The provider's word, such as MP4 or TRANSCRIPT; an open set.
    recording_type: str = ""  #: The provider's word, such as active_speaker; an open set.
    size: int | None = None  #: Bytes, where the provider promises a size.
    obstacle: Obstacle | None = None  #: What keeps it from being downloaded.
    addressed: bool = False  #: There is an address all the same: it is tried first.
    facts: Mapping[str, Any] = field(default_factory=dict)  #: JSON; no secrets.


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Files that a provider announces and does not list: none, if `missing` is 0."""

    missing: int = 0
    announced: int | None = None  #: None: only bytes are announced.
    told: str = ""  #: The same in words, such as `1 of 3 announced files is not listed`.
    obstacle: Obstacle = Obstacle.NOT_LISTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recording, as the provider describes it now. All text is untrusted.

    A provider that `Traits.describes` may leave out here what only `Provider.describe` knows.
    """

    id: RecordingId
    readiness: Readiness = Readiness.READY
    title: str = ""
    user: str = ""
    user_inferred: bool = False  #: From where it was listed: another listing may say another.
    meeting_id: str = (
        ""  #: The number that people dial, where there is one; else what a filter names.
    )
    session_key: str = ""  #: What an application calls its session; also among the facts.
    started: datetime | None = None
    duration: timedelta | None = None
    deadline: datetime | None = None  #: When the provider will delete it, if it said so.
    settles: datetime | None = None  #: Until when late files may come; None: it is final.
    told: bool = False  #: The provider knows already that it is archived.
    unfinished: int = 0  #: Files that are announced but still being made.
    undescribed: str | None = None  #: Why `Provider.describe` could not say more of it now.
    files: tuple[File, ...] = ()
    shortfall: Shortfall | None = None  #: None: nothing is announced that could be compared.
    facts: Mapping[str, Any] = field(
        default_factory=dict
    )  #: JSON for `recording.json`; no secrets.


@dataclass(frozen=True, slots=True)
class Locator:
    """A short-lived way to one file: never stored, never logged, hence the silent `repr`."""

    url: str = field(repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Headers for the origin of `url` alone; they are left behind on the way to any other."""
    kin: str | None = None
    """A domain (`.zoom.us`) whose https hosts may be shown the credentials once, if they ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """One file that is due, as the catalog hands it out."""

    row: int  #: The catalog's number of the file.
    provider: ProviderName
    recording: RecordingId
    file: FileId
    key: str  #: The short digest of provider and recording id that names folders and parts.
    name: str  #: The final name within the recording's folder, safe and fixed for ever.
    file_type: str = ""
    size: int | None = None  #: Bytes promised by the provider.
    obstacle: Obstacle | None = None  #: What it waits for if its address comes to nothing.
    asked_as: FileId | None = None  #: What the provider calls it now, if that is not its id.
    attempts: int = 0  #: Failed attempts since the last new durable byte.
    tries: int = 0  #: All failed attempts so far.
    waits: int = 0  #: How often in a row the provider had not finished it.
    waits_since: datetime | None = None  #: When that was first so.
    reason: str | None = None  #: The reason code of the last failure.
    seen: str | None = None  #: SHA-256 of bytes that came whole and were not believed.
    accepts: str | None = None  #: What the operator accepts: a SHA-256, or `ANY_BYTES`.
    distrusted: bool = False  #: Bytes that earlier attempts left are not to be built on.


ANY_BYTES = "any"
"""Stands in `Download.accepts` for whatever is fetched next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A recording with due files, taken from the catalog by this process."""

    row: int
    provider: ProviderName
    recording: RecordingId
    downloads: tuple[Download, ...]
    deadline: datetime | None = None  #: When its provider deletes it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Outcome: the file is verified, durable, and waits in the archive for its recording."""

    download: Download
    size: int
    sha256: str
    verified: Level
    source: str  #: The origin it came from (scheme, host, port), without path or query.
    seconds: float
    adopted: bool = False  #: Nothing was fetched: the bytes were there already.
    reason: str | None = None  #: The reason code of a check that was overruled.
    note: str | None = None  #: What is unusual about it, in a sentence.
    label: str | None = None  #: A Content-Encoding of its host that names no encoding.


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Outcome: the attempt failed with `error`; `progressed` if it left new durable bytes."""

    download: Download
    error: Exception
    progressed: bool = False
    sha256: str | None = None  #: Of what came whole and was not believed.
    distrusted: bool = False  #: Bytes that are not to be built on may still be on disk.


Outcome = Stored | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFile:
    """A file as the catalog knows it, for manifests and for people."""

    row: int
    id: FileId
    name: str
    state: str
    file_type: str = ""
    recording_type: str = ""
    promised: int | None = None  #: Bytes that the provider announced.
    size: int | None = None  #: Bytes stored.
    sha256: str | None = None
    verified: str | None = None
    source: str | None = None
    stored_at: datetime | None = None
    checked_at: datetime | None = None  #: When its bytes were last read, or written.
    fault: str | None = None  #: What was found then: a value of `core.integrity.Mark`.
    due_at: datetime | None = None
    attempts: int = 0
    tries: int = 0
    waits: int = 0  #: How often in a row the provider had not finished it.
    waits_since: datetime | None = None  #: When that was first so.
    reason: str | None = None  #: The code of a failure or an obstacle, or why it was skipped.
    detail: str | None = None  #: The same in a sentence; of a stored file, what is unusual.
    facts: Mapping[str, Any] | None = None  #: What the provider said of this one file.
    asked_as: FileId | None = None  #: What the provider calls it now, if that is not its id.


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A recording as the catalog knows it, with its files."""

    row: int
    provider: ProviderName
    id: RecordingId
    key: str
    state: str
    title: str = ""
    user: str = ""
    number: str = ""  #: The meeting number that people dial, where there is one.
    session_key: str = ""  #: What an application calls its session.
    started: datetime | None = None
    duration: timedelta | None = None
    deadline: datetime | None = None
    settles: datetime | None = None
    folder: str | None = None  #: Relative to the archive, with `/`; None until it appears.
    first_seen: datetime | None = None
    archived_at: datetime | None = None
    acknowledged_at: datetime | None = None
    unfinished: int = 0
    reason: str | None = None  #: Why it waits for its provider, if anything is known of that.
    revision: int = 0  #: Grows with each change that a manifest would show.
    published: int = 0  #: The revision that its folder shows.
    fingerprint: str | None = None  #: Of the last sighting that changed something.
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[HeldFile, ...] = ()
