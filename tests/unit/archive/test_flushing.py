"""Directories are flushed for many at once, and never for one who came too late."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from reelkeep.archive.flushing import Directories
from reelkeep.disk import Disk

HOME = Path("somewhere")


class Slow(Disk):
    """Flushes when it is told to, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.began = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.count = 0

    def fsync_directory(self, path: Path) -> None:
        assert path == HOME
        self.count += 1
        self.began.release()
        assert self.go.acquire(timeout=120)
        if self.failures:
            self.failures -= 1
            raise OSError(5, "as told")


def flushing(directories: Directories, failed: list[OSError] | None = None) -> threading.Thread:
    def work() -> None:
        try:
            directories.flush(HOME)
        except OSError as error:
            assert failed is not None
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_those_who_come_while_one_runs_share_the_next() -> None:
    directories = Directories(disk := Slow())
    first = flushing(directories)
    assert disk.began.acquire(timeout=120)
    others = [flushing(directories) for _ in range(5)]
    disk.go.release()
    first.join(120)
    assert disk.began.acquire(timeout=120)
    disk.go.release()
    for thread in others:
        thread.join(120)
    assert disk.count == 2


def test_who_comes_while_one_runs_is_not_done_with_it() -> None:
    directories = Directories(disk := Slow())
    first = flushing(directories)
    assert disk.began.acquire(timeout=120)
    late = flushing(directories)
    disk.go.release()
    first.join(120)
    assert late.is_alive()
    assert disk.began.acquire(timeout=120)
    disk.go.release()
    late.join(120)
    assert disk.count == 2


def test_a_failure_is_told_to_all_who_shared_it_and_to_no_other() -> None:
    directories = Directories(disk := Slow(failures=1))
    failed: list[OSError] = []
    first = flushing(directories, failed)
    assert disk.began.acquire(timeout=120)
    late = flushing(directories)
    disk.go.release()
    disk.go.release()
    first.join(120)
    late.join(120)
    assert [error.errno for error in failed] == [5]


def test_one_after_the_other_is_flushed_each_time() -> None:
    directories = Directories(disk := Slow())
    for _ in range(3):
        disk.go.release()
        directories.flush(HOME)
    assert disk.count == 3


def test_any_other_error_is_not_taken_for_success() -> None:
    class Broken(Disk):
        def fsync_directory(self, path: Path) -> None:  # noqa: ARG002 - as the real one
            raise MemoryError

    with pytest.raises(MemoryError):
        Directories(Broken()).flush(HOME)
