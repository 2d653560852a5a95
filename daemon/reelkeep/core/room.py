"""Decide which files fit on the disk, and for which of them room is kept.

The rule: a file is fetched if it fits in what is free above `archive.min_free`, less what the
transfers under way still need. What does not fit is passed over and stays due. A recording that its
provider deletes within a week has its room kept: files that are in no such danger must also leave
the room that all endangered files together need.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

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


def room_left(free: int, *, flying: Iterable[int], kept: int) -> Room:
    """Return what fits in `free` bytes.

    `flying` are the bytes that each transfer under way still needs, `kept` those that endangered
    files need which are not under way yet.
    """
    left = free - sum(flying)
    return Room(urgent=left, other=left - kept)
