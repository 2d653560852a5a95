"""Say where in an archive things lie.

    .reelkeep/identity                        which archive this is, as its catalog knows
    .reelkeep/volumes                         file systems of their own below, if there are any
    .reelkeep/file-systems                    what they could do at the last start
    .reelkeep/lock                            who works here
    .reelkeep/parts/<key>-<file>.part         unfinished files, with .json beside: the journal
    .reelkeep/finished/<key>-<file>           whole and verified, waiting for their recording
    .reelkeep/staging/<key>/                  a folder about to appear, .../<key>.tmp its manifest
    .reelkeep/quarantine/<key>-<file>-<n>.*   bad bytes, and why

`<file>` is a digest of the file's id: no text of a provider becomes a name here.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from reelkeep.core.model import Download

OURS = ".reelkeep"
"""The one directory in the archive that is not for people."""


@lru_cache(maxsize=1024)
def tag(key: str, file: str) -> str:
    """Return the name by which a file goes before it has its own."""
    digest = hashlib.sha256(file.encode(errors="surrogatepass")).hexdigest()
    return f"{key}-{digest[:16]}"


class Places:
    """The directories of the archive at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ours = root / OURS
        self.parts = self.ours / "parts"
        self.finished = self.ours / "finished"
        self.staging = self.ours / "staging"
        self.quarantine = self.ours / "quarantine"
        self.lock = self.ours / "lock"
        self.identity = self.ours / "identity"
        self.volumes = self.ours / "volumes"
        self.file_systems = self.ours / "file-systems"

    def part(self, download: Download) -> Path:
        return self.parts / f"{tag(download.key, download.file)}.part"

    def kept(self, key: str, file: str) -> Path:
        """Return where a finished file waits for its recording."""
        return self.finished / tag(key, file)

    def staged(self, key: str) -> Path:
        """Return where a folder is prepared that has not appeared yet."""
        return self.staging / key

    def scratch(self, key: str) -> Path:
        """Return where a manifest is written that will replace another."""
        return self.staging / f"{key}.tmp"
