"""Read an archive for a catalog that knows nothing of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from reelkeep.archive.folder_format import form_of
from reelkeep.archive.reading import Content, NoFile, read_content
from reelkeep.archive.verify import NAMELESS
from reelkeep.core.manifest import MANIFEST, MANIFEST_BYTES, Entry, Manifest, read_manifest
from reelkeep.core.text import is_storable, storable
from reelkeep.disk import Disk, read_small


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """One recording's folder, and what of it can be believed."""

    folder: str  #: Relative to the archive, with `/`.
    manifest: Manifest | None  #: None if it cannot be read.
    matching: tuple[Entry, ...] = ()  #: Stored, and its bytes are those of the manifest.
    refused: tuple[Entry, ...] = ()  #: Called stored, but missing, altered or unreadable.
    reason: str | None = None  #: Why the manifest cannot be read.


def adoption(disk: Disk, root: Path, folder: str) -> Generator[int, None, Adoption]:
    """Return what of `folder` can be believed; yield the bytes of each piece read. Blocking."""
    if not is_storable(folder):
        return Adoption(folder=storable(folder), manifest=None, reason=NAMELESS)
    try:
        content = read_small(disk, root / folder / MANIFEST, limit=MANIFEST_BYTES)
        manifest = read_manifest(content or b"")
    except ValueError as error:
        return Adoption(folder=folder, manifest=None, reason=str(error))
    except OSError as error:
        return Adoption(folder=folder, manifest=None, reason=error.strerror)
    matching: list[Entry] = []
    refused: list[Entry] = []
    files = form_of(disk, root / folder).files(root / folder)
    for entry in manifest.files:
        if entry.stored:
            found = yield from _content(disk, files / entry.name)
            holds = found == Content(entry.size or 0, entry.sha256 or "")
            (matching if holds else refused).append(entry)
    return Adoption(
        folder=folder, manifest=manifest, matching=tuple(matching), refused=tuple(refused)
    )


def _content(disk: Disk, path: Path) -> Generator[int, None, Content | None]:
    try:
        return (yield from read_content(disk, path))
    except (OSError, NoFile):
        return None
