"""Say where a stored file may lie: waiting, staged, or in its recording's folder."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG

from reelkeep.archive.folder_format import BAG, PLAIN, form_of
from reelkeep.archive.places import Places
from reelkeep.core.integrity import Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Download, HeldFile, Holding
from reelkeep.disk import Disk


def stored(holding: Holding) -> list[HeldFile]:
    """Return the files of `holding` that are to be here."""
    return [file for file in holding.files if file.state == FileState.STORED]


def waiting(places: Places, holding: Holding, file: HeldFile) -> list[Path]:
    """Return where `file` may lie before it is in its folder, whatever form that will have."""
    staged = places.staged(holding.key)
    return [
        *(form.files(staged) / file.name for form in (PLAIN, BAG)),
        places.kept(holding.key, file.id),
    ]


def is_at(disk: Disk, path: Path, file: HeldFile) -> bool:
    """Whether a plain file of the size of `file` is at `path`; its bytes are not read. Blocking."""
    status = disk.status(path)
    return status is not None and S_ISREG(status.st_mode) and status.st_size == file.size


def nowhere(
    disk: Disk, places: Places, holding: Holding, home: Path | None = None
) -> list[HeldFile]:
    """Return the stored files that lie, in their size, neither in `home` nor where they wait.

    Blocking.
    """
    files = None if home is None else form_of(disk, home).files(home)
    return [
        file
        for file in stored(holding)
        if not any(
            is_at(disk, path, file)
            for path in (
                *([files / file.name] if files is not None else ()),
                *waiting(places, holding, file),
            )
        )
    ]


def rows_nowhere(disk: Disk, places: Places, holding: Holding) -> tuple[list[int], Mark]:
    """Return the rows of stored files of `holding` that are nowhere, and how they are: missing.

    The files of a folder that cannot be looked at are returned, too: nobody can claim that they
    are here. They are unreadable. Blocking.
    """
    home = places.root / holding.folder if holding.folder else None
    try:
        return [file.row for file in nowhere(disk, places, holding, home)], Mark.MISSING
    except OSError:
        return [file.row for file in stored(holding)], Mark.UNREADABLE


def finished_file(disk: Disk, places: Places, download: Download) -> Path | None:
    """Return where the finished file of `download` waits, its bytes and its name durable.

    Blocking.
    """
    kept = places.kept(download.key, download.file)
    staged = places.staged(download.key)
    for path in (kept, *(form.files(staged) / download.name for form in (PLAIN, BAG))):
        status = disk.status(path)
        if status is not None and S_ISREG(status.st_mode):
            _make_durable(disk, path)
            return path
    return None


def _make_durable(disk: Disk, path: Path) -> None:
    fd = disk.open(path, os.O_RDONLY)
    try:
        disk.fsync(fd)
    finally:
        disk.close(fd)
    disk.fsync_directory(path.parent)
