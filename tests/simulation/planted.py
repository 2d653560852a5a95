"""Bugs that other downloaders had, planted into the daemon one at a time: each is to be found.

The numbers are those of the list of real bugs in the transfer notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from reelkeep.archive.partfile import PartFile
from reelkeep.core import retry
from reelkeep.core.resume import Ask, Continue, Decision, decide
from reelkeep.errors import BadReply
from reelkeep.stages import stream
from reelkeep.stages.space import Space
from reelkeep.stages.verify import Verifier
from simulation.disk import SimDisk

Plant = Callable[[], AbstractContextManager[Any]]


def _appended() -> AbstractContextManager[Any]:
    """Let a 200 that answers a range go on where the part ends (1)."""

    def careless(asked: Ask, status: int, headers: Mapping[str, str], **known: Any) -> Decision:
        found = decide(asked, status, headers, **known)
        if asked.offset and status == 200:
            length = int(headers.get("Content-Length", 0))
            return Continue(asked.offset, length, asked.offset + length)
        return found

    return patch.object(stream, "decide", careless)


def _shifted() -> AbstractContextManager[Any]:
    """Take a 206 for what was asked for, wherever it begins (4)."""

    def careless(asked: Ask, status: int, headers: Mapping[str, str], **known: Any) -> Decision:
        try:
            return decide(asked, status, headers, **known)
        except BadReply:
            if status != 206 or known["total"] is None:
                raise
            return Continue(asked.offset, int(headers["Content-Length"]), known["total"])

    return patch.object(stream, "decide", careless)


def _stale() -> AbstractContextManager[Any]:
    """Keep the first validator of a part when it is begun anew (5)."""
    begin, first = PartFile.begin, dict[object, str | None]()

    def careless(part: PartFile, validator: str | None, total: Any, promises: Any) -> None:
        begin(part, first.setdefault(part.path, validator), total, promises)

    return patch.object(PartFile, "begin", careless)


def _truncated() -> AbstractContextManager[Any]:
    """Believe a body that just ends (15)."""
    return patch.object(Verifier, "_need_two_readings", lambda *_: None)


def _stuck() -> AbstractContextManager[Any]:
    """Wait for ever once the disk was full (21)."""
    fits = Space._fits

    async def careless(space: Space, size: int) -> bool:
        return await fits(space, size) and not space.__dict__.setdefault("once", space.low)

    async def remembering(space: Space, size: int) -> bool:
        found = await careless(space, size)
        space.__dict__["once"] = space.__dict__.get("once") or space.low
        return found

    return patch.object(Space, "_fits", remembering)


def _sleepy() -> AbstractContextManager[Any]:
    """Sleep for hours before the third attempt (24)."""
    backoff = retry.backoff

    def careless(attempt: int, policy: retry.Policy, dice: float) -> timedelta:
        return backoff(attempt, policy, dice) if attempt < 2 else timedelta(seconds=9000)

    return patch.object(retry, "backoff", careless)


def _hasty() -> AbstractContextManager[Any]:
    """Tell the provider before the names are on disk (29, 16)."""
    return patch.object(SimDisk, "fsync_directory", lambda *_: None)


def _page() -> AbstractContextManager[Any]:
    """Save a login page as the file (33)."""
    return patch.object(stream, "content_problem", lambda *_: None)


PLANTS: Mapping[str, Plant] = {
    "appended": _appended,
    "shifted": _shifted,
    "stale": _stale,
    "truncated": _truncated,
    "stuck": _stuck,
    "sleepy": _sleepy,
    "hasty": _hasty,
    "page": _page,
}
