"""Give verified files their place among the finished ones, many in one visit to a thread.

All are written, then all are flushed at once, then all get their names, and at last these are
flushed. Whatever fails of one concerns no other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from reelkeep.archive.flushing import Flushers
from reelkeep.archive.hashed_file import sha256_of
from reelkeep.archive.paths import ArchivePaths
from reelkeep.archive.quarantine import Quarantine
from reelkeep.archive.setup import ArchiveIdentity
from reelkeep.archive.volumes import Volumes
from reelkeep.core.model import Download
from reelkeep.disk import Disk, disk_error, write_unflushed
from reelkeep.errors import TransferError
from reelkeep.ports import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveContext:
    """The disk, where things lie on it, and how they are to be left there."""

    disk: Disk
    places: ArchivePaths
    quarantine: Quarantine
    identity: ArchiveIdentity
    volumes: Volumes
    file_mode: int


class FinishedPlace:
    """The place of one download among the finished files. Blocking."""

    def __init__(self, ground: ArchiveContext, download: Download) -> None:
        self._ground = ground
        self._disk = ground.disk
        self._download = download
        self.path = ground.places.kept(download.key, download.file)

    def make_room(self, sha256: str) -> None:
        """Put aside what has the place already, unless it is the same file.

        The catalog knows nothing of it: who knows a file to be stored fetches it no more.

        Raises:
            ArchiveAbsent: Another archive is expected.
        """
        self._ground.identity.check()
        status = self._disk.status(self.path)
        if status is not None and sha256_of(self._disk, self.path) != sha256:
            reason = "it waited under the name of a file that then arrived differently"
            self._ground.quarantine.take(self.path, self._download, Held(), reason)

    def recall(self, path: Path, sha256: str) -> None:
        """Flush the file at `path`, which is in quarantine, and move it there; its note goes."""
        fd = self._disk.open(path, os.O_RDWR)
        try:
            self._disk.fchmod(fd, self._ground.file_mode)
            self._disk.fsync(fd)
        finally:
            self._disk.close(fd)
        self.make_room(sha256)
        self._disk.rename(path, self.path)
        try:
            self._disk.fsync_directory(self.path.parent)
        except OSError:
            self.take_name()
            raise
        with suppress(OSError):
            self._disk.unlink(path.with_suffix(".json"))

    def take_name(self) -> None:
        """Remove a file of which nobody can tell whether its name is durable."""
        with suppress(OSError):
            self._disk.unlink(self.path)


@dataclass(frozen=True, slots=True)
class Verified:
    """A file that is whole and verified: `content` is in memory, or (None) flushed in its part."""

    download: Download
    sha256: str
    content: bytes | None = None


class FinishedFiles:
    """The finished files of one archive. Blocking."""

    def __init__(self, ground: ArchiveContext, flushers: Flushers) -> None:
        self._ground = ground
        self._flushers = flushers

    def keep(self, files: Sequence[Verified]) -> list[bool | Exception]:
        """Keep all of `files`; return for each True, or why not: a DiskFull or an IoFailed."""
        try:
            self._ground.identity.check()
        except (OSError, TransferError) as absent:
            return [disk_error(absent)] * len(files)
        all_ = [_Keeping(self._ground, file) for file in files]
        for each in all_:
            each.write()
        written = [each for each in all_ if each.error is None and each.fd is not None]
        flushed = self._flushers.flush([each.flush for each in written])
        for each, error in zip(written, flushed, strict=True):
            each.error = error
        for each in all_:
            each.give_name()
        named = [each for each in all_ if each.error is None]
        try:
            if named:
                self._ground.disk.fsync_directory(self._ground.places.finished)
        except OSError as error:
            for each in named:
                each.take_name(error)
        for each in all_:
            each.tidy()
        return [True if each.error is None else disk_error(each.error) for each in all_]


class _Keeping:
    """One file on its way."""

    def __init__(self, ground: ArchiveContext, file: Verified) -> None:
        self.error: OSError | TransferError | None = None
        self.fd: int | None = None
        self._disk = ground.disk
        self._mode = ground.file_mode
        self._file = file
        self._part = ground.places.part(file.download)
        self._place = FinishedPlace(ground, file.download)

    def write(self) -> None:
        with self._noting():
            if self._file.content is not None:
                self.fd = write_unflushed(self._disk, self._part, self._file.content, self._mode)

    def flush(self) -> None:
        if self.fd is not None:
            self._disk.fsync(self.fd)

    def give_name(self) -> None:
        """Give the file its name, if all went well so far; the name is not flushed."""
        with self._noting():
            if self.error is None:
                if self._file.content is not None:  # else a part has seen to that
                    self._place.make_room(self._file.sha256)
                self._disk.rename(self._part, self._place.path)

    def take_name(self, error: OSError) -> None:
        """Remove the name, which may not be durable for `error`."""
        self.error = error
        self._place.take_name()

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TransferError) as error:
            self.error = error

    def tidy(self) -> None:
        """Close the file; if something failed, remove what is left of it."""
        with suppress(OSError):
            if self.fd is not None:
                self._disk.close(self.fd)
        if self.error is not None and self._file.content is not None:
            with suppress(OSError):
                self._disk.unlink(self._part)
