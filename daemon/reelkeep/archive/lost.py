"""See which stored files are not where they should be, without reading them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from reelkeep.archive.disk import Disk
from reelkeep.archive.places import Places
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import HeldFile, Holding


def lost(disk: Disk, places: Places, holdings: Sequence[Holding]) -> frozenset[int]:
    """Return the rows of files that lie neither in their folder nor among those that wait for it.

    Blocking. A file of another size is not the one that was stored.
    """
    return frozenset(
        file.row
        for holding in holdings
        for file in holding.files
        if file.state == FileState.STORED and not _is_there(disk, places, holding, file)
    )


def _is_there(disk: Disk, places: Places, holding: Holding, file: HeldFile) -> bool:
    found = (disk.status(path) for path in _paths(places, holding, file))
    return any(each and S_ISREG(each.st_mode) and each.st_size == file.size for each in found)


def _paths(places: Places, holding: Holding, file: HeldFile) -> Iterator[Path]:
    if holding.folder is not None:
        yield places.root / holding.folder / file.name
    yield places.kept(holding.key, file.id)
    yield places.staged(holding.key) / file.name
