"""The journal of one part, on disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from reelkeep.core.journal import Journal, decode, encode
from reelkeep.disk import Disk, read_small, replace_small

_LIMIT = 16 * 1024 * 1024  # a tebibyte has a mebibyte of marks


class JournalFile:
    """Reads, writes and drops the journal at `path`. Blocking."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self.present = False  #: It may be on disk.

    def load(self) -> Journal | None:
        """Return what is on disk, None if that cannot be trusted."""
        content = read_small(self._disk, self._path, limit=_LIMIT)
        self.present = content is not None
        return decode(content or b"")

    def write(self, journal: Journal) -> None:
        """Put `journal` in place of the one that is there, durably."""
        self.present = True  # whatever happens now
        scratch = self._path.with_suffix(".json.tmp")
        replace_small(self._disk, self._path, encode(journal), mode=0o600, scratch=scratch)

    def drop(self) -> None:
        """Remove the journal, durably."""
        if self.present:
            self._disk.unlink(self._path)
            self._disk.fsync_directory(self._path.parent)
            self.present = False

    def discard(self) -> None:
        """Remove the journal if the disk still obeys."""
        with suppress(OSError):
            self._disk.unlink(self._path)
