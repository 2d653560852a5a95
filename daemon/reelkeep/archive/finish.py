"""Give a flushed file its place among the finished ones."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from reelkeep.archive.ground import Ground
from reelkeep.archive.stream import sha256_of
from reelkeep.core.model import Download
from reelkeep.ports import Held


class Finish:
    """The place of one download among the finished files. Blocking."""

    def __init__(self, ground: Ground, download: Download) -> None:
        self._ground = ground
        self._disk = ground.disk
        self._download = download
        self._target = ground.places.kept(download.key, download.file)

    def make_room(self, sha256: str) -> None:
        """Put aside what has the place already, unless it is the same file.

        The catalog knows nothing of it: who knows a file to be stored fetches it no more.

        Raises:
            ArchiveAbsent: Another archive is expected.
        """
        self._ground.identity.check()
        status = self._disk.status(self._target)
        if status is not None and sha256_of(self._disk, self._target) != sha256:
            reason = "it waited under the name of a file that then arrived differently"
            self._ground.quarantine.take(self._target, self._download, Held(), reason)

    def recall(self, path: Path, sha256: str) -> None:
        """Flush the file at `path`, which is in quarantine, and move it there; its note goes."""
        fd = self._disk.open(path, os.O_RDWR)
        try:
            self._disk.fchmod(fd, self._ground.file_mode)
            self._disk.fsync(fd)
        finally:
            self._disk.close(fd)
        self.make_room(sha256)
        self.move(path)
        with suppress(OSError):
            self._disk.unlink(path.with_suffix(".json"))

    def move(self, path: Path) -> None:
        """Move the flushed file at `path` there; its name is durable when this returns."""
        self.give_name(path)
        try:
            self._ground.directories.flush(self._target.parent)
        except OSError:
            self.take_name()
            raise

    def give_name(self, path: Path) -> None:
        """Move the flushed file at `path` there; its name is not flushed."""
        self._disk.rename(path, self._target)

    def take_name(self) -> None:
        """Remove a file of which nobody can tell whether its name is durable."""
        with suppress(OSError):
            self._disk.unlink(self._target)
