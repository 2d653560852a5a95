"""Make an archive's own directories, lock it, and know which archive it is."""

from __future__ import annotations

import errno
import json
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from reelkeep.archive.file_system import write_probe
from reelkeep.archive.paths import ArchivePaths
from reelkeep.archive.threads import Threads
from reelkeep.core.disk_errors import row_of
from reelkeep.core.identity import IDENTITY_BYTES, Ruling, decode_identity, encode_identity, refusal
from reelkeep.disk import FULL, Disk, make_directory, read_small, replace_small, write_all
from reelkeep.errors import ArchiveAbsent, Busy, ConfigError

_OURS = 0o700
_OPERATORS = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENOENT, errno.ELOOP}
    | {errno.EEXIST, errno.ENAMETOOLONG, errno.EISDIR}
)


def prepare(disk: Disk, places: ArchivePaths, directory_mode: int) -> bool:
    """Make what is missing, close `.reelkeep` to others, and write a little. Blocking.

    False: the disk is full, and something may be missing. That is fine: it is waited for.

    Raises:
        ConfigError: The path is one that this user cannot write to.
    """
    try:
        make_directory(disk, places.root, directory_mode)
        for path in (places.ours, places.parts, places.finished, places.staging, places.quarantine):
            if disk.status(path) is None:
                disk.mkdir(path, _OURS)
        disk.chmod(places.ours, _OURS)
        disk.fsync_directory(places.ours)
        disk.fsync_directory(places.root)
        write_probe(disk, places)
    except OSError as error:
        if error.errno in _OPERATORS:
            where, advice = error.filename or places.root, row_of(error.errno).advice
            raise ConfigError(
                f"archive.path: cannot write {where}: {error.strerror}. {advice}"
            ) from error
        if error.errno not in FULL:
            raise
        return False
    return True


_LIMIT = 4096


def acquire(disk: Disk, path: Path, now: datetime, *, what: str) -> int:
    """Lock the file at `path`, write there who we are, and return its descriptor.

    What an earlier holder left in the file decides nothing. `what` is held, in words.

    Raises:
        Busy: Another process holds it; the message says which.
    """
    fd = disk.open(path, os.O_RDWR | os.O_CREAT)
    try:
        _lock(disk, fd, what)
        _introduce(disk, fd, now)
    except BaseException:
        disk.close(fd)
        raise
    return fd


def only_writer(disk: Disk, fd: int, name: str) -> None:
    """Become the only writer of the part of the file `name`, for as long as `fd` is open.

    Raises:
        Busy: It has one.
    """
    try:
        disk.lock(fd)
    except BlockingIOError as error:
        raise Busy(f"another writer has the part of {name}") from error


def _introduce(disk: Disk, fd: int, now: datetime) -> None:
    ours = {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat()}
    with suppress(OSError):  # a full disk is no reason not to start
        disk.truncate(fd, 0)
        write_all(disk, fd, json.dumps(ours).encode() + b"\n")


def _lock(disk: Disk, fd: int, what: str) -> None:
    try:
        disk.lock(fd)
    except BlockingIOError as error:
        holder = _holder(disk.pread(fd, _LIMIT, 0))
        raise Busy(f"{what} is held by {holder}") from error


def _holder(content: bytes) -> str:
    try:
        found = json.loads(content)
        pid, host, since = int(found["pid"]), str(found["host"]), str(found["since"])
    except (ValueError, TypeError, KeyError):
        return "another process"
    return f"process {pid} on {ascii(host)[1:-1]} since {ascii(since)[1:-1]}"


_MODE = 0o600


class ArchiveIdentity:
    """The identity of the archive at one place, and the one that is expected there. Blocking.

    Until one is expected, every place will do.
    """

    def __init__(self, disk: Disk, places: ArchivePaths) -> None:
        self._disk = disk
        self._places = places
        self._expected: str | None = None
        self._seen: tuple[int, int] | None = None  # device and number of the file that was right

    def read(self) -> str | None:
        """Return the identity that lies there, None if there is none.

        Raises:
            ArchiveAbsent: There is one, and it cannot be read.
        """
        path = self._places.identity
        try:
            content = read_small(self._disk, path, limit=IDENTITY_BYTES)
        except NotADirectoryError:
            return None
        except OSError as error:
            row = row_of(error.errno)
            why = f"{error.strerror}. {row.meaning} {row.advice}"
            told = f"{path} cannot be read: {why} Nothing is written to this archive until then"
            raise ArchiveAbsent(told) from error
        if content is None and self._disk.status(path) is not None:
            told = f"{path} is no regular file; move away what stands there"
            raise ArchiveAbsent(f"{told}. Nothing is written to this archive until then")
        try:
            return None if content is None else decode_identity(content)
        except ValueError as error:
            told = (
                f"{path} is damaged: {error}; nothing is written to this archive. If it is the "
                "right one, remove that file and run `reelkeep archive init`"
            )
            raise ArchiveAbsent(told) from error

    def write(self, identity: str) -> None:
        """Give the archive `identity`, durably, and expect it from now on."""
        scratch = self._places.identity.with_suffix(".tmp")
        content = encode_identity(identity)
        replace_small(self._disk, self._places.identity, content, mode=_MODE, scratch=scratch)
        self.expect(identity)

    def expect(self, identity: str | None) -> None:
        """Let only the archive with `identity` be written to from now on; None: any."""
        self._expected, self._seen = identity, None

    def check(self) -> None:
        """See that the expected archive is still there: one look at a file's status.

        Raises:
            ArchiveAbsent: It is not; nothing must be written.
        """
        if self._expected is None:
            return
        status = self._disk.status(self._places.identity)
        mark = None if status is None else (status.st_dev, status.st_ino)
        if mark is not None and mark == self._seen:
            return
        found = self.read()
        if found == self._expected:
            self._seen = mark  # some file systems number their files anew now and then
            return
        self._seen = None
        ruling = Ruling.ABSENT if found is None else Ruling.OTHER
        raise ArchiveAbsent(refusal(ruling, str(self._places.root)) or "")


class IdentityAccess:
    """The same for those on the event loop."""

    def __init__(self, threads: Threads, identity: ArchiveIdentity) -> None:
        self._threads = threads
        self._identity = identity

    async def read(self) -> str | None:
        """Return which archive lies there; see `ArchiveIdentity.read`."""
        return await self._threads.run(self._identity.read)

    async def write(self, identity: str) -> None:
        """Give the archive an identity, durably, and expect it from now on."""
        await self._threads.run(self._identity.write, identity)

    def expect(self, identity: str | None) -> None:
        """Let only this archive be written to, whatever else is mounted there; None: any."""
        self._identity.expect(identity)

    async def check(self) -> None:
        """See that the expected archive is there; see `ArchiveIdentity.check`."""
        await self._threads.run(self._identity.check)


def read_identity(root: Path) -> str | None:
    """Return which archive is at `root`; see `ArchiveIdentity.read`. Blocking."""
    return ArchiveIdentity(Disk(), ArchivePaths(root)).read()
