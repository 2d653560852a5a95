"""Read an archive for a catalog that knows nothing of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from reelkeep.archive.paths import form_of
from reelkeep.archive.verify import NAMELESS, Content, NoFile, read_content
from reelkeep.core.lifecycle import UNSETTLED, FileState
from reelkeep.core.manifest import MANIFEST, MANIFEST_BYTES, Entry, Manifest, read_manifest
from reelkeep.core.model import FileId, HeldFile, Holding
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


def returned(disk: Disk, root: Path, holding: Holding) -> Generator[int, None, list[HeldFile]]:
    """Return the files that lie in the folder of `holding`, though it wants them to be fetched.

    So it is when a disk comes back whose files were called lost. The folder's own manifest must
    call them stored, and their bytes be those. Yield the bytes of each piece read. Blocking.
    """
    wanted = {file.id: file for file in holding.files if file.state in UNSETTLED}
    found: list[HeldFile] = []
    if holding.folder is None or not wanted:
        return found
    home = root / holding.folder
    for entry in _entries(disk, home, holding):
        file = wanted.get(FileId(entry.id))
        if not entry.stored or file is None or file.name != entry.name:
            continue
        held = yield from _content(disk, form_of(disk, home).files(home) / entry.name)
        if held == Content(entry.size or 0, entry.sha256 or ""):
            found.append(_stored_again(file, entry))
    return found


def _entries(disk: Disk, home: Path, holding: Holding) -> tuple[Entry, ...]:
    """Return what the manifest in `home` lists, if it is that of `holding`."""
    try:
        manifest = read_manifest(read_small(disk, home / MANIFEST, limit=MANIFEST_BYTES) or b"")
    except (OSError, ValueError):
        return ()
    is_its = (manifest.provider, manifest.id) == (holding.provider, holding.id)
    return manifest.files if is_its else ()


def _stored_again(file: HeldFile, entry: Entry) -> HeldFile:
    return replace(
        file,
        state=FileState.STORED.value,
        size=entry.size,
        sha256=entry.sha256,
        verified=entry.verified,
        source=entry.source,
        stored_at=entry.stored_at,
        reason=entry.reason,
        detail=entry.detail,
    )


def _content(disk: Disk, path: Path) -> Generator[int, None, Content | None]:
    try:
        return (yield from read_content(disk, path))
    except (OSError, NoFile):
        return None
