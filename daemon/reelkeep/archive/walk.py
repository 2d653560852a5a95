"""Walk an archive's folders, in the order of their names and in memory that does not grow.

A symbolic link above a recording's folder is the owner's: a year that was moved to another disk.
It is followed, once, unless it leads into the archive itself or into a tree that another link
leads to. A link within a recording's folder is never followed.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from reelkeep.archive.paths import OURS
from reelkeep.core.checksum_files import PAPERS
from reelkeep.core.manifest import MANIFEST

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


def listing(root: Path, folder: PurePosixPath) -> DirectoryListing:
    """Return what is in `folder`; nothing if it is not there (any more). Blocking."""
    files: list[str] = []
    directories: list[str] = []
    links: list[str] = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                within = entry.is_dir(follow_symlinks=False)
                (directories if within else files).append(entry.name)
                if entry.is_symlink():
                    links.append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return DirectoryListing(folder, (), ())
    return DirectoryListing(
        folder, tuple(sorted(files)), tuple(sorted(directories)), links=tuple(sorted(links))
    )


def walk(root: Path, *, tolerant: bool = False) -> Iterator[DirectoryListing]:
    """Yield each directory, but not what lies in a recording's folder. Each step blocks.

    A directory that cannot be read, or a link that leads nowhere, ends the walk; if `tolerant`, the
    first has its error in its listing, and the second is among the files.
    """
    waiting = [PurePosixPath()]
    links = _Links(root)
    while waiting:
        folder = waiting.pop()
        try:
            here = listing(root, folder)
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
