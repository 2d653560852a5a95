"""Whose an archive's folders are: one user must own them all, or new recordings cannot be added."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reelkeep.archive.places import OURS

_DEEP = 8  # levels of folders below the archive
_NEWEST = 3  # folders that are looked into on each level


def other_owner(root: Path) -> int | None:
    """Return the user who owns the archive, if this process is root and the user is not."""
    if os.geteuid() != 0:
        return None
    try:
        owner = root.stat().st_uid
    except OSError:
        return None
    return owner or None


def of_others(root: Path) -> list[tuple[Path, int]]:
    """Return the folders, among our own and the newest, that the archive's owner does not own.

    Only a few are looked at on each level: those that were changed last. Blocking.
    """
    owner = root.stat().st_uid
    ours = root / OURS
    found = [*_children(ours, 100), *_newest(root)]
    if ours.is_dir():
        found.insert(0, (ours.stat().st_mtime, ours, ours.stat().st_uid))
    return [(path, user) for _, path, user in found if user != owner]


def _newest(root: Path) -> Iterator[tuple[float, Path, int]]:
    level = [root]
    for _ in range(_DEEP):
        children = [child for folder in level for child in _children(folder, _NEWEST)]
        yield from children
        level = [path for _, path, _ in heapq.nlargest(_NEWEST, children)]


def _children(folder: Path, most: int) -> list[tuple[float, Path, int]]:
    """Return the folders in `folder`: when each was changed, its path and its owner."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name != OURS and entry.is_dir(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime, Path(entry.path), status.st_uid))
    return heapq.nlargest(most, found)
