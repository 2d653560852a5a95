"""Turn what is said of one meeting or session into a `Recording`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from reelkeep.core.model import FileId, Readiness, Recording, RecordingId
from reelkeep.providers.zoom.dialects import Dialect
from reelkeep.providers.zoom.facts import facts
from reelkeep.providers.zoom.files import Seen, Shelf, seen
from reelkeep.providers.zoom.foreign import day, minutes, moment, objects, text, whole

TRASH_LIFE: Final = timedelta(days=30)
"""How long the trash keeps things (provider notes, section 2.6)."""

GROUPS: Final = {
    "recording_files": "",
    "participant_video_files": "participant_video",
    "participant_audio_files": "participant_audio",
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A recording as it was seen once, and what is needed to fetch it soon."""

    recording: Recording
    urls: Mapping[FileId, str] = field(repr=False)  #: Of the finished files.
    pending: frozenset[FileId] = frozenset()  #: Files that are announced, not finished.


@dataclass(frozen=True, slots=True, kw_only=True)
class Angle:
    """Under which circumstances a recording is seen."""

    dialect: Dialect
    settle: timedelta
    host: str = ""  #: Whose it is, if it does not say so.
    on_premise: bool = False
    trashed: bool = False


def recording_id(said: Mapping[str, Any], dialect: Dialect) -> RecordingId | None:
    """Return the id of what is described; a meeting's is in each of its files, too."""
    files = objects(said.get("recording_files"))
    named = text(said.get(dialect.id)) or next(
        (text(file["meeting_id"]) for file in files if file.get("meeting_id")), ""
    )
    return RecordingId(named) if named else None


def sighting(said: Mapping[str, Any], angle: Angle) -> Sighting | None:
    """Return what is said of a meeting or session, None if it has no id.

    Every other member of `said` may be absent or nonsense, and is then not known.
    """
    id_ = recording_id(said, angle.dialect)
    if id_ is None:
        return None
    known = _files(said, angle)
    ready = {file_id: each for file_id, each in known.items() if each.ready}
    pending = frozenset(known.keys() - ready.keys())
    started = moment(said.get("start_time")) or _first_start(said)
    announced = len(pending) or (whole(said.get("recording_count")) or 0)
    recording = Recording(
        id=id_,
        readiness=Readiness.READY if ready or announced <= 0 else Readiness.PROCESSING,
        title=text(said.get(angle.dialect.title)),
        user=text(said.get("host_email")) or angle.host or text(said.get("host_id")),
        meeting_id=text(said.get(angle.dialect.number)),
        started=started,
        duration=minutes(said.get("duration")),
        deadline=_deadline(said, angle),
        settles=started + angle.settle if started else None,
        unfinished=len(pending),
        files=tuple(each.file for each in ready.values()),
        facts=facts(said),
    )
    return Sighting(recording, {key: each.url for key, each in ready.items() if each.url}, pending)


def merged(one: Sighting, other: Sighting) -> Sighting:
    """Return what two sightings of one recording say together; `one` is believed first."""
    files = {file.id: file for file in (*one.recording.files, *other.recording.files)}
    files |= {file.id: file for file in one.recording.files}
    pending = (one.pending | other.pending) - files.keys()
    first, second = one.recording, other.recording
    deadlines = [at for at in (first.deadline, second.deadline) if at is not None]
    processing = not files and Readiness.PROCESSING in (first.readiness, second.readiness)
    recording = replace(
        first,
        readiness=Readiness.PROCESSING if processing else Readiness.READY,
        deadline=min(deadlines, default=None),
        unfinished=len(pending),
        files=tuple(files.values()),
    )
    return Sighting(recording, {**other.urls, **one.urls}, pending)


def _files(said: Mapping[str, Any], angle: Angle) -> dict[FileId, Seen]:
    known: dict[FileId, Seen] = {}
    for each in _each_file(said, angle):
        if each.file.id not in known or (each.ready and not known[each.file.id].ready):
            known[each.file.id] = each  # the same file twice in one list is seen in the wild
    return known


def _each_file(said: Mapping[str, Any], angle: Angle) -> Iterator[Seen]:
    on_premise = angle.on_premise or said.get("on_prem") is True
    for key, group in GROUPS.items():
        shelf = Shelf(group=group, on_premise=on_premise, trashed=angle.trashed)
        yield from (seen(file, shelf) for file in objects(said.get(key)))


def _first_start(said: Mapping[str, Any]) -> datetime | None:
    starts = (moment(file.get("recording_start")) for file in objects(said.get("recording_files")))
    return min((start for start in starts if start), default=None)


def _deadline(said: Mapping[str, Any], angle: Angle) -> datetime | None:
    ends: list[datetime] = []
    date = day(said.get("auto_delete_date")) if said.get("auto_delete") is True else None
    if date is not None:
        ends.append(datetime.combine(date, time(), UTC))
    if angle.trashed:
        dumped = [said, *objects(said.get("recording_files"))]
        times = (moment(each.get("deleted_time")) for each in dumped)
        ends += [deleted + TRASH_LIFE for deleted in times if deleted]
    return min(ends, default=None)
