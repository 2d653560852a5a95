"""Decide what a new sighting of a recording changes in what the catalog knows of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from reelkeep.core.filters import Filter, wanted
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import File, FileId, HeldFile, Recording
from reelkeep.core.naming import SafeName, file_name

FILTERED = "not wanted by the filter"
"""The reason of a file that was skipped because of `include`, `exclude` or `since`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file that was not known: its name is given now and never changes."""

    file: File
    name: SafeName
    state: FileState
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """What changes about a known file: the provider's word on it, and perhaps its state.

    A stored file has none: what was said of it when it was fetched stays.
    """

    row: int
    file: File
    state: FileState | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a sighting changes about the files of one recording."""

    arrivals: tuple[Arrival, ...] = ()
    revisions: tuple[Revision, ...] = ()


_OF_A_FILE = tuple(field.name for field in fields(File))
_OF_A_RECORDING = tuple(
    field.name for field in fields(Recording) if field.name not in ("files", "told", "undescribed")
)


def fingerprint(recording: Recording) -> str:
    """Return a short digest of what was said of `recording`; equal if nothing changed.

    In which order its files are listed is no change, nor is that the provider was told of it.
    """
    in_order = sorted(recording.files, key=lambda file: file.id)
    files = [[getattr(file, name) for name in _OF_A_FILE] for file in in_order]
    said = [*(getattr(recording, name) for name in _OF_A_RECORDING), files]
    text = json.dumps(said, sort_keys=True, default=_plain, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def changes(recording: Recording, known: Sequence[HeldFile], rules: Filter) -> Changes:
    """Return what to write so that the catalog says of the files what `recording` says.

    A file that is missing from the sighting is left alone: absence proves nothing.
    """
    by_id = {held.id: held for held in known}
    taken = {held.name.casefold() for held in known}
    arrivals: list[Arrival] = []
    revisions: list[Revision] = []
    for file in _distinct(recording.files):
        state, reason = _wish(recording, file, rules)
        held = by_id.get(file.id)
        if held is None:
            name = _free_name(file, taken)
            taken.add(name.casefold())
            arrivals.append(Arrival(file=file, name=name, state=state, reason=reason))
        elif held.state != FileState.STORED:
            revised = _revised(held, file, state)
            revisions.append(
                Revision(row=held.row, file=file, state=revised, reason=reason if revised else None)
            )
    return Changes(arrivals=tuple(arrivals), revisions=tuple(revisions))


def refiltered(state: FileState, *, is_wanted: bool, obstructed: bool) -> FileState | None:
    """Return the state that a changed filter gives a file, None if it stays as it is."""
    if state is FileState.SKIPPED and is_wanted and not obstructed:
        return FileState.DUE
    if state in (FileState.DUE, FileState.FAILED, FileState.GONE) and not is_wanted:
        return FileState.SKIPPED
    return None


def _wish(recording: Recording, file: File, rules: Filter) -> tuple[FileState, str | None]:
    if file.obstacle is not None:
        return FileState.SKIPPED, file.obstacle
    if _is_wanted(recording, file, rules):
        return FileState.DUE, None
    return FileState.SKIPPED, FILTERED


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


def _revised(held: HeldFile, file: File, wish: FileState) -> FileState | None:
    state = FileState(held.state)
    if state is FileState.GONE and wish is FileState.DUE:
        return FileState.DUE  # it is back
    if state is FileState.FAILED and wish is FileState.DUE and file.size != held.promised:
        return FileState.DUE  # the provider made it anew
    return refiltered(state, is_wanted=wish is FileState.DUE, obstructed=file.obstacle is not None)


def _free_name(file: File, taken: set[str]) -> SafeName:
    number = 1
    while (name := file_name(file.stem, file.extension, number=number)).casefold() in taken:
        number += 1
    return name


def _distinct(files: Iterable[File]) -> Iterable[File]:
    seen: dict[FileId, File] = {}
    for file in files:
        seen.setdefault(file.id, file)
    return seen.values()


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
