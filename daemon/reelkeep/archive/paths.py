"""Say where in an archive things lie, and where a stored file may be found.

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
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from reelkeep.core.integrity import Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.manifest import (
    BAGIT,
    DATA,
    INFO,
    MANIFEST,
    PAYLOAD,
    SUMS,
    TAGS,
    bag_papers,
    dump,
    encode_sums,
    to_manifest,
)
from reelkeep.core.model import Download, HeldFile, Holding
from reelkeep.disk import Disk, read_small

OURS = ".reelkeep"
"""The one directory in the archive that is not for people."""


@lru_cache(maxsize=1024)
def tag(key: str, file: str) -> str:
    """Return the name by which a file goes before it has its own."""
    digest = hashlib.sha256(file.encode(errors="surrogatepass")).hexdigest()
    return f"{key}-{digest[:16]}"


class ArchivePaths:
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


def stored(holding: Holding) -> list[HeldFile]:
    """Return the files of `holding` that are to be here."""
    return [file for file in holding.files if file.state == FileState.STORED]


def waiting(places: ArchivePaths, holding: Holding, file: HeldFile) -> list[Path]:
    """Return where `file` may lie before it is in its folder, whatever form that will have."""
    staged = places.staged(holding.key)
    return [
        *(form.files(staged) / file.name for form in (PLAIN, BAG)),
        places.kept(holding.key, file.id),
    ]


def is_at(disk: Disk, path: Path, file: HeldFile) -> bool:
    """Whether a plain file of the size of `file` is at `path`; its bytes are not read. Blocking."""
    status = disk.status(path)
    return status is not None and S_ISREG(status.st_mode) and status.st_size == file.size


def nowhere(
    disk: Disk, places: ArchivePaths, holding: Holding, home: Path | None = None
) -> list[HeldFile]:
    """Return the stored files that lie, in their size, neither in `home` nor where they wait.

    Blocking.
    """
    files = None if home is None else form_of(disk, home).files(home)
    return [
        file
        for file in stored(holding)
        if not any(
            is_at(disk, path, file)
            for path in (
                *([files / file.name] if files is not None else ()),
                *waiting(places, holding, file),
            )
        )
    ]


def rows_nowhere(disk: Disk, places: ArchivePaths, holding: Holding) -> tuple[list[int], Mark]:
    """Return the rows of stored files of `holding` that are nowhere, and how they are: missing.

    The files of a folder that cannot be looked at are returned, too: nobody can claim that they
    are here. They are unreadable. Blocking.
    """
    home = places.root / holding.folder if holding.folder else None
    try:
        return [file.row for file in nowhere(disk, places, holding, home)], Mark.MISSING
    except OSError:
        return [file.row for file in stored(holding)], Mark.UNREADABLE


def finished_file(disk: Disk, places: ArchivePaths, download: Download) -> Path | None:
    """Return where the finished file of `download` waits, its bytes and its name durable.

    Blocking.
    """
    kept = places.kept(download.key, download.file)
    staged = places.staged(download.key)
    for path in (kept, *(form.files(staged) / download.name for form in (PLAIN, BAG))):
        status = disk.status(path)
        if status is not None and S_ISREG(status.st_mode):
            _make_durable(disk, path)
            return path
    return None


def _make_durable(disk: Disk, path: Path) -> None:
    fd = disk.open(path, os.O_RDONLY)
    try:
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.fsync_directory(path.parent)
