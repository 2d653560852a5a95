"""A real folder that knows what of it would survive a power cut.

Bytes are durable once their file was flushed, names once their directory was, with all that was
done to names before: in the order of a journal, as ext4 and xfs have it. What was done since is
undone by a cut, the last of it first and as far back as the dice say. Of bytes that were not
flushed it leaves all, none, half, or noughts.

It is the seam of the simulation: any other `Disk` with these few more methods will do.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from reelkeep.disk import Disk, Limits
from simulation.fate import Fate
from simulation.mount import Mount
from simulation.refusals import Refusals

_READING = "pread_into"
"""The effect by which files of the archive are read again, and by nobody else."""

_EFFECTS = frozenset(name for name in vars(Disk) if not name.startswith("_")) - {"boot"}


@dataclass(frozen=True, slots=True, eq=False)
class _Change:
    """Something that was done to names, and how it is undone."""

    where: tuple[Path, ...]  #: Flushing one of these directories makes it durable.
    path: Path  #: The name that came, or went.
    undo: Callable[[], None]


class SimDisk(Disk):
    """The disk below `root`. Every effect asks `fate` first; times are those of `now`.

    What is done to directories above the simulation's own is not counted: how many there are says
    where its files lie on this machine.

    It may be unmounted (`mount`), refuse what is asked of it (`refusals`), be full (`room`), and be
    smaller than a file (`largest`).
    """

    def __init__(self, root: Path, now: Callable[[], float]) -> None:
        self.fate = Fate()
        self.room = 1 << 40  #: Bytes that may still be written.
        self.largest = 1 << 40  #: Bytes that a file may have at most: that is all of the disk.
        self.at_reading: Callable[[], None] | None = None  #: Called when files are read again.
        self.mount = Mount(root)
        self.refusals = Refusals()
        self.cuts = 0
        self._home = root.parent
        self._graves = root.with_name(f"{root.name}.graves")
        self._graves.mkdir()
        self._now = now
        self._count = 0
        self._fds: set[int] = set()
        self._changes: list[_Change] = []  # that are not durable
        self._dirty: dict[int, bytes] = {}  # what is durable of files that are not
        self._touched: dict[int, float] = {}

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in _EFFECTS:
            return found

        def call(*args: Any) -> Any:
            if isinstance(args[0], Path) and not args[0].is_relative_to(self._home):
                return found(*args)
            self.fate.tick()
            if name == _READING and self.at_reading is not None:
                self.at_reading()
            self.refusals.meet(name, args)
            return found(*args)

        return call

    def boot(self) -> str:
        return f"boot-{self.cuts}"

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        new = bool(flags & os.O_CREAT) and not os.path.lexists(path)
        if flags & os.O_TRUNC and not new:
            self._soil(path.lstat().st_ino, path)
        fd = super().open(path, flags, mode)
        self._fds.add(fd)
        if new:
            self._dirty[_number(fd)] = b""
            self._touched[_number(fd)] = self._now()
            self._changed(path, lambda: path.unlink(missing_ok=True))
        return fd

    def close(self, fd: int) -> None:
        self._fds.remove(fd)
        super().close(fd)

    def pwrite(self, fd: int, pieces: Sequence[memoryview], offset: int) -> int:
        content = b"".join(pieces)[: max(0, min(self.room, self.largest - offset))]
        if not content:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._soil(_number(fd), Path(f"/proc/self/fd/{fd}"))
        count = os.pwrite(fd, content, offset)
        self.room -= count
        return count

    def truncate(self, fd: int, size: int) -> None:
        self._soil(_number(fd), Path(f"/proc/self/fd/{fd}"))
        super().truncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        self._dirty.pop(_number(fd), None)

    def fsync(self, fd: int) -> None:
        self.fdatasync(fd)

    def fsync_directory(self, path: Path) -> None:
        if self.mount.is_away:  # another folder of that name
            return
        mine = [n for n, each in enumerate(self._changes, 1) if path in each.where]
        del self._changes[: max(mine, default=0)]

    def rename(self, source: Path, target: Path) -> None:
        grave = self._bury(target)
        super().rename(source, target)

        def undo() -> None:
            target.rename(source)
            if grave is not None:
                grave.rename(target)

        self._changed(target, undo, source.parent)

    def link(self, source: Path, target: Path) -> None:
        super().link(source, target)
        self._changed(target, lambda: target.unlink(missing_ok=True))

    def unlink(self, path: Path) -> None:
        grave = self._bury(path)
        super().unlink(path)
        if grave is not None:
            self._changed(path, lambda: _move(grave, path))

    def mkdir(self, path: Path, mode: int) -> None:
        super().mkdir(path, mode)
        self._changed(path, lambda: shutil.rmtree(path))

    def rmdir(self, path: Path) -> None:
        super().rmdir(path)
        self._changed(path, path.mkdir)

    def status(self, path: Path) -> os.stat_result | None:
        found = super().status(path)
        if found is None:
            return None
        at = self._touched.get(found.st_ino, 0.0)
        return os.stat_result((*found[:7], at, at, at))

    def free(self, path: Path) -> int:
        super().free(path)
        return min(self.room, self.largest)

    def limits(self, path: Path) -> Limits:
        super().limits(path)
        return Limits(
            total=self.largest,
            names=0 if self.refusals.no_names else None,
            read_only=self.refusals.read_only,
        )

    # --- what the simulation asks of it -----------------------------------------------------------

    def bury(self) -> None:
        """Close what a dead process had open."""
        for fd in self._fds:
            os.close(fd)
        self._fds.clear()

    def durable(self, path: Path) -> bytes | None:
        """Return the bytes that a power cut now would leave at `path` in the worst case."""
        with self.mount.there():
            return self._durable(path)

    def _durable(self, path: Path) -> bytes | None:
        within = {path, *path.parents}
        if any(each.path in within for each in self._changes) or not path.is_file():
            return None
        return self._dirty.get(path.lstat().st_ino, path.read_bytes())

    def power_cut(self, root: Path, random: Random) -> None:
        """Let all below `root` be as a machine finds it that lost its power."""
        self.bury()
        self.cuts += 1
        with self.mount.there():
            self._undo(root, random)

    def _undo(self, root: Path, random: Random) -> None:
        kept = random.randint(0, len(self._changes))
        for each in reversed(self._changes[kept:]):
            with suppress(OSError):  # where it was done is gone itself
                each.undo()
        for folder, _, files in os.walk(root):
            for path in (Path(folder, name) for name in sorted(files)):
                durable = self._dirty.get(path.lstat().st_ino)
                if durable is not None:
                    path.write_bytes(_remains(durable, path.read_bytes(), random))
        self._changes.clear()
        self._dirty.clear()

    def _changed(self, path: Path, undo: Callable[[], None], *more: Path) -> None:
        self._changes.append(_Change((path.parent, *more), path, undo))

    def _soil(self, number: int, path: Path) -> None:
        self._touched[number] = self._now()
        if number not in self._dirty:
            self._dirty[number] = path.read_bytes()

    def _bury(self, path: Path) -> Path | None:
        """Keep a file that loses its name, for the case that this is undone."""
        if not path.is_file():
            return None
        self._count += 1
        grave = self._graves / str(self._count)
        os.link(path, grave, follow_symlinks=False)
        return grave


def _number(fd: int) -> int:
    return os.fstat(fd).st_ino


def _move(source: Path, target: Path) -> None:
    source.rename(target)


def _remains(durable: bytes, content: bytes, random: Random) -> bytes:
    kept = durable if content.startswith(durable) else b""  # what was flushed stays
    half = content[: max(len(kept), len(content) // 2)]
    return random.choice([durable, content, half, kept.ljust(len(content), b"\0")])
