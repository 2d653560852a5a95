"""Turn what is said of one meeting or session into a `Recording`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from reelkeep.core.matching import id_by_kind
from reelkeep.core.model import FileId, Readiness, Recording, RecordingId, Shortfall
from reelkeep.core.unavailable import Obstacle
from reelkeep.providers.zoom.endpoints import Dialect
from reelkeep.providers.zoom.file_parsing import FileSource, SeenFile, apart, facts, joined, seen
from reelkeep.providers.zoom.json_values import (
    day,
    is_true,
    minutes,
    moment,
    objects,
    size,
    text,
    whole,
)

TRASH_LIFE: Final = timedelta(days=30)
"""How long the trash keeps things (provider notes, section 2.6)."""

AUDIO: Final = "participant_audio_files"
"""What only the answer for one recording shows."""

GROUPS: Final = {
    "recording_files": "",
    "participant_video_files": "participant_video",
    AUDIO: "participant_audio",
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A recording as it was seen once, and what is needed to fetch it soon."""

    recording: Recording
    urls: Mapping[FileId, str] = field(repr=False)  #: Of the finished files.
    pending: frozenset[FileId] = frozenset()  #: Files that are announced, not finished.
    entries: int = 0  #: Entries that it lists.
    unreadable: int = 0  #: Entries of lists of files that are no files.
    unusable: Mapping[FileId, str] = field(default_factory=dict)  #: Why addresses are of no use.

    def address(self, id_: FileId) -> str | None:
        """Return where a file can be had, also of one that shared its id when it was seen first."""
        return self._said(self.urls, id_)

    def fault(self, id_: FileId) -> str | None:
        """Return why the address of a file can never be used."""
        return self._said(self.unusable, id_)

    def _said(self, of: Mapping[FileId, str], id_: FileId) -> str | None:
        if id_ in of:
            return of[id_]
        known = [file for file in self.recording.files if id_by_kind(file) == id_]
        return of.get(known[0].id) if len(known) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseOptions:
    """Under which circumstances a recording is seen."""

    dialect: Dialect
    settle: timedelta
    host: str = ""  #: Whose it is, if it does not say so.
    on_premise: bool = False
    trashed: bool = False
    partial: bool = False  #: Single files are listed: what is counted is not compared with them.
    audio: bool = False  #: The audio of participants is asked for.

    @property
    def shortage(self) -> Obstacle:
        """Why a file may be announced and not listed."""
        return Obstacle.NOT_LISTED if self.audio else Obstacle.PARTICIPANT_AUDIO


def recording_id(said: Mapping[str, Any], dialect: Dialect) -> RecordingId | None:
    """Return the id of what is described; a meeting's is in each of its files, too."""
    files = objects(said.get("recording_files"))
    named = text(said.get(dialect.id)) or next(
        (text(file["meeting_id"]) for file in files if file.get("meeting_id")), ""
    )
    return RecordingId(named) if named else None


def sighting(said: Mapping[str, Any], parse_options: ParseOptions) -> Sighting | None:
    """Return what is said of a meeting or session, None if it has no id.

    Every other member of `said` may be absent or nonsense, and is then not known.
    """
    id_ = recording_id(said, parse_options.dialect)
    if id_ is None:
        return None
    known = _files(said, parse_options)
    ready = {file_id: each for file_id, each in known.items() if each.ready}
    pending = frozenset(known.keys() - ready.keys())
    started = moment(said.get("start_time")) or _first_start(said)
    announced = None if parse_options.partial else whole(said.get("recording_count"))
    entries = sum(1 for group in GROUPS for _ in objects(said.get(group)))
    unreadable = sum(_entries(said.get(group)) for group in GROUPS) - entries
    is_ready = bool(ready) or not _is_made(said, pending, announced, parse_options)
    recording = Recording(
        id=id_,
        readiness=Readiness.READY if is_ready else Readiness.PROCESSING,
        title=text(said.get(parse_options.dialect.title)),
        user=text(said.get("host_email")) or parse_options.host or text(said.get("host_id")),
        user_inferred=not text(said.get("host_email")),
        meeting_id=text(said.get(parse_options.dialect.number)),
        session_key=text(said.get(parse_options.dialect.handle)),
        started=started,
        duration=minutes(said.get("duration")),
        deadline=_deadline(said, parse_options),
        settles=started + parse_options.settle if started else None,
        unfinished=len(pending),
        files=tuple(each.file for each in ready.values()),
        shortfall=_shortfall(announced, entries, unreadable, parse_options.shortage)
        or _too_small(said, known, parse_options),
        facts=facts(said),
    )
    urls = {key: each.url for key, each in ready.items() if each.url}
    unusable = {key: each.unusable for key, each in ready.items() if each.unusable}
    return Sighting(recording, urls, pending, entries, unreadable, unusable)


def _is_made(
    said: Mapping[str, Any],
    pending: frozenset[FileId],
    announced: int | None,
    parse_options: ParseOptions,
) -> bool:
    """Return whether files are still being made: they are pending, or announced and not listed."""
    if pending or (announced or 0) > 0:
        return True
    is_whole = not (parse_options.partial or parse_options.on_premise)
    listed = any(_entries(said.get(group)) for group in GROUPS)
    return is_whole and not listed and bool(size(said.get("total_size")))


def merged(one: Sighting, other: Sighting) -> Sighting:
    """Return what two sightings of one recording say together; `one` is believed first."""
    names, files = joined(one.recording.files, other.recording.files)
    pending = (one.pending | other.pending) - {file.id for file in files}
    first, second = one.recording, other.recording
    deadlines = [at for at in (first.deadline, second.deadline) if at is not None]
    entries = max(one.entries, other.entries, len(files) + len(pending))
    unreadable = max(one.unreadable, other.unreadable)
    processing = not files and Readiness.PROCESSING in (first.readiness, second.readiness)
    recording = replace(
        first,
        readiness=Readiness.PROCESSING if processing else Readiness.READY,
        deadline=min(deadlines, default=None),
        unfinished=len(pending),
        files=files,
        shortfall=_merged_shortfall(first.shortfall, second.shortfall, entries, unreadable),
    )
    urls = {names.get(id_, id_): url for id_, url in other.urls.items()} | dict(one.urls)
    unusable = {names.get(id_, id_): why for id_, why in other.unusable.items()}
    return Sighting(recording, urls, pending, entries, unreadable, unusable | dict(one.unusable))


def _merged_shortfall(
    first: Shortfall | None, second: Shortfall | None, entries: int, unreadable: int
) -> Shortfall | None:
    """Return what two sightings together lack; what was listed anywhere is not missing."""
    found = [each for each in (first, second) if each is not None]
    counts = [each.announced for each in found if each.announced is not None]
    obstacle = min((each.obstacle for each in found), default=Obstacle.NOT_LISTED)
    announced = max(counts, default=None)
    return _shortfall(announced, entries, unreadable, obstacle) or next(iter(found), None)


def _shortfall(
    announced: int | None, entries: int, unreadable: int, obstacle: Obstacle
) -> Shortfall | None:
    """Compare what is announced with what is listed; entries that cannot be read are missing.

    Fewer announced than listed happens, and means nothing. Nothing is compared while nothing is
    listed: then all of it is still being made.
    """
    if unreadable:
        noun = "entry of its list of files" if unreadable == 1 else "entries of its lists of files"
        missing = max(unreadable, (announced or 0) - entries)
        told = f"{unreadable} {noun} cannot be read"
        return Shortfall(missing=missing, announced=announced, told=told)
    if announced is None or not entries:
        return None
    missing = max(0, announced - entries)
    verb = "is" if missing == 1 else "are"
    told = f"{missing} of {announced} announced files {verb} not listed" if missing else ""
    return Shortfall(missing=missing, announced=announced, told=told, obstacle=obstacle)


def _too_small(
    said: Mapping[str, Any], known: Mapping[FileId, SeenFile], parse_options: ParseOptions
) -> Shortfall | None:
    """Compare bytes where no number of files is announced, and every file says its size."""
    total = None if parse_options.partial else size(said.get("total_size"))
    sizes = [each.file.size for each in known.values() if each.ready]
    if total is None or len(sizes) < len(known) or not sizes:
        return None
    listed = sum(each or total for each in sizes)
    if listed >= total:
        return Shortfall(obstacle=parse_options.shortage)
    told = f"{total} bytes are announced, the listed files have {listed}"
    return Shortfall(missing=1, told=told, obstacle=parse_options.shortage)


def _files(said: Mapping[str, Any], parse_options: ParseOptions) -> dict[FileId, SeenFile]:
    on_premise = parse_options.on_premise or said.get("on_prem") is True
    lists: list[list[SeenFile]] = []
    for key, group in GROUPS.items():
        source = FileSource(group=group, on_premise=on_premise, trashed=parse_options.trashed)
        lists.append([seen(file, source) for file in objects(said.get(key))])
    return apart(lists)


def _entries(value: object) -> int:
    """Return how many entries a list of files has; whatever is in its place is one."""
    return len(value) if isinstance(value, list) else int(bool(value))


def _first_start(said: Mapping[str, Any]) -> datetime | None:
    starts = (moment(file.get("recording_start")) for file in objects(said.get("recording_files")))
    return min((start for start in starts if start), default=None)


def _deadline(said: Mapping[str, Any], parse_options: ParseOptions) -> datetime | None:
    ends: list[datetime] = []
    date = day(said.get("auto_delete_date")) if is_true(said.get("auto_delete")) else None
    if date is not None:
        ends.append(datetime.combine(date, time(), UTC))
    if parse_options.trashed:
        dumped = [said, *objects(said.get("recording_files"))]
        times = (moment(each.get("deleted_time")) for each in dumped)
        ends += [deleted + TRASH_LIFE for deleted in times if deleted]
    return min(ends, default=None)
