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
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import File, FileId, HeldFile, Recording, Shortfall
from reelkeep.core.naming import SafeName, file_name
from reelkeep.core.obstacles import EXPLANATIONS, NOT_WANTED, Obstacle

FILTERED = "not wanted by the filter"
"""The reason of a file that was skipped because of `include`, `exclude` or `since`."""

UNLISTED: Final = FileId("(not listed)")
"""Stands for all files that are announced and not listed."""

_UNLISTED_NAME: Final = SafeName("not-listed")  # real files have an extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that was not known: its name is given now and never changes."""

    file: File
    name: SafeName
    state: FileState
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What changes about a known file: the provider's word on it, and perhaps its state.

    A stored file has none: what was said of it when it was fetched stays.
    """

    row: int
    file: File
    state: FileState | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a sighting changes about the files of one recording."""

    arrivals: tuple[Arrival, ...] = ()
    revisions: tuple[Revision, ...] = ()
    settled: tuple[int, ...] = ()  #: Rows that stood for what is listed now: to be deleted.


_OF_A_FILE = ("id", "stem", "extension", "file_type", "recording_type", "size", "obstacle")
_OF_A_RECORDING = (
    *("id", "readiness", "title", "user", "meeting_id", "started", "duration"),
    *("deadline", "settles", "unfinished", "facts"),
)


def fingerprint(recording: Recording) -> str:
    """Return a short digest of what was said of `recording`; equal if nothing changed.

    In which order its files are listed is no change, nor is that the provider was told of it.
    What is said of a single file is among the facts of its recording, too.
    """
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
    recording: Recording, known: Sequence[HeldFile], rules: Filter, *, whole: bool = True
) -> Changes:
    """Return what to write so that the catalog says of the files what `recording` says.

    A file that is missing from the sighting is left alone: absence proves nothing. Unless the
    sighting is `whole`, it does not tell either whether more is announced than listed.
    """
    by_id = {held.id: held for held in known}
    taken = {held.name.casefold() for held in known}
    arrivals: list[Arrival] = []
    revisions: list[Revision] = []
    for file in _distinct(recording.files):
        wish = _wish(recording, file, rules)
        held = by_id.get(file.id)
        if held is None:
            name = _free_name(file, taken)
            taken.add(name.casefold())
            arrivals.append(_arrival(file, name, wish))
        elif held.state != FileState.STORED:
            revisions.append(_revision(held, file, wish))
    placeholder = by_id.get(UNLISTED)
    if whole and recording.shortfall is not None:
        if not recording.shortfall.missing:
            settled = () if placeholder is None else (placeholder.row,)
            return Changes(arrivals=tuple(arrivals), revisions=tuple(revisions), settled=settled)
        file, wish = _unlisted(recording, recording.shortfall, rules)
        if placeholder is None:
            arrivals.append(_arrival(file, _UNLISTED_NAME, wish))
        else:
            revisions.append(_revision(placeholder, file, wish))
    return Changes(arrivals=tuple(arrivals), revisions=tuple(revisions))


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
class _Wish:
    """What is to become of a file that is listed."""

    state: FileState
    reason: str | None = None
    detail: str | None = None


def _wish(recording: Recording, file: File, rules: Filter) -> _Wish:
    obstacle = file.obstacle
    if obstacle in NOT_WANTED:
        return _Wish(FileState.SKIPPED, EXPLANATIONS[obstacle])
    if not _is_wanted(recording, file, rules):
        return _Wish(FileState.SKIPPED, FILTERED)
    if obstacle is None or file.addressed:
        return _Wish(FileState.DUE)
    return _Wish(FileState.UNAVAILABLE, obstacle.value, EXPLANATIONS[obstacle])


def _unlisted(recording: Recording, shortfall: Shortfall, rules: Filter) -> tuple[File, _Wish]:
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
    wish = _wish(recording, file, rules)
    if wish.state is FileState.UNAVAILABLE:
        detail = f"{shortfall.told}; {EXPLANATIONS[shortfall.obstacle]}"
        wish = replace(wish, detail=detail)
    return file, wish


def _arrival(file: File, name: SafeName, wish: _Wish) -> Arrival:
    return Arrival(file=file, name=name, state=wish.state, reason=wish.reason, detail=wish.detail)


def _revision(held: HeldFile, file: File, wish: _Wish) -> Revision:
    state = _revised(held, file, wish)
    if state is None:
        return Revision(row=held.row, file=file)
    return Revision(row=held.row, file=file, state=state, reason=wish.reason, detail=wish.detail)


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
"""By what is wished now: the states that it ends. What is unavailable stays a fact of the provider
whatever we tried before; a failed file is tried anew only if the provider made it anew."""


def _revised(held: HeldFile, file: File, wish: _Wish) -> FileState | None:
    state = FileState(held.state)
    if state is FileState.FAILED and wish.state is FileState.DUE and file.size != held.promised:
        return FileState.DUE  # the provider made it anew
    if state is wish.state is FileState.UNAVAILABLE:
        return None if (held.reason, held.detail) == (wish.reason, wish.detail) else state
    return wish.state if state in _SUPERSEDED[wish.state] else None


def _free_name(file: File, taken: set[str]) -> SafeName:
    number = 1
    while (name := file_name(file.stem, file.extension, number=number)).casefold() in taken:
        number += 1
    return name


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
