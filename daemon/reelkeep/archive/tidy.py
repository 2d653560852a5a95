"""Find what is left in `.reelkeep` of recordings that the catalog does not know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR

from reelkeep.archive.places import Places
from reelkeep.core.text import storable
from reelkeep.disk import Disk


@dataclass(frozen=True, slots=True)
class Orphan:
    """A part, a finished file or a staged folder that nobody will ask for."""

    path: str  #: Relative to the archive.
    size: int  #: Bytes; 0 for a folder.
    changed: datetime


def tidy_all(
    disk: Disk, all_places: Iterable[Places], keys_in_use: Collection[str], since: datetime
) -> tuple[Orphan, ...]:
    """Do as `tidy` on each volume of an archive. Blocking."""
    return tuple(
        orphan for places in all_places for orphan in tidy(disk, places, keys_in_use, since)
    )


def tidy(
    disk: Disk, places: Places, keys_in_use: Collection[str], since: datetime
) -> tuple[Orphan, ...]:
    """Return orphans that did not change `since` then. Blocking.

    Temporary files, and the books of parts that are gone, are removed: only a crash leaves them.
    Nobody may be at work on parts.
    """
    for directory in (places.parts, places.staging):
        names = set(disk.names(directory))
        for name in names:
            if name.endswith(".tmp") or _is_of_no_part(name, names):
                disk.unlink(directory / name)
    return tuple(
        orphan
        for directory in (places.parts, places.finished, places.staging)
        for orphan in _orphans(disk, places.root, directory, keys_in_use)
        if orphan.changed < since
    )


def _is_of_no_part(name: str, names: Collection[str]) -> bool:
    stem, _, ending = name.rpartition(".")
    return ending in ("json", "note") and f"{stem}.part" not in names


def _orphans(
    disk: Disk, root: Path, directory: Path, keys_in_use: Collection[str]
) -> Iterator[Orphan]:
    for name in disk.names(directory):
        key = name.partition("-")[0]
        status = disk.status(directory / name)
        if key not in keys_in_use and status is not None:
            size = 0 if S_ISDIR(status.st_mode) else status.st_size
            path = (directory / name).relative_to(root).as_posix()
            yield Orphan(storable(path), size, datetime.fromtimestamp(status.st_mtime, UTC))
