"""Bring waiting files to a folder on another volume: copied, flushed, and renamed there."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISDIR

from reelkeep.archive.folder_format import Form, staged_form
from reelkeep.archive.folders import Folders
from reelkeep.archive.ground import Ground
from reelkeep.archive.places import Places, tag
from reelkeep.archive.whereabouts import is_at, stored, waiting
from reelkeep.core.model import HeldFile, Holding
from reelkeep.disk import Disk, link_or_move, write_all, write_small
from reelkeep.errors import IoFailed

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Across:
    """Copies into the volumes of one archive. Blocking."""

    ground: Ground
    folders: Folders
    form: Form  #: Of folders that were not begun yet.
    directory_mode: int
    version: str  #: Of this program, for the manifest.

    def publish(self, holding: Holding, folder: PurePosixPath) -> str:
        """Let a new folder appear on the volume that holds its place; durable."""
        volumes, home = self.ground.volumes, self.ground.places.root / folder
        self.folders.make(folder.parent)
        near = volumes.near(folder)
        if near is self.ground.places:
            near = volumes.find(folder.parent)
        place = self._stage(holding, near)
        self.ground.disk.rename(place, home)
        self.ground.directories.flush(home.parent)
        self.clear(holding)
        volumes.fills(folder)
        return str(folder)

    def link(
        self, holding: Holding, file: HeldFile, source: Path, target: Path, near: Places
    ) -> None:
        """Give the file that waits at `source` one more name, or a copy on the volume of `near`."""
        disk = self.ground.disk
        if near is self.ground.places:
            link_or_move(disk, source, target)
            return
        scratch = near.scratch(tag(holding.key, file.id))
        self._copy(holding, file, scratch)
        link_or_move(disk, scratch, target)
        disk.unlink(scratch)

    def _stage(self, holding: Holding, places: Places) -> Path:
        """Return a durable copy of a new folder on the volume of `places`."""
        disk, place = self.ground.disk, places.staged(holding.key)
        _clear(disk, place)
        disk.mkdir(place, self.directory_mode)
        begun = staged_form(disk, self.ground.places.staged(holding.key))
        form = begun or self.form
        files = form.files(place)
        if files != place:
            disk.mkdir(files, self.directory_mode)
        for file in stored(holding):
            self._copy(holding, file, files / file.name)
        for name, content in form.papers(holding, version=self.version).items():
            write_small(disk, place / name, content, self.ground.file_mode)
        for path in dict.fromkeys((files, place, places.staging)):
            disk.fsync_directory(path)
        return place

    def _copy(self, holding: Holding, file: HeldFile, target: Path) -> None:
        """Copy a waiting file to `target`, flushed; its name is not.

        Raises:
            IoFailed: It waits nowhere, or what was read is not what was stored.
        """
        waits = waiting(self.ground.places, holding, file)
        source = next((path for path in waits if is_at(self.ground.disk, path, file)), None)
        if source is None:
            raise IoFailed(f"stored, but missing: {file.name} of {holding.key}")
        if _copied(self.ground.disk, source, target, self.ground.file_mode) != file.sha256:
            self.ground.disk.unlink(target)
            raise IoFailed(f"{source} does not hold the bytes that were stored")

    def clear(self, holding: Holding) -> None:
        """Remove what waited, now that it has its names on another volume."""
        for file in stored(holding):
            for path in waiting(self.ground.places, holding, file):
                self.ground.disk.unlink(path)
        _clear(self.ground.disk, self.ground.places.staged(holding.key))


def _copied(disk: Disk, source: Path, target: Path, mode: int) -> str:
    """Copy a file, flushed; return the digest of what was written."""
    digest, at = hashlib.sha256(), 0
    read = disk.open(source, os.O_RDONLY)
    try:
        write = disk.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            while piece := disk.pread(read, _PIECE, at):
                digest.update(piece)
                write_all(disk, write, piece, at)
                at += len(piece)
            disk.fchmod(write, mode)
            disk.fsync(write)
        finally:
            disk.close(write)
    finally:
        disk.close(read)
    return digest.hexdigest()


def _clear(disk: Disk, place: Path) -> None:
    """Remove a staged folder, which may be there."""
    for name in disk.names(place):
        status = disk.status(place / name)
        if status is not None and S_ISDIR(status.st_mode):
            _clear(disk, place / name)
        else:
            disk.unlink(place / name)
    with suppress(FileNotFoundError):
        disk.rmdir(place)
