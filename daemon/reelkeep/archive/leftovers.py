"""Know what is left in `.reelkeep`: parts of which files, and what belongs to no recording."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR

from reelkeep.archive.paths import ArchivePaths, tag
from reelkeep.core.model import Download, Holding
from reelkeep.core.text import storable
from reelkeep.disk import Disk


class LeftoverIndex:
    """What of which file may be there; before `look`, anything may be.

    It holds as long as nobody else works in the archive, which its lock sees to.
    """

    def __init__(self) -> None:
        self._parts: set[str] | None = None
        self._finished: set[str] = set()
        self._staged: set[str] = set()
        self.open: set[str] = set()  #: Parts in somebody's hands now.

    def look(self, disk: Disk, places: ArchivePaths) -> None:
        """Read what an earlier process left. Blocking."""
        self._finished = set(disk.names(places.finished))
        self._staged = set(disk.names(places.staging))
        self._parts = {name.partition(".")[0] for name in disk.names(places.parts)}

    def may_have_part(self, download: Download) -> bool:
        """Whether an attempt at `download` may have left bytes."""
        return self._parts is None or tag(download.key, download.file) in self._parts

    def may_be_finished(self, download: Download) -> bool:
        """Whether the finished file of `download` may wait for its recording."""
        waits = tag(download.key, download.file) in self._finished
        return self._parts is None or waits or download.key in self._staged

    def left(self, download: Download, *, finished: bool, part: bool) -> None:
        """Note what an attempt at `download` has left."""
        if self._parts is None:
            return
        name = tag(download.key, download.file)
        (self._parts.add if part else self._parts.discard)(name)
        if finished:
            self._finished.add(name)

    def published(self, holding: Holding) -> None:
        """Note that nothing of `holding` waits any more."""
        self._staged.discard(holding.key)
        self._finished.difference_update(tag(holding.key, file.id) for file in holding.files)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A part, a finished file or a staged folder that nobody will ask for."""

    path: str  #: Relative to the archive.
    size: int  #: Bytes; 0 for a folder.
    changed: datetime


def tidy_all(
    disk: Disk, all_places: Iterable[ArchivePaths], keys_in_use: Collection[str], since: datetime
) -> tuple[Orphan, ...]:
    """Do as `tidy` on each volume of an archive. Blocking."""
    return tuple(
        orphan for places in all_places for orphan in tidy(disk, places, keys_in_use, since)
    )


def tidy(
    disk: Disk, places: ArchivePaths, keys_in_use: Collection[str], since: datetime
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
