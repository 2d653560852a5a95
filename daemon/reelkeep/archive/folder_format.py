"""Say where in a recording's folder its files lie, and which papers stand beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR

from reelkeep.core.bag import BAGIT, DATA, INFO, PAYLOAD, TAGS, bag_papers
from reelkeep.core.lifecycle import FileState
from reelkeep.core.manifest import MANIFEST, SUMS, dump, to_manifest
from reelkeep.core.model import Holding
from reelkeep.core.sums import encode_sums
from reelkeep.disk import Disk, read_small


@dataclass(frozen=True, slots=True)
class Form:
    """A folder's form: plain, or a BagIt bag (RFC 8493)."""

    is_bag: bool

    @property
    def retired(self) -> tuple[str, ...]:
        """Papers that are removed before a file joins the others.

        They would say something false until they are written anew; a bag may do without them.
        """
        return (TAGS, INFO) if self.is_bag else ()

    def retire(self, disk: Disk, home: Path) -> None:
        """Remove these, durably. Blocking."""
        for name in self.retired:
            disk.unlink(home / name)
        if self.retired:
            disk.fsync_directory(home)

    def files(self, home: Path) -> Path:
        """Return where the recording's files lie in its folder."""
        return home / DATA if self.is_bag else home

    def papers(self, holding: Holding, *, version: str) -> Mapping[str, bytes]:
        """Return manifest and sums by name, in the order in which they are to be written."""
        manifest = dump(to_manifest(holding, version=version))
        if self.is_bag:
            return bag_papers(holding, manifest, version=version)
        stored = (file for file in holding.files if file.state == FileState.STORED)
        sums = {file.name: file.sha256 or "" for file in stored}
        sums[MANIFEST] = sha256(manifest).hexdigest()
        return {MANIFEST: manifest, SUMS: encode_sums(sums)}


PLAIN, BAG = Form(is_bag=False), Form(is_bag=True)


def form_of(disk: Disk, home: Path) -> Form:
    """Return the form of a folder that is there: it keeps the one it was made in. Blocking."""
    is_bag = any(disk.status(home / name) is not None for name in (BAGIT, PAYLOAD))
    return Form(is_bag=is_bag)


def staged_form(disk: Disk, place: Path) -> Form | None:
    """Return the form in which a folder began to be staged, None if one cannot tell. Blocking."""
    status = disk.status(place / DATA)
    if status is not None and S_ISDIR(status.st_mode):
        return BAG
    return PLAIN if disk.names(place) else None


def says(disk: Disk, path: Path, content: bytes) -> bool:
    """Whether the file at `path` holds exactly `content`. Blocking."""
    return read_small(disk, path, limit=len(content) + 1) == content
