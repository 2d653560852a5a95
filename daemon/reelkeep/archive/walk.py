"""Walk an archive's folders, in the order of their names and in memory that does not grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reelkeep.archive.places import OURS
from reelkeep.core.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class Listing:
    """What one directory holds; links and other odd things are among the files."""

    folder: PurePosixPath  #: Relative to the archive.
    files: tuple[str, ...]
    directories: tuple[str, ...]
    error: str | None = None  #: Why it cannot be read.

    @property
    def is_recording(self) -> bool:
        """Whether this is the folder of a recording; what lies deeper belongs to it."""
        return MANIFEST in self.files


def listing(root: Path, folder: PurePosixPath) -> Listing:
    """Return what is in `folder`; nothing if it is not there (any more). Blocking."""
    files: list[str] = []
    directories: list[str] = []
    try:
        with os.scandir(root / folder) as entries:
            for entry in entries:
                within = entry.is_dir(follow_symlinks=False)
                (directories if within else files).append(entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return Listing(folder, (), ())
    return Listing(folder, tuple(sorted(files)), tuple(sorted(directories)))


def walk(root: Path, *, tolerant: bool = False) -> Iterator[Listing]:
    """Yield each directory, but not what lies in a recording's folder. Each step blocks.

    A directory that cannot be read ends the walk, or has its error in its listing if `tolerant`.
    """
    waiting = [PurePosixPath()]
    while waiting:
        folder = waiting.pop()
        try:
            here = listing(root, folder)
        except OSError as error:
            if not tolerant:
                raise
            here = Listing(folder, (), (), error.strerror or str(error))
        yield here
        if not here.is_recording:
            below = (name for name in reversed(here.directories) if name != OURS)
            waiting += [here.folder / name for name in below]
