"""Find the folders of recordings, choose the one of a recording, and make what lies above it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import tzinfo
from itertools import count
from pathlib import Path, PurePosixPath

from reelkeep.archive.paths import OURS
from reelkeep.core.layout import Layout
from reelkeep.core.manifest import MANIFEST, MANIFEST_BYTES, PAPERS, is_plain_name, read_manifest
from reelkeep.core.model import Holding
from reelkeep.core.naming import NAME_BYTES, shorten
from reelkeep.core.text import is_storable
from reelkeep.disk import Disk, read_small
from reelkeep.errors import IoFailed

_LOST_AND_FOUND = "lost+found"


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """What one directory holds; links and other odd things are among the files."""

    folder: PurePosixPath  #: Relative to the archive.
    files: tuple[str, ...]
    directories: tuple[str, ...]
    error: str | None = None  #: Why it cannot be read.
    links: tuple[str, ...] = ()  #: Which of the files are symbolic links.

    @property
    def is_recording(self) -> bool:
        """Whether this is the folder of a recording; what lies deeper belongs to it."""
        return MANIFEST in self.files


def listing(disk: Disk, root: Path, folder: PurePosixPath) -> DirectoryListing:
    """Return what is in `folder`; nothing if it is not there (any more). Blocking."""
    files: list[str] = []
    directories: list[str] = []
    links: list[str] = []
    try:
        for entry in disk.entries(root / folder):
            (directories if entry.is_directory else files).append(entry.name)
            if entry.is_link:
                links.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return DirectoryListing(folder, (), ())
    return DirectoryListing(
        folder, tuple(sorted(files)), tuple(sorted(directories)), links=tuple(sorted(links))
    )


def walk(disk: Disk, root: Path, *, tolerant: bool = False) -> Iterator[DirectoryListing]:
    """Yield each directory, but not what lies in a recording's folder. Each step blocks.

    A directory that cannot be read, or a link that leads nowhere, ends the walk; if `tolerant`, the
    first has its error in its listing, and the second is among the files.
    """
    waiting = [PurePosixPath()]
    links = _Links(root)
    while waiting:
        folder = waiting.pop()
        try:
            here = listing(disk, root, folder)
            if here.links and PAPERS.isdisjoint(here.files):
                here = links.followed(here, tolerant=tolerant)
        except OSError as error:
            if folder.name == _LOST_AND_FOUND and isinstance(error, PermissionError):
                continue  # every ext4 has one, and it is root's
            if not tolerant:
                raise
            here = DirectoryListing(folder, (), (), error.strerror or str(error))
        yield here
        if not here.is_recording:
            below = (name for name in reversed(here.directories) if name != OURS)
            waiting += [here.folder / name for name in below]


class _Links:
    """The links of one archive that are followed in one walk."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._trees = [Path(os.path.realpath(root))]

    def followed(self, here: DirectoryListing, *, tolerant: bool) -> DirectoryListing:
        """Return `here` with those links among the directories that are to be followed.

        Raises:
            OSError: A link leads nowhere, and the walk is not `tolerant`.
        """
        follow = {name for name in here.links if self._leads_on(here.folder / name, tolerant)}
        if not follow:
            return here
        files = tuple(name for name in here.files if name not in follow)
        return replace(here, files=files, directories=tuple(sorted({*here.directories, *follow})))

    def _leads_on(self, link: PurePosixPath, tolerant: bool) -> bool:  # noqa: FBT001 - passed on
        path = self._root / link
        try:
            target = Path(os.path.realpath(path, strict=True))
        except OSError as error:
            if tolerant or link.name.startswith("."):  # such as the lock of an editor
                return False
            told = f"a link that leads nowhere ({error.strerror}); is its disk mounted?"
            raise OSError(error.errno or errno.ENOENT, told, str(path)) from error
        if not target.is_dir() or any(_overlap(target, tree) for tree in self._trees):
            return False
        self._trees.append(target)
        return True


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


_REMEMBERED = 4096


class Folders:
    """The folders of the archive at `root`. Blocking."""

    def __init__(
        self, disk: Disk, root: Path, *, layout: Layout, timezone: tzinfo, mode: int
    ) -> None:
        self._disk = disk
        self._root = root
        self._layout = layout
        self._timezone = timezone
        self._mode = mode
        self._durable: set[Path] = set()  # directories whose names this process has flushed

    def choose(self, holding: Holding) -> tuple[PurePosixPath, bool]:
        """Return the folder (in the archive) that is or becomes that of `holding`; is it there?

        What others put where it belongs is left alone: it goes beside, with a number. Of a folder
        that cannot be read nobody knows whose it is, and nothing is put beside it.

        Raises:
            IoFailed: The catalog names a folder outside the archive.
            OSError: A folder with its name cannot be read, such as for want of rights.
        """
        if holding.folder is not None:
            known = self._known(holding.folder)
            return known, self._disk.status(self._root / known) is not None
        wanted = PurePosixPath(*self._layout_names(holding))
        folder = wanted
        for number in count(2):
            if self._disk.status(self._root / folder) is None:
                return folder, False
            if self._is_of(holding, folder):
                break
            ending = f"-{number}"
            name = shorten(wanted.name, NAME_BYTES - len(ending)) + ending
            folder = wanted.with_name(name)
        return folder, True

    def search(self, holding: Holding) -> PurePosixPath | None:
        """Return the folder of `holding` wherever it is; this reads every manifest.

        It serves the case that a crash hid from the catalog where the folder went, and the
        provider changed the title since.
        """
        for here in walk(self._disk, self._root):
            named = here.is_recording and is_storable(str(here.folder))
            if named and self._is_of(holding, here.folder):
                return here.folder
        return None

    def make(self, folder: PurePosixPath) -> None:
        """Make the directories of `folder`, and their names durable; once for each process.

        An earlier process may have made one and died before its name was flushed.
        """
        path = self._root
        for name in folder.parts:
            parent, path = path, path / name
            there = self._disk.status(path) is not None
            if there and path in self._durable:
                continue
            if not there:
                with suppress(FileExistsError):
                    self._disk.mkdir(path, self._mode)
            self._disk.fsync_directory(parent)
            if len(self._durable) >= _REMEMBERED:
                self._durable.clear()
            self._durable.add(path)

    def _layout_names(self, holding: Holding) -> tuple[str, ...]:
        return self._layout.folder(
            provider=holding.provider,
            start=holding.started,
            title=holding.title,
            user=holding.user,
            number=holding.number,
            id=holding.id,
            key=holding.key,
            timezone=self._timezone,
        )

    def _known(self, folder: str) -> PurePosixPath:
        names = folder.split("/")
        if not all(map(is_plain_name, names)):
            raise IoFailed(f"the catalog names a folder that cannot be: {folder!a}")
        return PurePosixPath(*names)

    def _is_of(self, holding: Holding, folder: PurePosixPath) -> bool:
        path = self._root / folder / MANIFEST
        if self._disk.status(path.parent) is None:
            return False
        try:
            content = read_small(self._disk, path, limit=MANIFEST_BYTES)
            manifest = read_manifest(content or b"")
        except (ValueError, NotADirectoryError):
            return False
        return (manifest.provider, manifest.id) == (holding.provider, holding.id)
