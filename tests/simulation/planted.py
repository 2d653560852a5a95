"""Bugs that other downloaders had, planted into the daemon one at a time: each is to be found.

The numbers are those of the list of real bugs in the transfer notes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from reelkeep.core import retry
from reelkeep.core.resume import Ask
from reelkeep.stages import stream
from simulation.disk import SimDisk

Plant = Callable[[], AbstractContextManager[Any]]


def _restarting() -> AbstractContextManager[Any]:
    """Begin at the first byte again after every break (8)."""
    return patch.object(stream, "missing", lambda *_: Ask(0))


def _unflushed() -> AbstractContextManager[Any]:
    """Take bytes for finished that were never flushed (16)."""
    return patch.object(SimDisk, "fdatasync", lambda *_: None)


def _sleepy() -> AbstractContextManager[Any]:
    """Sleep for hours before the third attempt (24)."""
    backoff = retry.backoff

    def careless(attempt: int, policy: retry.Policy, dice: float) -> timedelta:
        return backoff(attempt, policy, dice) if attempt < 2 else timedelta(seconds=9000)

    return patch.object(retry, "backoff", careless)


def _hasty() -> AbstractContextManager[Any]:
    """Tell the provider before the names are on disk (29)."""
    return patch.object(SimDisk, "fsync_directory", lambda *_: None)


def _page() -> AbstractContextManager[Any]:
    """Save a login page as the file (33)."""
    return patch.object(stream, "content_problem", lambda *_: None)


PLANTS: Mapping[str, Plant] = {
    "restarting": _restarting,
    "unflushed": _unflushed,
    "sleepy": _sleepy,
    "hasty": _hasty,
    "page": _page,
}
