"""The states of files and recordings, and the one table of allowed transitions.

    file        due -> active -> stored
            stored -> due (operator: its bytes were found lost, `verify --repair`)
            active -> due (retry), failed, gone, unavailable
            due, failed, gone, skipped -> unavailable (the provider gives no way to it now)
            unavailable -> gone (it vanished meanwhile)
            due, failed, gone, unavailable -> stored (its bytes lay in its folder all the while)
            due, active, failed, gone, unavailable -> waived (operator)
            due, failed, gone, unavailable -> skipped (filter)
            failed, gone, waived, skipped, unavailable -> due
recording   its state follows from what the provider says of it and from its files
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reelkeep.core.model import File, HeldFile, Holding, Level, Readiness, Recording


class FileState(StrEnum):
    """Where one file stands."""

    DUE = "due"  #: To be fetched, at once or from a given time on.
    ACTIVE = "active"  #: Claimed by the running process.
    STORED = "stored"  #: Verified and durable.
    FAILED = "failed"  #: Given up, with a reason code.
    WAIVED = "waived"  #: The operator does without it.
    SKIPPED = "skipped"  #: Not wanted: by the filter, or on the account's own premises.
    UNAVAILABLE = "unavailable"  #: Wanted and announced, but the provider gives no way to it now.
    GONE = "gone"  #: Vanished at the provider before it could be had.


class RecordingState(StrEnum):
    """Where one recording stands."""

    WAITING = "waiting"  #: The provider is not done with it.
    OPEN = "open"  #: Files are due, or late ones may come.
    ARCHIVED = "archived"  #: Every file is stored, skipped or waived.
    ACKNOWLEDGED = "acknowledged"  #: ... and the provider was told.
    INCOMPLETE = "incomplete"  #: Something failed, is gone or is unavailable.


_F = FileState

TRANSITIONS: Mapping[FileState, frozenset[FileState]] = {
    _F.DUE: frozenset({_F.ACTIVE, _F.STORED, _F.SKIPPED, _F.UNAVAILABLE, _F.WAIVED}),
    _F.ACTIVE: frozenset({_F.STORED, _F.DUE, _F.FAILED, _F.GONE, _F.UNAVAILABLE, _F.WAIVED}),
    _F.STORED: frozenset({_F.DUE}),
    _F.FAILED: frozenset({_F.DUE, _F.STORED, _F.WAIVED, _F.SKIPPED, _F.UNAVAILABLE}),
    _F.WAIVED: frozenset({_F.DUE, _F.UNAVAILABLE}),
    _F.SKIPPED: frozenset({_F.DUE, _F.UNAVAILABLE}),
    _F.UNAVAILABLE: frozenset({_F.DUE, _F.STORED, _F.GONE, _F.WAIVED, _F.SKIPPED}),
    _F.GONE: frozenset({_F.DUE, _F.STORED, _F.WAIVED, _F.SKIPPED, _F.UNAVAILABLE}),
}
"""Which state may follow which. A stored file stays stored: only an operator's repair of bytes
that were found lost fetches them again."""

RETRIABLE = frozenset({FileState.FAILED, FileState.GONE, FileState.WAIVED})
"""What an operator may make due again. An active file is in a downloader's hands, and what is
skipped is the filter's to decide."""

ACCEPTABLE = frozenset({FileState.DUE, FileState.FAILED, FileState.GONE})
"""States in which an operator may accept what a check refuses."""

FINAL = frozenset(FileState) - {FileState.DUE, FileState.ACTIVE}
"""States in which nothing more is going to happen by itself."""

_COMPLETE = frozenset({FileState.STORED, FileState.SKIPPED, FileState.WAIVED})

UNSETTLED = frozenset(FileState) - _COMPLETE
"""States of what is wanted, and not here."""


def sources(target: FileState) -> frozenset[FileState]:
    """Return the states from which `target` may be reached."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the state of a recording depends on."""

    readiness: Readiness
    files: Collection[FileState]
    described: bool = True  #: Its files are known.
    unfinished: int = 0  #: Files that the provider still makes.
    settled: bool = True  #: No late files are expected any more.
    overdue: bool = False  #: The provider has been at it for longer than is reasonable.
    published: bool = True  #: Folder and manifest say all there is to say.
    told: bool = False  #: The provider knows that it is archived.


def recording_state(standing: Standing) -> RecordingState:
    """Return the state that follows from `standing`; there is no other way into a state."""
    files = set(standing.files)
    in_the_making = standing.readiness is not Readiness.READY or standing.unfinished > 0
    if files - FINAL and standing.described:
        return RecordingState.OPEN
    if (in_the_making or not standing.described) and standing.overdue:
        return RecordingState.INCOMPLETE
    if in_the_making or not standing.described:
        return RecordingState.WAITING
    if files - _COMPLETE:
        return RecordingState.INCOMPLETE
    if not standing.settled or not standing.published:
        return RecordingState.OPEN
    return RecordingState.ACKNOWLEDGED if standing.told else RecordingState.ARCHIVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposal:
    """How recordings are moved to the trash."""

    limit: int  #: Recordings in one cycle, at most.
    dry_run: bool = True  #: Only say what would be moved.


def objection(holding: Holding, current: Recording, now: datetime) -> str | None:
    """Return why `holding`, listed now as `current`, may not be trashed; None if it may."""
    return next(_objections(holding, current, now), None)


def _objections(holding: Holding, current: Recording, now: datetime) -> Iterator[str]:
    if current.id != holding.id:
        yield "the provider answered for another recording"
    if holding.state != RecordingState.ARCHIVED or holding.folder is None:
        yield f"it is not archived, but {holding.state}"
    if current.readiness is not Readiness.READY or current.unfinished or holding.unfinished:
        yield "the provider has not finished all of its files"
    if not current.files:
        yield "the provider lists no file of it"
    yield from _unsettled(holding, current, now)
    # of several versions of a file, the latest is what the provider has
    held = {file.asked_as or file.id: file for file in holding.files}
    for file in current.files:
        yield from _unkept(file, held.get(file.id))
    for kept in holding.files:
        if kept.state != FileState.STORED:
            yield f"{kept.name} is not stored, but {kept.state}"


def _unsettled(holding: Holding, current: Recording, now: datetime) -> Iterator[str]:
    for settles in (holding.settles, current.settles):
        if settles is None:
            yield "it is not known until when late files may come"
        elif settles > now:
            yield f"late files may come until {settles:%Y-%m-%dT%H:%M:%SZ}"


def _unkept(file: File, held: HeldFile | None) -> Iterator[str]:
    if held is None:
        yield "the provider lists a file that is not known here"
        return
    if held.state != FileState.STORED or held.sha256 is None:
        yield f"{held.name} is not stored, but {held.state}"
    if held.reason is not None and held.state == FileState.STORED:
        yield f"{held.name} was stored although a check did not believe it ({held.reason})"
    if held.verified in (None, Level.NONE.value):
        yield f"{held.name} could not be verified: nothing was promised of it"
    if file.size is not None and file.size != held.size:
        yield f"{held.name} has {file.size} bytes there and {held.size} here"
