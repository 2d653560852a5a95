"""Flush many files and directories at once: a file system's journal takes them all in one go.

Several threads do nothing else, and so stay out of each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

FLUSHERS = 8
"""Flushes at a time."""

_FEW = 4


class Flushers:
    """Threads that flush. Blocking; they are started when they are first needed."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(FLUSHERS, thread_name_prefix="flush")

    def flush(self, jobs: Sequence[Callable[[], None]]) -> list[OSError | None]:
        """Do all of `jobs`; return for each what went wrong, if anything did."""
        if len(jobs) <= _FEW:
            return [_outcome(job) for job in jobs]
        return list(self._pool.map(_outcome, jobs))


def _outcome(job: Callable[[], None]) -> OSError | None:
    try:
        job()
    except OSError as error:
        return error
    return None
