"""Make a recording's finished files visible, whole and durably.

    first time    files move to .reelkeep/staging/<key>/, the manifest joins them, all is flushed,
                  and the directory is renamed to its final place
    later         new files are linked into the folder, then the manifest is replaced

Each step may be the last before a crash; beginning again finishes the work. A manifest claims
nothing that is not there, and nothing that has a final name is overwritten (rule 48).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from os.path import samestat
from pathlib import Path, PurePosixPath
from stat import S_ISREG

from reelkeep.archive.disk import Disk, move, read_small, replace_small, write_small
from reelkeep.archive.folders import Folders
from reelkeep.archive.places import Places
from reelkeep.archive.quarantine import Quarantine
from reelkeep.archive.stream import sha256_of
from reelkeep.core.lifecycle import FileState
from reelkeep.core.manifest import MANIFEST, SUMS, dump, is_plain_name, to_manifest
from reelkeep.core.model import HeldFile, Holding
from reelkeep.core.sums import encode_sums
from reelkeep.errors import IoFailed

PutAside = Callable[[Holding, str], None]
"""Hears of the recording and the name of a file that was put into quarantine."""


class Publisher:
    """Publishes into one archive. Blocking; one thread at a time for each recording."""

    def __init__(
        self,
        disk: Disk,
        places: Places,
        folders: Folders,
        quarantine: Quarantine,
        put_aside: PutAside,
        *,
        file_mode: int,
        directory_mode: int,
        version: str,
    ) -> None:
        self._disk = disk
        self._places = places
        self._folders = folders
        self._quarantine = quarantine
        self._put_aside = put_aside
        self._file_mode = file_mode
        self._directory_mode = directory_mode
        self._version = version

    def publish(self, holding: Holding) -> str:
        """Return the folder, relative to the archive, that shows all of `holding` now.

        Raises:
            IoFailed: A file that is said to be stored is nowhere.
        """
        if not all(is_plain_name(file.name) for file in holding.files):
            raise IoFailed(f"the catalog names a file of {holding.key} that cannot be")
        folder = self._folders.choose(holding)
        home = self._places.root / folder
        if self._disk.status(home) is not None:
            self._extend(holding, home)
        elif missing := self._missing(holding):
            folder = self._found_again(holding, missing)
            self._extend(holding, self._places.root / folder)
        else:
            self._appear(holding, home, folder)
        return str(folder)

    def _missing(self, holding: Holding, home: Path | None = None) -> list[str]:
        """Return the names of stored files that are not, in their size, where they can be."""
        return [
            file.name
            for file in _stored(holding)
            if not any(self._has_size(place, file) for place in self._sources(holding, file, home))
        ]

    def _sources(self, holding: Holding, file: HeldFile, home: Path | None) -> list[Path]:
        staged = self._places.staged(holding.key) / file.name
        waiting = [staged, self._places.kept(holding.key, file.id)]
        return waiting if home is None else [*waiting, home / file.name]

    def _has_size(self, path: Path, file: HeldFile) -> bool:
        status = self._disk.status(path)
        return status is not None and S_ISREG(status.st_mode) and status.st_size == file.size

    def _found_again(self, holding: Holding, missing: list[str]) -> PurePosixPath:
        folder = None if holding.folder else self._folders.search(holding)
        if folder is None:
            raise _lost(holding, missing)
        return folder

    def _appear(self, holding: Holding, home: Path, folder: PurePosixPath) -> None:
        staged = self._places.staged(holding.key)
        with suppress(FileExistsError):
            self._disk.mkdir(staged, self._directory_mode)
        for file in _stored(holding):
            if not self._has_size(staged / file.name, file):
                self._disk.rename(self._places.kept(holding.key, file.id), staged / file.name)
        for name, content in self._papers(holding).items():
            write_small(self._disk, staged / name, content, self._file_mode)
        self._disk.fsync_directory(staged)
        self._folders.make(folder.parent)
        self._disk.rename(staged, home)
        self._disk.fsync_directory(home.parent)

    def _extend(self, holding: Holding, home: Path) -> None:
        if missing := self._missing(holding, home):
            raise _lost(holding, missing)
        for file in _stored(holding):
            self._add(holding, file, home)
        self._disk.fsync_directory(home)
        for name, content in self._papers(holding).items():
            if read_small(self._disk, home / name, limit=len(content) + 1) != content:
                scratch = self._places.scratch(holding.key)
                replace_small(
                    self._disk, home / name, content, mode=self._file_mode, scratch=scratch
                )

    def _add(self, holding: Holding, file: HeldFile, home: Path) -> None:
        """Give a waiting file its final name.

        What already has it is the same file, or it is not what was once stored: then it is put
        aside, whole, for people to look at.
        """
        target = home / file.name
        for source in self._sources(holding, file, None):
            if (waiting := self._disk.status(source)) is None:
                continue
            if (there := self._disk.status(target)) is None:
                move(self._disk, source, target)
            elif samestat(waiting, there) or sha256_of(self._disk, target) == file.sha256:
                self._disk.unlink(source)
            else:
                self._quarantine.set_aside(target, holding, file)
                self._put_aside(holding, file.name)
                move(self._disk, source, target)

    def _papers(self, holding: Holding) -> dict[str, bytes]:
        """Return the manifest and the sums, in the order in which they are to be replaced."""
        manifest = dump(to_manifest(holding, version=self._version))
        sums = {file.name: file.sha256 or "" for file in _stored(holding)}
        sums[MANIFEST] = sha256(manifest).hexdigest()
        return {MANIFEST: manifest, SUMS: encode_sums(sums)}


def _stored(holding: Holding) -> list[HeldFile]:
    return [file for file in holding.files if file.state == FileState.STORED.value]


def _lost(holding: Holding, names: list[str]) -> IoFailed:
    where = holding.folder or f"the finished files of {holding.key}"
    return IoFailed(f"stored, but missing or altered in {where}: {', '.join(names)}")
