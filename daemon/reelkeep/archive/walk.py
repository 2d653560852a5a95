"""Walk an archive's folders, in the order of their names and in memory that does not grow."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reelkeep.archive.places import OURS
from reelkeep.archive.threads import Threads
from reelkeep.core.manifest import MANIFEST


@dataclass(frozen=True, slots=True)
class Listing:
    """What one directory holds; links and other odd things are among the files."""

    folder: PurePosixPath  #: Relative to the archive.
    files: tuple[str, ...]
    directories: tuple[str, ...]

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


def walk(root: Path) -> Iterator[Listing]:
    """Yield each directory, but not what lies in a recording's folder. Each step blocks."""
    waiting = [PurePosixPath()]
    while waiting:
        here = listing(root, waiting.pop())
        yield here
        if not here.is_recording:
            below = (name for name in reversed(here.directories) if name != OURS)
            waiting += [here.folder / name for name in below]


async def walk_in_threads(threads: Threads, root: Path) -> AsyncIterator[Listing]:
    """Yield as `walk` does.

    Raises:
        IoFailed: A directory cannot be read.
    """
    steps = walk(root)
    while (here := await threads.run(next, steps, None)) is not None:
        yield here
