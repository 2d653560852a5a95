"""Make a lost catalog again from what the archive's folders say of themselves."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from reelkeep.app.archive_access import make_archive, open_for_writing
from reelkeep.app.catalog_access import utc_now
from reelkeep.catalog.adoption import Found, adopt
from reelkeep.errors import CatalogError
from reelkeep.ports import Report
from reelkeep.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Left:
    """Something that could not be taken over."""

    folder: str
    file: str | None  #: None: the whole recording.
    reason: str


@dataclass(slots=True)
class Rebuilt:
    """What was taken over; it grows while that goes on."""

    recordings: int = 0
    files: int = 0
    read: int = 0  #: Bytes.
    left: list[Left] = field(default_factory=list)

    def count(self, size: int) -> None:
        """Note that so many bytes were read."""
        self.read += size

    def hear(self, found: Found, *, taken: bool) -> None:
        """Note what became of one folder."""
        if found.manifest is None:
            reason = found.reason or "it is empty"
            self.left.append(Left(found.folder, None, f"its manifest cannot be read: {reason}"))
        elif not taken:
            self.left.append(Left(found.folder, None, "the catalog has another folder of it"))
        else:
            self.recordings += 1
            self.files += len(found.matching)
            reason = "missing, or not the bytes of the manifest: it is to be fetched again"
            self.left += [Left(found.folder, entry.name, reason) for entry in found.refused]

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        left = [{"folder": e.folder, "file": e.file, "reason": e.reason} for e in self.left]
        counts = {"recordings": self.recordings, "files": self.files, "bytes": self.read}
        return {"ok": not self.left, **counts, "left": left}


async def rebuild(settings: Settings, report: Report, rebuilt: Rebuilt) -> None:
    """Fill a catalog that is not there, or was never finished, from the archive alone.

    No provider is asked. Every file is read: only bytes with the digest of their manifest are
    taken. Being cut short is harmless: the next time goes on with what is missing.

    Raises:
        CatalogError: There is a catalog already.
        Busy: Another process holds the archive.
    """
    archive = make_archive(settings, utc_now, report)
    path = settings.catalog.path
    async with AsyncExitStack() as stack:
        both = open_for_writing(settings, archive, utc_now)
        database, is_new = await stack.enter_async_context(both)
        if not is_new:
            raise CatalogError(
                f"the catalog {path} is there, and knows the archive; to make it anew, move it "
                "away with its -wal and -shm"
            )
        folders = archive.adopt(rebuilt.count)
        await adopt(database, folders, clock=utc_now, report=report, hear=rebuilt.hear)
