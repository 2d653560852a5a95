"""Give a whole file its place among the finished ones, durably."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from reelkeep.archive.disk import write_small
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

    def write(self, content: bytes, sha256: str) -> None:
        """Write the whole `content` as a part, and put it into its place."""
        scratch = self._ground.places.part(self._download)
        try:
            write_small(self._disk, scratch, content, self._ground.file_mode)
            self.make_room(sha256)
        except OSError:
            with suppress(OSError):
                self._disk.unlink(scratch)
            raise
        self.move(scratch)

    def make_room(self, sha256: str) -> None:
        """Put aside what has the place already, unless it is the same file.

        The catalog knows nothing of it: who knows a file to be stored fetches it no more.
        """
        status = self._disk.status(self._target)
        if status is not None and sha256_of(self._disk, self._target) != sha256:
            reason = "it waited under the name of a file that then arrived differently"
            self._ground.quarantine.take(self._target, self._download, Held(), reason)

    def move(self, path: Path) -> None:
        """Move the flushed file at `path` there; its name is durable when this returns."""
        self._disk.rename(path, self._target)
        try:
            self._ground.directories.flush(self._target.parent)
        except OSError:
            with suppress(OSError):
                self._disk.unlink(self._target)
            raise
