"""Decide what follows from what a file system can do, and which files fit on it.

The rule: a file is fetched if it fits in what is free above `archive.min_free`, less what the
transfers under way still need. What does not fit is passed over and stays due. A recording that its
provider deletes within a week has its room kept: files that are in no such danger must also leave
the room that all endangered files together need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

NAME_BYTES: Final = 255
"""The longest name that is ever made, as `core.naming` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """What a file system was found to do, where an archive makes its names."""

    folder: str  #: Of the archive; `.` is the archive itself.
    renames: bool  #: Replaces a file by another one.
    links: bool  #: Gives a file a second name.
    flushes_directories: bool  #: Makes names durable when it is asked to.
    locks: bool  #: Keeps a second process from what the first has locked.
    modes: bool  #: Keeps the permissions that a file is given.
    longest_name: int  #: Bytes of the longest name that it took.
    case: bool  #: Tells `a` from `A`.
    unicode: bool  #: Gives a name back as it was written.
    free_bytes: int
    free_files: int | None  #: None: it does not count them.

    def facts(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self)

    def differs(self, other: FileSystem) -> bool:
        """Whether it can do something else than `other`, however much is free."""
        return replace(self, free_bytes=0, free_files=None) != replace(
            other, free_bytes=0, free_files=None
        )


def limitations(found: FileSystem) -> Iterator[str]:
    """Yield what is given up on this file system, a sentence each."""
    if not found.renames:
        yield "a file cannot be replaced by a rename: nothing can be archived here"
    if not found.locks:
        yield (
            "locks have no effect: see that only one reelkeep works in this archive at a time (for "
            "a network file system, look at its mount options, such as local_lock)"
        )
    if not found.flushes_directories:
        yield "names cannot be flushed: a power cut may take files that were just stored"
    if not found.modes:
        yield (
            "permissions are not kept: the options of the mount decide who may read the archive, "
            "archive.file_mode and archive.directory_mode have no effect"
        )
    if found.longest_name < NAME_BYTES:
        yield (
            f"names have {found.longest_name} bytes at most: a recording with a longer one fails; "
            "give archive.layout or archive.file_name shorter names"
        )
    if not found.unicode:
        yield (
            "names with letters beyond ASCII are refused or changed: use an archive.layout without "
            "{title} and {user}, or another file system"
        )


URGENT = timedelta(days=7)
"""Room is kept for what is deleted within this time."""


@dataclass(frozen=True, slots=True)
class Room:
    """The largest file that fits now, in bytes; a file of unknown size counts as none."""

    urgent: int  #: For a recording that is deleted within `URGENT`.
    other: int  #: For any other.

    def fits(self, size: int | None, deadline: datetime | None, now: datetime) -> bool:
        """Return whether a file of `size` fits whose recording is deleted at `deadline`."""
        return (size or 0) <= (self.urgent if is_urgent(deadline, now) else self.other)

    def missing(self, size: int | None, deadline: datetime | None, now: datetime) -> int:
        """Return how many bytes are missing for such a file; 0 if it fits."""
        limit = self.urgent if is_urgent(deadline, now) else self.other
        return max(0, (size or 0) - limit)


PLENTY = Room(urgent=1 << 62, other=1 << 62)
"""Room for whatever comes."""


def is_urgent(deadline: datetime | None, now: datetime) -> bool:
    """Return whether room is kept for what is deleted at `deadline`.

    Not once that time is over: then nobody knows whether it is still there.
    """
    return deadline is not None and now < deadline <= now + URGENT


def room_left(free: int, *, under_way: Iterable[int], kept: int) -> Room:
    """Return what fits in `free` bytes.

    `under_way` are the bytes that each transfer under way still needs, `kept` those that endangered
    files need which are not under way yet.
    """
    left = free - sum(under_way)
    return Room(urgent=left, other=left - kept)
