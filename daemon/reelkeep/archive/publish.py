"""Make a recording's finished files visible, whole and durably, on any volume.

    first time    files move to .reelkeep/staging/<key>/, the manifest joins them, all is flushed,
                  and the directory is renamed to its final place
    later         new files are linked into the folder, then the manifest is replaced; of a bag,
                  what speaks of the whole of it is removed before, and written last

Each step may be the last before a crash; beginning again finishes the work. A manifest claims
nothing that is not there, and nothing that has a final name is overwritten (rule 48).
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from os.path import samestat
from pathlib import Path, PurePosixPath
from stat import S_ISDIR

from reelkeep.archive.finished_files import ArchiveContext
from reelkeep.archive.flushing import Flushers
from reelkeep.archive.folders import Folders
from reelkeep.archive.hashed_file import sha256_of
from reelkeep.archive.paths import (
    ArchivePaths,
    Form,
    form_of,
    is_at,
    nowhere,
    says,
    staged_form,
    stored,
    tag,
    waiting,
)
from reelkeep.core.manifest import is_plain_name
from reelkeep.core.model import HeldFile, Holding
from reelkeep.disk import (
    Disk,
    disk_error,
    link_or_move,
    replace_small,
    write_all,
    write_small,
    write_unflushed,
)
from reelkeep.errors import IoFailed, TransferError

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Across:
    """Copies into the volumes of one archive. Blocking."""

    ground: ArchiveContext
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
        self.ground.disk.fsync_directory(home.parent)
        self.clear(holding)
        volumes.fills(folder)
        return str(folder)

    def link(
        self, holding: Holding, file: HeldFile, source: Path, target: Path, near: ArchivePaths
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

    def _stage(self, holding: Holding, places: ArchivePaths) -> Path:
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


PutAside = Callable[[Holding, str], None]
"""Hears of the recording and the name of a file that was put into quarantine."""


@dataclass(slots=True)
class _Staged:
    """A new folder on its way to its place."""

    index: int
    holding: Holding
    folder: PurePosixPath
    place: Path
    form: Form
    is_new: bool
    papers: list[int] = field(default_factory=list)  #: Descriptors that are to be flushed.
    error: OSError | TransferError | None = None


class FolderPublisher:
    """Publishes into one archive. Blocking; one thread at a time for each recording.

    Many new folders are flushed together: that takes hardly longer than one.
    """

    def __init__(
        self,
        ground: ArchiveContext,
        folders: Folders,
        put_aside: PutAside,
        *,
        flushers: Flushers,
        directory_mode: int,
        version: str,
        form: Form,
    ) -> None:
        self._disk = ground.disk
        self._places = ground.places
        self._folders = folders
        self._quarantine = ground.quarantine
        self._put_aside = put_aside
        self._flushers = flushers
        self._identity = ground.identity
        self._volumes = ground.volumes
        self._across = Across(ground, folders, form, directory_mode, version)
        self._file_mode = ground.file_mode
        self._directory_mode = directory_mode
        self._version = version
        self._form = form

    def publish(self, holdings: Sequence[Holding]) -> list[str | Exception]:
        """Return for each the folder (in the archive) that shows all of it now, or why not.

        An `IoFailed` says that a file that is said to be stored is nowhere.
        """
        try:
            self._identity.check()
        except (OSError, TransferError) as error:
            return [disk_error(error)] * len(holdings)
        answers: dict[int, str | OSError | TransferError] = {}
        staged: list[_Staged] = []
        for index, holding in enumerate(holdings):
            try:
                begun = self._begin(index, holding)
            except (OSError, TransferError) as error:
                answers[index] = error
            else:
                if isinstance(begun, str):
                    answers[index] = begun
                else:
                    staged.append(begun)
        self._stage(staged)
        for each, answer in zip(staged, self._show(staged), strict=True):
            answers[each.index] = answer
        found = [answers[index] for index in range(len(holdings))]
        return [each if isinstance(each, str) else disk_error(each) for each in found]

    def _begin(self, index: int, holding: Holding) -> str | _Staged:
        """Bring an old folder up to date, or prepare a new one."""
        if not all(is_plain_name(file.name) for file in holding.files):
            raise IoFailed(f"the catalog names a file of {holding.key} that cannot be")
        folder, there = self._folders.choose(holding)
        if there:
            self._extend(holding, folder)
        elif self._all_wait(holding):
            if self._volumes.near(folder) is not self._places:
                return self._across.publish(holding, folder)
            return self._place(index, holding, folder)
        elif missing := self._missing(holding):
            folder = self._found_again(holding, missing)
            self._extend(holding, folder)
        else:
            return self._place(index, holding, folder)
        return str(folder)

    def _all_wait(self, holding: Holding) -> bool:
        """Whether every stored file is among the finished ones: so it is but after a crash."""
        return all(
            is_at(self._disk, self._places.kept(holding.key, file.id), file)
            for file in stored(holding)
        )

    def _missing(self, holding: Holding, home: Path | None = None) -> list[str]:
        """Return the names of stored files that are not, in their size, where they can be."""
        return [file.name for file in nowhere(self._disk, self._places, holding, home)]

    def _found_again(self, holding: Holding, missing: list[str]) -> PurePosixPath:
        folder = None if holding.folder else self._folders.search(holding)
        if folder is None:
            raise _lost(holding, missing)
        return folder

    def _place(self, index: int, holding: Holding, folder: PurePosixPath) -> _Staged:
        """Make a place for a new folder; its name is not flushed."""
        place = self._places.staged(holding.key)
        is_new = True
        try:
            self._disk.mkdir(place, self._directory_mode)
        except FileExistsError:
            is_new = False
        form = (None if is_new else staged_form(self._disk, place)) or self._form
        if form.is_bag:
            with suppress(FileExistsError):
                self._disk.mkdir(form.files(place), self._directory_mode)
        return _Staged(index, holding, folder, place, form, is_new)

    def _stage(self, staged: list[_Staged]) -> None:
        """Put new folders together; nothing of them is flushed, only the names of their places.

        A file that moves to a place that a power cut can take may be lost with it.
        """
        if not staged:
            return
        bags = [each for each in staged if each.form.is_bag]
        nests = [partial(self._disk.fsync_directory, each.place) for each in bags]
        places = partial(self._disk.fsync_directory, self._places.staging)
        error, *errors = self._flushers.flush([places, *nests])
        for each, failure in zip(bags, errors, strict=True):
            each.error = failure
        for each in staged:
            each.error = each.error or error
            if each.error is None:
                try:
                    self._fill(each)
                except OSError as failure:
                    each.error = failure

    def _fill(self, staged: _Staged) -> None:
        holding, files = staged.holding, staged.form.files(staged.place)
        for file in stored(holding):
            if staged.is_new or not is_at(self._disk, files / file.name, file):
                self._disk.rename(self._places.kept(holding.key, file.id), files / file.name)
        for name, content in staged.form.papers(holding, version=self._version).items():
            fd = write_unflushed(self._disk, staged.place / name, content, self._file_mode)
            staged.papers.append(fd)

    def _show(self, staged: list[_Staged]) -> list[str | OSError | TransferError]:
        """Flush new folders, give them their names, and flush these; return what came of each."""
        good = [each for each in staged if each.error is None]
        jobs = [(each, job) for each in good for job in self._flushes(each)]
        errors = self._flushers.flush([job for _, job in jobs])
        for (each, _), error in zip(jobs, errors, strict=True):
            each.error = each.error or error
        for each in staged:
            self._close(each)
            try:
                if each.error is None:
                    self._appear(each)
            except (OSError, TransferError) as error:
                each.error = error
        self._flush_homes([each for each in staged if each.error is None])
        return [each.error or str(each.folder) for each in staged]

    def _appear(self, staged: _Staged) -> None:
        """Give a new folder its name, on whatever volume; the name is not flushed."""
        self._folders.make(staged.folder.parent)
        try:
            self._disk.rename(staged.place, self._places.root / staged.folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._across.publish(staged.holding, staged.folder)

    def _flushes(self, staged: _Staged) -> list[Callable[[], None]]:
        papers = [partial(self._disk.fsync, fd) for fd in staged.papers]
        places = dict.fromkeys([staged.form.files(staged.place), staged.place])
        return [*papers, *(partial(self._disk.fsync_directory, place) for place in places)]

    def _flush_homes(self, shown: list[_Staged]) -> None:
        homes = sorted({self._places.root / each.folder.parent for each in shown})
        flushes = [partial(self._disk.fsync_directory, home) for home in homes]
        errors = dict(zip(homes, self._flushers.flush(flushes), strict=True))
        for each in shown:
            each.error = errors[self._places.root / each.folder.parent]

    def _close(self, staged: _Staged) -> None:
        for fd in staged.papers:
            try:
                self._disk.close(fd)
            except OSError as error:
                staged.error = staged.error or error

    def _extend(self, holding: Holding, folder: PurePosixPath) -> None:
        """Bring the files and papers of a folder that is there up to date, on whatever volume."""
        try:
            self._extend_near(holding, folder, self._volumes.near(folder))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._extend_near(holding, folder, self._volumes.find(folder))

    def _extend_near(self, holding: Holding, folder: PurePosixPath, near: ArchivePaths) -> None:
        """Do so by way of the places on the folder's own volume.

        Until the catalog knows of a folder, whoever made it may have died before its name was
        flushed.
        """
        home = self._places.root / folder
        if missing := self._missing(holding, home):
            raise _lost(holding, missing)
        if holding.folder is None:
            self._folders.make(folder.parent)
            self._disk.fsync_directory(home.parent)
        form = form_of(self._disk, home)
        files, papers = form.files(home), form.papers(holding, version=self._version)
        if not all(says(self._disk, home / name, content) for name, content in papers.items()):
            form.retire(self._disk, home)
        old = [path for file in stored(holding) for path in self._add(holding, file, files, near)]
        self._disk.fsync_directory(files)
        for path in old:  # only now: until then a power cut might have taken the new name
            self._disk.unlink(path)
        if near is not self._places:
            self._across.clear(holding)
        for name, content in papers.items():
            if not says(self._disk, home / name, content):
                scratch = near.scratch(holding.key)
                replace_small(
                    self._disk, home / name, content, mode=self._file_mode, scratch=scratch
                )

    def _add(self, holding: Holding, file: HeldFile, files: Path, near: ArchivePaths) -> list[Path]:
        """Give a waiting file its final name too; return the names that it had.

        What already has it is the same file, or it is not what was once stored: then it is put
        aside, whole, for people to look at.
        """
        target = files / file.name
        old: list[Path] = []
        for source in waiting(self._places, holding, file):
            if (waits := self._disk.status(source)) is None:
                continue
            old.append(source)
            if (there := self._disk.status(target)) is not None:
                if samestat(waits, there) or sha256_of(self._disk, target) == file.sha256:
                    continue
                self._quarantine.set_aside(target, holding, file)
                self._put_aside(holding, file.name)
            self._across.link(holding, file, source, target, near)
        return old


def _lost(holding: Holding, names: list[str]) -> IoFailed:
    where = holding.folder or f"the finished files of {holding.key}"
    return IoFailed(f"stored, but missing or altered in {where}: {', '.join(names)}")
