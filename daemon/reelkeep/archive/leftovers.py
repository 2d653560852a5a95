"""Know of which files something lies in `.reelkeep`, without asking the disk each time."""

from __future__ import annotations

from reelkeep.archive.places import Places, tag
from reelkeep.core.model import Download, Holding
from reelkeep.disk import Disk


class Traces:
    """What of which file may be there; before `look`, anything may be.

    It holds as long as nobody else works in the archive, which its lock sees to.
    """

    def __init__(self) -> None:
        self._parts: set[str] | None = None
        self._finished: set[str] = set()
        self._staged: set[str] = set()
        self.open: set[str] = set()  #: Parts in somebody's hands now.

    def look(self, disk: Disk, places: Places) -> None:
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
