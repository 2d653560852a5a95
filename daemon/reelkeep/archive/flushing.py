"""Flush for many at once: the journal of a file system takes them all in one go.

Who wants a directory flushed while that runs shares the next flush; many files are flushed by
several threads, which do nothing else and so stay out of each other's way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reelkeep.disk import Disk

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


class _Round:
    """One flush of one directory: those who wait for it, and how it went."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.error: BaseException | None = None


class Directories:
    """The directories of one disk. Blocking; for any number of threads.

    A flush counts only for those who asked before it began: a name that came while it ran may
    have missed it.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._lock = threading.Lock()
        self._running: dict[Path, _Round] = {}
        self._next: dict[Path, _Round] = {}

    def flush(self, path: Path) -> None:
        """Make the names in `path` durable that are there now.

        Raises:
            OSError: The flush failed; all who shared it hear so.
        """
        with self._lock:
            mine, leads = self._join(path)
            before = self._running.get(path)
        if leads:
            if before is not None:
                before.done.wait()
            self._lead(path, mine)
        else:
            mine.done.wait()
        if mine.error is not None:
            raise mine.error

    def _join(self, path: Path) -> tuple[_Round, bool]:
        if path in self._next:
            return self._next[path], False
        self._next[path] = mine = _Round()
        return mine, True

    def _lead(self, path: Path, mine: _Round) -> None:
        with self._lock:
            del self._next[path]
            self._running[path] = mine
        try:
            self._disk.fsync_directory(path)
        except BaseException as error:  # noqa: BLE001 - raised in every thread that shared it
            mine.error = error
        finally:
            with self._lock:
                if self._running.get(path) is mine:
                    del self._running[path]
            mine.done.set()
