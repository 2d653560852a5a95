"""What is on disk of a part beside its bytes: whose they are, and how many survive what.

A journal says so durably, at rare moments. Blocking, and errors are the kernel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reelkeep.archive.hashed_file import MARK
from reelkeep.core.coverage import Coverage, Extent, beginning
from reelkeep.core.journal import Identity, PartJournal, decode, encode, usable, usable_extents
from reelkeep.disk import Disk, read_small, replace_small

_LIMIT = 16 * 1024 * 1024  # a tebibyte has a mebibyte of marks


Extents = tuple[Extent, ...] | None
"""What is there of a part that is filled out of order; None of any other."""


class PartRecord:
    """The journal of the part at `path`, which is to hold the file `identity`."""

    def __init__(self, disk: Disk, path: Path, identity: Identity) -> None:
        self._disk = disk
        self._path = path.with_suffix(".json")
        self._journal = PartJournal(identity=identity)
        self.on_disk = False  #: A journal may be on disk.

    @property
    def journal(self) -> PartJournal:
        return self._journal

    @property
    def marks(self) -> tuple[str, ...]:
        """The digests of each 64 MiB more of the durable bytes."""
        return self._journal.marks

    def take_over(self, size: int) -> tuple[int, Coverage | None]:
        """Read the journal of a part of `size` bytes.

        Return how many bytes from the start can be built on and, if the part is filled out of
        order, all that can. Nothing and None: it is not that of this file.
        """
        identity, found = self._journal.identity, self._load()
        kept, coverage = self._usable(found, size)
        if found is None or not (kept or coverage):
            self._journal = PartJournal(identity=identity)
            return 0, None
        durable, marks = min(found.durable, kept), found.marks[: kept // MARK]
        self._journal = replace(
            found, identity=identity, durable=durable, marks=marks, extents=None
        )
        return kept, coverage

    def begin(self, validator: str | None, total: int | None, promises: Mapping[str, str]) -> None:
        """Begin anew: bytes to come belong to `validator`. Nothing is written yet."""
        self._journal = PartJournal(
            identity=self._journal.identity, validator=validator, total=total,
            promises=dict(promises),
        )  # fmt: skip

    def of_total(self, total: int) -> None:
        """Note how many bytes the whole has. Nothing is written yet."""
        self._journal = replace(self._journal, total=total)

    def flushed(self, written: int, filled: Extents) -> None:
        """Note what is durable now. Nothing is written yet."""
        if filled is not None:
            written = beginning(filled)
        self._journal = replace(self._journal, durable=written, extents=filled)

    def cut(self, written: int) -> None:
        """Note that only the first `written` bytes are left. Nothing is written yet."""
        durable = min(self._journal.durable, written)
        self._journal = replace(self._journal, durable=durable, extents=None)

    def write(self, marks: tuple[str, ...] = ()) -> None:
        """Write the journal durably; `marks` are the digests that are known by now."""
        durable = marks[: self._journal.durable // MARK]
        self._journal = replace(self._journal, marks=durable)
        self.on_disk = True  # whatever happens now
        scratch = self._path.with_suffix(".json.tmp")
        replace_small(self._disk, self._path, encode(self._journal), mode=0o600, scratch=scratch)

    def drop(self) -> None:
        """Remove the journal, durably."""
        if self.on_disk:
            self._disk.unlink(self._path)
            self._disk.fsync_directory(self._path.parent)
            self.on_disk = False

    def discard(self) -> None:
        """Remove the journal if the disk still obeys."""
        with suppress(OSError):
            self._disk.unlink(self._path)

    def _load(self) -> PartJournal | None:
        """Return what is on disk, None if that cannot be trusted."""
        content = read_small(self._disk, self._path, limit=_LIMIT)
        self.on_disk = content is not None
        return decode(content or b"")

    def _usable(self, found: PartJournal | None, size: int) -> tuple[int, Coverage | None]:
        identity = self._journal.identity
        if found is None or found.identity != identity or found.extents is None:
            return usable(found, identity, size=size), None
        extents = usable_extents(found, size=size)
        if not extents:
            return 0, None
        coverage = Coverage(found.total or size, extents)
        is_prefix = extents == ((0, coverage.prefix),)
        return coverage.prefix, None if is_prefix else coverage
