"""Read an archive for a catalog that knows nothing of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from reelkeep.archive.disk import Disk
from reelkeep.archive.papers import read_paper
from reelkeep.archive.rehash import rehash
from reelkeep.archive.threads import Threads
from reelkeep.archive.walk import walk_in_threads
from reelkeep.core.manifest import MANIFEST, Entry, Manifest, read_manifest
from reelkeep.errors import IoFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """One recording's folder, and what of it can be believed."""

    folder: str  #: Relative to the archive, with `/`.
    manifest: Manifest | None  #: None if it cannot be read.
    matching: tuple[Entry, ...] = ()  #: Stored, and its bytes are those of the manifest.
    refused: tuple[Entry, ...] = ()  #: Called stored, but missing, altered or unreadable.
    reason: str | None = None  #: Why the manifest cannot be read.


async def adopt(
    threads: Threads, disk: Disk, root: Path, progress: Callable[[int], None]
) -> AsyncIterator[Adoption]:
    """Yield each recording's folder, in the order of their names.

    Raises:
        IoFailed: A directory cannot be read.
    """
    async for here in walk_in_threads(threads, root):
        if here.is_recording:
            yield await _adoption(threads, disk, root, str(here.folder), progress)


async def _adoption(
    threads: Threads, disk: Disk, root: Path, folder: str, progress: Callable[[int], None]
) -> Adoption:
    try:
        manifest = read_manifest(await read_paper(root / folder / MANIFEST) or b"")
    except (ValueError, IoFailed) as error:
        return Adoption(folder=folder, manifest=None, reason=str(error))
    matching: list[Entry] = []
    refused: list[Entry] = []
    for entry in manifest.files:
        if entry.stored:
            path = root / folder / entry.name
            holds = await _holds(threads, disk, path, entry, progress)
            (matching if holds else refused).append(entry)
    return Adoption(
        folder=folder, manifest=manifest, matching=tuple(matching), refused=tuple(refused)
    )


async def _holds(
    threads: Threads, disk: Disk, path: Path, entry: Entry, progress: Callable[[int], None]
) -> bool:
    try:
        found = await rehash(threads, disk, path, progress=progress)
    except IoFailed:
        return False
    return (found.size, found.digests["sha256"]) == (entry.size, entry.sha256)
