"""What the daemon does to a disk, one method for each effect, so that a test can fail any one.

Methods are blocking, speak of paths and descriptors, and raise `OSError` as the kernel does;
`translated` turns that into this package's errors, at the one place where a thread is left.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.core.disk_errors import Scope, row_of, scope_of
from reelkeep.errors import (
    CannotStore,
    DiskFull,
    IoFailed,
    StorageUnavailable,
    TransferError,
)

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What the kernel says when there is no room, or no quota."""

_STANDS_IN_THE_WAY = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR})
"""Errors of which the kernel's own words say too little: it passes when somebody removes that."""

_CANNOT_FSYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_CANNOT_LINK = frozenset({errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_CANNOT_CHMOD = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
)


def disk_error(error: OSError | TransferError) -> TransferError:
    """Return what `error` means to this package; one of its own is that already."""
    if isinstance(error, TransferError):
        return error
    reason = error.strerror or str(error)
    message = f"{reason}{f': {error.filename}' if error.filename else ''}"
    if error.errno in _STANDS_IN_THE_WAY:
        row = row_of(error.errno)
        message += f". {row.meaning} {row.advice}"
    scope = scope_of(error.errno)
    if scope in (Scope.PLACE, Scope.PROCESS):
        return StorageUnavailable(message, condition=scope.value)
    return _ERRORS.get(scope, IoFailed)(message)


_ERRORS: Final[Mapping[Scope, type[TransferError]]] = {
    Scope.FULL: DiskFull,
    Scope.FINAL: CannotStore,
}


@contextmanager
def translated() -> Iterator[None]:
    """Let no `OSError` out but as `DiskFull` or `IoFailed`, or what is more exact of them."""
    try:
        yield
    except OSError as error:
        raise disk_error(error) from error


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file system holds at most, and whether it takes anything at all."""

    total: int  #: Bytes of the whole file system.
    names: int | None  #: New files that fit; None where the file system does not count them.
    read_only: bool


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """One name in a directory. What is neither a directory nor a link may be anything."""

    name: str
    is_directory: bool
    is_link: bool


class Disk:
    """The real disk. Files are opened without following a link in the last component."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode)

    def close(self, fd: int) -> None:
        os.close(fd)

    def pwrite(self, fd: int, pieces: Sequence[memoryview], offset: int) -> int:
        """Write at `offset`; return how many bytes were, which may be fewer than given."""
        return os.pwritev(fd, pieces, offset)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Return up to `size` bytes from `offset`, none at the end."""
        return os.pread(fd, size, offset)

    def pread_into(self, fd: int, into: memoryview, offset: int) -> int:
        """Fill `into` with bytes from `offset`; return how many there were, 0 at the end."""
        return os.preadv(fd, [into], offset)

    def forget(self, fd: int, offset: int, size: int) -> None:
        """Drop clean pages of a file from memory; a `size` of 0 is all from `offset` on."""
        with suppress(OSError):  # a favour that not every file system does
            os.posix_fadvise(fd, offset, size, os.POSIX_FADV_DONTNEED)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def size(self, fd: int) -> int:
        return os.fstat(fd).st_size

    def is_file(self, fd: int) -> bool:
        """Return whether it is an ordinary file, and no pipe or the like."""
        return stat.S_ISREG(os.fstat(fd).st_mode)

    def lock(self, fd: int) -> None:
        """Hold a file while `fd` is open; `BlockingIOError` if another descriptor holds it."""
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def fchmod(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def fdatasync(self, fd: int) -> None:
        """Flush bytes and size. After a failure the bytes are lost: never ask the same fd again."""
        os.fdatasync(fd)

    def fsync(self, fd: int) -> None:
        """Flush bytes, size and mode; a failure is as final as that of `fdatasync`."""
        os.fsync(fd)

    def fsync_directory(self, path: Path) -> None:
        """Flush the names in `path`, where the file system can do that."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.fsync(fd)
        except OSError as error:
            if error.errno not in _CANNOT_FSYNC:
                raise
        finally:
            os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, in place of a file that has it."""
        source.rename(target)

    def link(self, source: Path, target: Path) -> None:
        """Give `source` one more name, unless something has it: `FileExistsError`."""
        os.link(source, target, follow_symlinks=False)

    def unlink(self, path: Path) -> None:
        """Remove a name; one that is missing is fine."""
        path.unlink(missing_ok=True)

    def mkdir(self, path: Path, mode: int) -> None:
        """Make one directory with exactly `mode`, whatever the umask says."""
        path.mkdir(mode)
        path.chmod(mode)

    def chmod(self, path: Path, mode: int) -> None:
        path.chmod(mode)

    def rmdir(self, path: Path) -> None:
        path.rmdir()

    def status(self, path: Path) -> os.stat_result | None:
        """Return what has this very name, link or not; None if certainly nothing does.

        Only `ENOENT` and `ENOTDIR` say so; whatever else keeps us from looking is raised.
        """
        try:
            return path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, path: Path) -> list[str]:
        """Return the names in a directory, sorted; none if there is no such directory."""
        try:
            return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted, not paths
        except (FileNotFoundError, NotADirectoryError):
            return []

    def entries(self, path: Path) -> list[DirectoryEntry]:
        """Return what is in a directory, in no order."""
        with os.scandir(path) as found:
            return [
                DirectoryEntry(each.name, each.is_dir(follow_symlinks=False), each.is_symlink())
                for each in found
            ]

    def free(self, path: Path) -> int:
        """Return the bytes that an ordinary user may still write to the disk of `path`."""
        figures = os.statvfs(path)
        return figures.f_bavail * figures.f_frsize

    def limits(self, path: Path) -> Limits:
        """Return the limits of the file system of `path`."""
        figures = os.statvfs(path)
        return Limits(
            total=figures.f_blocks * figures.f_frsize,
            names=figures.f_favail if figures.f_files else None,
            read_only=bool(figures.f_flag & os.ST_RDONLY),
        )


class ArchiveDisk(Disk):
    """The disk of an archive, which may keep no modes: then its mount decides who may read there.

    So it is with FAT, exFAT, SMB and some FUSE. Whatever is secret is kept by a `Disk`.
    """

    def mkdir(self, path: Path, mode: int) -> None:
        path.mkdir(mode)
        self.chmod(path, mode)

    def chmod(self, path: Path, mode: int) -> None:
        with _modes_optional():
            super().chmod(path, mode)

    def fchmod(self, fd: int, mode: int) -> None:
        with _modes_optional():
            super().fchmod(fd, mode)


@contextmanager
def _modes_optional() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_CHMOD:
            raise


def link_or_move(disk: Disk, source: Path, target: Path) -> None:
    """Give a file one more name, or on a disk without links another one.

    Not if something has that name already: `FileExistsError`.
    """
    try:
        disk.link(source, target)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        if disk.status(target) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        disk.rename(source, target)


def make_directory(disk: Disk, path: Path, mode: int) -> None:
    """Make `path` and what is missing above it, each with exactly `mode`; all durable.

    What is there may be the work of a process that died before the name was flushed.
    """
    if path == path.parent:
        return
    make_directory(disk, path.parent, mode)
    if disk.status(path) is None:
        with suppress(FileExistsError):
            disk.mkdir(path, mode)
    try:
        disk.fsync_directory(path.parent)
    except OSError as error:  # a directory that is closed to us is none that we made
        if error.errno not in _CLOSED:
            raise


def read_small(disk: Disk, path: Path, *, limit: int) -> bytes | None:
    """Return the first `limit` bytes of a file; None if there is no file of that name."""
    try:
        fd = disk.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        return disk.pread(fd, min(limit, disk.size(fd) + 1), 0) if disk.is_file(fd) else None
    finally:
        disk.close(fd)


def write_small(disk: Disk, path: Path, content: bytes, mode: int) -> None:
    """Write a whole file in place, with exactly `mode`, and flush it; its name is not flushed."""
    fd = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(disk, fd, content)
        disk.fchmod(fd, mode)
        disk.fsync(fd)
    finally:
        disk.close(fd)


def write_unflushed(disk: Disk, path: Path, content: bytes, mode: int) -> int:
    """Write a whole file in place, with exactly `mode`; return its descriptor, to be flushed."""
    fd = disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(disk, fd, content)
        disk.fchmod(fd, mode)
    except BaseException:
        disk.close(fd)
        raise
    return fd


def replace_small(disk: Disk, path: Path, content: bytes, *, mode: int, scratch: Path) -> None:
    """Put `content` under the name `path` atomically and durably, by way of `scratch`."""
    try:
        write_small(disk, scratch, content, mode)
        disk.rename(scratch, path)
    except OSError:
        with suppress(OSError):
            disk.unlink(scratch)
        raise
    disk.fsync_directory(path.parent)


def write_all(disk: Disk, fd: int, content: bytes, offset: int = 0) -> None:
    """Write `content` at `offset`, however short the single writes are."""
    view = memoryview(content)
    while view:
        count = disk.pwrite(fd, [view], offset)
        if count == 0:
            raise OSError(errno.EIO, "the disk takes no bytes and says nothing of it")
        view, offset = view[count:], offset + count
