"""Decide whether a recording may be moved to its provider's trash.

Only if every file that the provider lists of it at this moment is stored here, verified and as
large as it is there, nothing of it is unfinished, and no late file is expected any more. What is
not known speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reelkeep.core.lifecycle import FileState, RecordingState
from reelkeep.core.model import File, HeldFile, Holding, Level, Readiness, Recording


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
