"""Decide what a new sighting of a recording changes in what the catalog knows of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final

from reelkeep.core.filters import Filter, wanted
from reelkeep.core.layout import FileNames
from reelkeep.core.lifecycle import FileState
from reelkeep.core.matching import id_by_kind, is_later_version, matched, shared_id
from reelkeep.core.model import File, FileId, HeldFile, Recording, Shortfall
from reelkeep.core.naming import SafeName
from reelkeep.core.unavailable import EXPLANATIONS, NOT_WANTED, Obstacle

FILTERED = "not wanted by the filter"
"""The reason of a file that was skipped because of `include`, `exclude` or `since`."""

UNLISTED: Final = FileId("(not listed)")
"""Stands for all files that are announced and not listed."""

_NAMING: Final = FileNames()
_UNLISTED_NAME: Final = SafeName("not-listed")  # real files have an extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that was not known: its name is given now and never changes."""

    file: File
    name: SafeName
    state: FileState
    reason: str | None = None
    detail: str | None = None
    asked_as: FileId | None = None  #: What the provider calls it, if that is not its id.
    supersedes: HeldFile | None = None  #: The stored file of which it is a later version.


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What changes about a known file: the provider's word on it, and perhaps its state.

    What was said of a stored file when it was fetched stays; facts that were not kept are added.
    """

    row: int
    file: File
    state: FileState | None = None
    reason: str | None = None
    detail: str | None = None
    asked_as: FileId | None = None
    is_stored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a sighting changes about the files of one recording."""

    arrivals: tuple[Arrival, ...] = ()
    revisions: tuple[Revision, ...] = ()
    settled: tuple[int, ...] = ()  #: Rows that stood for what is listed now: to be deleted.
    listed: frozenset[int] = frozenset()  #: Rows of the known files that the sighting lists.


_OF_A_FILE = ("id", "stem", "extension", "file_type", "recording_type", "size", "obstacle")
_OF_A_RECORDING = (
    *("id", "readiness", "title", "user", "meeting_id", "started", "duration"),
    *("deadline", "settles", "unfinished", "facts"),
)


def fingerprint(recording: Recording) -> str:
    """Return a short digest of what was said of `recording`; equal if nothing changed.

    In which order its files are listed is no change, nor is that the provider was told of it.
    What is said of a single file is among the facts of its recording, too. A user who is only
    inferred is left out: who is listed under an id and an address is one person.
    """
    if recording.user_inferred:
        recording = replace(recording, user="")
    in_order = sorted(recording.files, key=lambda file: file.id)
    files = [_said(file) for file in in_order]
    said = [*(getattr(recording, name) for name in _OF_A_RECORDING), files]
    if recording.shortfall is not None and recording.shortfall.missing:
        said.append(asdict(recording.shortfall))
    text = json.dumps(said, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _said(file: File) -> list[Any]:
    """Return what a fingerprint holds of a file; what was added later only where it is given."""
    said = [getattr(file, name) for name in _OF_A_FILE]
    return [*said, "addressed"] if file.addressed else said


def changes(
    recording: Recording,
    known: Sequence[HeldFile],
    rules: Filter,
    *,
    whole: bool = True,
    naming: FileNames = _NAMING,
) -> Changes:
    """Return what to write so that the catalog says of the files what `recording` says.

    A file that is missing from the sighting is left alone: absence proves nothing. Unless the
    sighting is `whole`, it does not tell either whether more is announced than listed.
    """
    pairs, names = matched(recording.files, known), _Names(recording, known, naming)
    arrivals: list[Arrival] = []
    revisions: list[Revision | None] = []
    for file in _distinct(recording.files):
        held, desired = pairs.get(file.id), _desired(recording, file, rules)
        if held is None:
            arrivals.append(_arrival(names.with_id(file), names.name(file), desired, file.id))
        elif held.state != FileState.STORED:
            revisions.append(_revision(held, file, desired))
        elif is_later_version(file, held):
            version = names.with_id(replace(file, id=shared_id(held.id, "version", file.size)))
            arrival = _arrival(version, names.name(file), desired, file.id)
            arrivals.append(replace(arrival, supersedes=held))
        else:
            revisions.append(_word_on(held, file))
    found = Changes(
        arrivals=tuple(arrivals),
        revisions=tuple(each for each in revisions if each is not None),
        listed=frozenset(held.row for held in pairs.values()),
    )
    return _with_shortfall(found, recording, known, rules, whole=whole)


class _Names:
    """What is taken among the ids and names of one recording's files."""

    def __init__(self, recording: Recording, known: Sequence[HeldFile], naming: FileNames) -> None:
        self._recording = recording
        self._naming = naming
        self._ids = {held.id for held in known}
        self._names = {held.name.casefold() for held in known}

    def with_id(self, file: File) -> File:
        """Return `file` with an id of its own, now and for ever."""
        id_, number = file.id, 1
        while id_ in self._ids:
            number += 1
            id_ = shared_id(file.id, id_by_kind(file), number)
        self._ids.add(id_)
        return replace(file, id=id_)

    def name(self, file: File) -> SafeName:
        """Return a name for `file`, numbered only where it must be."""
        number = 1
        while (
            name := self._naming.name(self._recording, file, number=number)
        ).casefold() in self._names:
            number += 1
        self._names.add(name.casefold())
        return name


def _with_shortfall(
    changes: Changes, recording: Recording, known: Sequence[HeldFile], rules: Filter, *, whole: bool
) -> Changes:
    """Add what follows from files that are announced and not listed."""
    shortfall = recording.shortfall
    if not whole or shortfall is None:
        return changes
    placeholder = next((held for held in known if held.id == UNLISTED), None)
    if not shortfall.missing:
        return replace(changes, settled=() if placeholder is None else (placeholder.row,))
    file, desired = _unlisted(recording, shortfall, rules)
    if placeholder is None:
        arrival = _arrival(file, _UNLISTED_NAME, desired, file.id)
        return replace(changes, arrivals=(*changes.arrivals, arrival))
    revisions = (*changes.revisions, _revision(placeholder, file, desired))
    return replace(changes, revisions=revisions, listed=changes.listed | {placeholder.row})


def refiltered(state: FileState, *, is_wanted: bool, obstacle: Obstacle | None) -> FileState | None:
    """Return the state that a changed filter gives a file, None if it stays as it is."""
    if state is FileState.SKIPPED and is_wanted:
        if obstacle is None:
            return FileState.DUE
        return None if obstacle in NOT_WANTED else FileState.UNAVAILABLE
    if state in _FILTERABLE and not is_wanted:
        return FileState.SKIPPED
    return None


_FILTERABLE = frozenset({FileState.DUE, FileState.FAILED, FileState.GONE, FileState.UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class _Desired:
    """What is to become of a file that is listed."""

    state: FileState
    reason: str | None = None
    detail: str | None = None


def _desired(recording: Recording, file: File, rules: Filter) -> _Desired:
    obstacle = file.obstacle
    if obstacle in NOT_WANTED:
        return _Desired(FileState.SKIPPED, EXPLANATIONS[obstacle])
    if not _is_wanted(recording, file, rules):
        return _Desired(FileState.SKIPPED, FILTERED)
    if obstacle is None or file.addressed:
        return _Desired(FileState.DUE)
    return _Desired(FileState.UNAVAILABLE, obstacle.value, EXPLANATIONS[obstacle])


def _unlisted(recording: Recording, shortfall: Shortfall, rules: Filter) -> tuple[File, _Desired]:
    """Return what stands for the files that are announced and not listed."""
    is_audio = shortfall.obstacle is Obstacle.PARTICIPANT_AUDIO
    file = File(
        id=UNLISTED,
        stem=_UNLISTED_NAME,
        extension="",
        file_type="M4A" if is_audio else "",
        recording_type=Obstacle.PARTICIPANT_AUDIO.value if is_audio else "",
        obstacle=shortfall.obstacle,
    )
    desired = _desired(recording, file, rules)
    if desired.state is FileState.UNAVAILABLE:
        detail = f"{shortfall.told}; {EXPLANATIONS[shortfall.obstacle]}"
        desired = replace(desired, detail=detail)
    return file, desired


def _arrival(file: File, name: SafeName, desired: _Desired, asked_as: FileId) -> Arrival:
    return Arrival(
        file=file,
        name=name,
        state=desired.state,
        reason=desired.reason,
        detail=desired.detail,
        asked_as=None if asked_as == file.id else asked_as,
    )


def _revision(held: HeldFile, file: File, desired: _Desired) -> Revision:
    asked_as = None if file.id == held.id else file.id
    state = _revised(held, file, desired)
    if state is None:
        return Revision(row=held.row, file=file, asked_as=asked_as)
    return Revision(
        row=held.row, file=file, state=state, reason=desired.reason, detail=desired.detail,
        asked_as=asked_as,
    )  # fmt: skip


def _word_on(held: HeldFile, file: File) -> Revision | None:
    """Return what is new of a stored file: how it is asked for, or facts that were not kept."""
    asked_as = None if file.id == held.id else file.id
    if asked_as == held.asked_as and (held.facts is not None or not file.facts):
        return None
    kept = file if held.facts is None else replace(file, facts=held.facts)
    return Revision(row=held.row, file=kept, asked_as=asked_as, is_stored=True)


def _is_wanted(recording: Recording, file: File, rules: Filter) -> bool:
    return wanted(
        rules,
        file_type=file.file_type,
        recording_type=file.recording_type,
        meeting_id=recording.meeting_id,
        topic=recording.title,
        duration=recording.duration,
        started=recording.started,
    )


_SUPERSEDED: Mapping[FileState, frozenset[FileState]] = {
    FileState.DUE: frozenset({FileState.SKIPPED, FileState.GONE, FileState.UNAVAILABLE}),
    FileState.UNAVAILABLE: frozenset(
        {FileState.DUE, FileState.SKIPPED, FileState.FAILED, FileState.GONE}
    ),
    FileState.SKIPPED: _FILTERABLE,
}
"""By what is wanted now: the states that it ends. What is unavailable stays a fact of the provider
whatever we tried before; a failed file is tried anew only if the provider made it anew."""


def _revised(held: HeldFile, file: File, desired: _Desired) -> FileState | None:
    state = FileState(held.state)
    if state is FileState.FAILED and desired.state is FileState.DUE and file.size != held.promised:
        return FileState.DUE  # the provider made it anew
    if state is desired.state is FileState.UNAVAILABLE:
        return None if (held.reason, held.detail) == (desired.reason, desired.detail) else state
    return desired.state if state in _SUPERSEDED[desired.state] else None


def _distinct(files: Iterable[File]) -> Iterable[File]:
    found: dict[FileId, File] = {}
    for file in files:
        found.setdefault(file.id, file)
    return found.values()


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
