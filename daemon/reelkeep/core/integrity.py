"""What is found when a recording's folder is read again, and what of it is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding


class Mark(StrEnum):
    """What was found of one file."""

    OK = "ok"
    MISSING = "missing"
    ALTERED = "altered"
    UNREADABLE = "unreadable"  #: It is there, and the disk or its permissions do not give it.
    FOREIGN = "foreign"


FOLDER_ITSELF = "./"
"""Stands for the folder in a verdict: what is in it cannot be looked at."""

DAMAGE = frozenset({Mark.MISSING, Mark.ALTERED, Mark.UNREADABLE})
"""What a file of ours can suffer; what is foreign was never ours."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One file of a folder; `sha256` is what was read, None if it was not read this time."""

    name: str
    mark: Mark
    size: int | None = None
    sha256: str | None = None
    reason: str | None = None  #: What the system said, if it could not be read.


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderVerdict:
    """What was found in one folder; provider, id and key are those of a readable manifest."""

    folder: str  #: Relative to the archive, with `/`.
    provider: str | None = None
    id: str | None = None
    key: str | None = None
    checked: tuple[Checked, ...] = ()
    away: str | None = None  #: The folder above it of which the volume is not there now.

    @property
    def ok(self) -> bool:
        """Whether all is there, as it was written, and nothing else."""
        return all(each.mark is Mark.OK for each in self.checked)

    @property
    def is_recording(self) -> bool:
        """Whether the folder is a recording's, or was one; else all in it is foreign."""
        return any(each.mark is not Mark.FOREIGN for each in self.checked)

    def names(self, mark: Mark) -> tuple[str, ...]:
        """Return the files with this mark."""
        return tuple(each.name for each in self.checked if each.mark is mark)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blemish:
    """One thing that is not as it was written."""

    folder: str
    file: str
    mark: Mark
    provider: str | None
    recording: str | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHealth:
    """How one stored file of the catalog was found; `fault` is None if it is as it should be."""

    row: int
    fault: Mark | None
    reason: str | None = None


def health(verdict: FolderVerdict, holding: Holding) -> Iterator[FileHealth]:
    """Yield how each stored file of `holding` was found, if it was looked at this time.

    Unknown is not absent: in a folder that cannot be read every file is unreadable, none missing.
    Nothing is yielded of a folder on a volume that is away: that is the volume's state. Nothing
    either of a file that a whole folder does not claim, if the folder is to be published again:
    what was stored since waits beside it until no other file of the recording is to be fetched.
    """
    if verdict.away is not None:
        return
    found = {checked.name: checked for checked in verdict.checked}
    closed = found.get(FOLDER_ITSELF)
    may_wait = verdict.key is not None and holding.published < holding.revision
    for file in holding.files:
        if file.state != FileState.STORED:
            continue
        if may_wait and file.name not in found:
            continue
        checked = found.get(file.name) or _unseen(file.name, closed)
        mark = checked.mark
        if mark is Mark.OK and checked.sha256 is None:
            continue  # read earlier in the same reading of the whole
        if mark is Mark.OK and checked.sha256 != file.sha256:
            mark = Mark.ALTERED
        yield FileHealth(
            row=file.row, fault=mark if mark in DAMAGE else None, reason=checked.reason
        )


def _unseen(name: str, closed: Checked | None) -> Checked:
    """Return what there is to say of a file that was not come by; its folder may be `closed`."""
    if closed is None:
        return Checked(name, Mark.MISSING)
    return Checked(name, Mark.UNREADABLE, reason=closed.reason)


def blemishes(verdict: FolderVerdict, holding: Holding | None) -> Iterator[Blemish]:
    """Yield what is wrong in one folder, for its own sums or for what the catalog knows of it."""

    def blemish(file: str, mark: Mark, reason: str | None) -> Blemish:
        return Blemish(
            folder=verdict.folder,
            file=file,
            mark=mark,
            provider=verdict.provider if holding is None else holding.provider,
            recording=verdict.id if holding is None else holding.id,
            reason=reason,
        )

    told = set[str]()
    for checked in verdict.checked:
        if checked.mark is not Mark.OK:
            told.add(checked.name)
            yield blemish(checked.name, checked.mark, checked.reason)
    if holding is None:
        return
    names = {file.row: file.name for file in holding.files}
    for each in health(verdict, holding):
        if each.fault is not None and names[each.row] not in told:
            yield blemish(names[each.row], each.fault, each.reason)


PORTION: Final = timedelta(minutes=1)
"""What is due in so long is read in one go."""

GENTLE: Final = 8 << 20
"""Bytes a second that a disk and a core hardly notice."""

_PAPERS: Final = 4096  # what a recording costs beside its files


def portion(total: int, period: timedelta) -> int:
    """Return how many bytes to read in one go, of `total` in each `period`."""
    return max(1, round(total * (PORTION / period)))


def rate(total: int, period: timedelta) -> int:
    """Return how many bytes a second to read at most while a portion is read.

    Twice what the period asks for, so that what was not read in time is made up for.
    """
    return max(GENTLE, round(2 * total / period.total_seconds()))


def weight(size: int, recordings: int = 1) -> int:
    """Return what `recordings` count that hold `size` bytes together."""
    return size + recordings * _PAPERS


def next_portion(
    read: int, total: int, *, period: timedelta, oldest: datetime, now: datetime
) -> datetime:
    """Return when to read on, `read` bytes of `total` having been read just now.

    `oldest` is when the file that waits longest was read; if that is longer ago than the period,
    the pauses are half as long until it is made up for.
    """
    pause = period * min(1.0, read / max(total, read, 1))
    return now + (pause / 2 if now - oldest > period else pause)
