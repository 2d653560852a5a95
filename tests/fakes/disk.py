"""Disks that fail as told, and an archive on one."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

from fakes.holdings import NOON
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.part import SMALL
from reelkeep.core.layout import parse_layout
from reelkeep.disk import Disk

EFFECTS = frozenset(name for name in vars(Disk) if not name.startswith("_")) - {"boot"}


class FaultyDisk(Disk):
    """Counts calls; the one numbered `fail_at` raises, and if it is `dead` all after it too.

    Nothing is really flushed, and descriptors are always really closed.
    """

    def __init__(
        self,
        *,
        fail_at: int | None = None,
        error: int = errno.EIO,
        dead: bool = False,
        boot: str = "boot-1",
    ) -> None:
        self.calls: list[str] = []
        self._fail_at = fail_at
        self._error = error
        self._dead = dead
        self._boot = boot
        self._failing: str | None = None

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in EFFECTS:
            return found

        def call(*args: Any) -> Any:
            return self._call(name, found, *args)

        return call

    def boot(self) -> str:
        return self._boot

    def fail_next(self, name: str) -> None:
        """Let the next call of `name` fail."""
        self._failing = name

    def fdatasync(self, fd: int) -> None:
        pass

    def fsync(self, fd: int) -> None:
        pass

    def _call(self, name: str, effect: Callable[..., Any], *args: Any) -> Any:
        if name == "fsync_directory":
            effect = lambda _path: None  # noqa: E731
        number = len(self.calls)
        self.calls.append(name)
        fails = self._fail_at is not None and (
            number == self._fail_at or (self._dead and number > self._fail_at)
        )
        if name == self._failing:
            self._failing, fails = None, True
        if fails:
            if name == "close":
                effect(*args)
            raise OSError(self._error, os.strerror(self._error))
        return effect(*args)


class StubbornDisk(FaultyDisk):
    """Refuses what is among `refused`, from now on and until that is empty."""

    def __init__(self, error: int) -> None:
        super().__init__()
        self.error = error
        self.refused: frozenset[str] = frozenset()

    def _call(self, name: str, effect: Callable[..., Any], *args: Any) -> Any:
        if name in self.refused:
            raise OSError(self.error, os.strerror(self.error))
        return super()._call(name, effect, *args)


class ForgetfulDisk(FaultyDisk):
    """What was written and not flushed is rubbish after `power_cut`."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self._unflushed: dict[int, list[tuple[int, int]]] = {}

    def pwrite(self, fd: int, pieces: Sequence[memoryview], offset: int) -> int:
        count = super().pwrite(fd, pieces, offset)
        self._unflushed.setdefault(os.fstat(fd).st_ino, []).append((offset, count))
        return count

    def fdatasync(self, fd: int) -> None:
        self._unflushed.pop(os.fstat(fd).st_ino, None)

    def fsync(self, fd: int) -> None:
        self.fdatasync(fd)

    def power_cut(self, root: Path) -> None:
        """Let what lies under `root` be as a machine finds it that lost its power."""
        for path in root.rglob("*"):
            if not path.is_file():
                continue
            status = path.stat()
            with path.open("r+b") as file:
                for offset, count in self._unflushed.get(status.st_ino, ()):
                    file.seek(offset)
                    file.write(b"?" * max(0, min(count, status.st_size - offset)))


class TightDisk(Disk):
    """Takes at most `most` bytes in one write, and `room` bytes altogether."""

    def __init__(self, *, most: int = 1 << 30, room: int = 1 << 30) -> None:
        self.most = most
        self.room = room

    def pwrite(self, fd: int, pieces: Sequence[memoryview], offset: int) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        allowed = min(self.most, self.room)
        count = os.pwrite(fd, b"".join(pieces)[:allowed], offset)
        self.room -= count
        return count


class SlowDisk(Disk):
    """Writes only once `go` is set, and tells in which order writes and closes came."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.go = threading.Event()
        self.order: list[str] = []

    def pwrite(self, fd: int, pieces: Sequence[memoryview], offset: int) -> int:
        self.began.set()
        self.go.wait(120)
        count = super().pwrite(fd, pieces, offset)
        self.order.append("written")
        return count

    def close(self, fd: int) -> None:
        self.order.append("closed")
        super().close(fd)


class BrokenFlush(Disk):
    """Cannot flush what `error` says it cannot."""

    def __init__(self, error: int) -> None:
        self.error = error

    def fdatasync(self, fd: int) -> None:
        self.fsync(fd)

    def fsync(self, fd: int) -> None:  # noqa: ARG002 - as the real one
        raise OSError(self.error, os.strerror(self.error))


class Linkless(Disk):
    """A disk without hard links."""

    def link(self, source: Path, target: Path) -> None:  # noqa: ARG002 - as the real one
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(source))


class Rebooted(Disk):
    """A disk on a machine that was started anew, and this time is called `boot`."""

    def __init__(self, boot: str) -> None:
        self._boot = boot

    def boot(self) -> str:
        return self._boot


def archive_on(
    root: Path,
    disk: Disk | None = None,
    *,
    layout: str = "{provider}/{start:%Y}/{key}",
    small: int = SMALL,
    bags: bool = False,
) -> LocalArchive:
    """Return an archive at `root` as the settings' defaults would have it."""
    return LocalArchive(
        root,
        layout=parse_layout(layout),
        timezone=UTC,
        file_mode=0o640,
        directory_mode=0o750,
        min_free=0,
        clock=lambda: NOON,
        disk=disk,
        small=small,
        bags=bags,
    )


class TwoVolumes(ForgetfulDisk):
    """A disk where the folder `mount` is on a file system of its own."""

    def __init__(self, mount: Path, **how: Any) -> None:
        super().__init__(**how)
        self._mount = mount

    def rename(self, source: Path, target: Path) -> None:
        self._cross(source, target)
        super().rename(source, target)

    def link(self, source: Path, target: Path) -> None:
        self._cross(source, target)
        super().link(source, target)

    def _cross(self, source: Path, target: Path) -> None:
        if self._is_within(source) is not self._is_within(target):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))

    def _is_within(self, path: Path) -> bool:
        """By where it really is, as a link may lead there."""
        return (path.parent.resolve() / path.name).is_relative_to(self._mount)
