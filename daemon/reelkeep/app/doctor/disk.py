"""Judge the disks of archive and catalog: room, quota, rights, and files that do not fit."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

from reelkeep.app.doctor.local import not_the_owner
from reelkeep.archive.folders import DirectoryListing, walk
from reelkeep.archive.paths import OURS
from reelkeep.archive.volumes import volumes_below
from reelkeep.catalog.read_only import glance
from reelkeep.core.diagnosis import (
    Check,
    Grade,
    judge_catalog_room,
    judge_refusal,
    judge_room,
    judge_too_large,
    judge_unreadable,
)
from reelkeep.disk import Disk, write_all
from reelkeep.errors import CatalogError, TransferError
from reelkeep.settings import Settings

Found = tuple[Sequence[Check], Mapping[str, Any]]

FEW_INODES: Final = 10_000

MOST_FOLDERS: Final = 20_000
"""Folders of the archive that are looked into."""

MOST_NAMED: Final = 10
"""Folders and files that are named."""

_NO_TRIAL = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
"""What a file system says that has no files without a name."""


def about_disk(settings: Settings, disk: Disk | None = None) -> Found:
    """Judge the room for archive and catalog, and whether we may write there."""
    disk = disk or Disk()
    archive, catalog = settings.archive.path, settings.catalog.path.parent
    places = {"archive": archive, "catalog folder": catalog}
    with suppress(TransferError, OSError):  # said elsewhere
        volumes = volumes_below(archive)
        there = [each for each in volumes.known() if volumes.absence(each) is None]
        places |= {f"volume {each}": archive / each for each in there}
    checks, facts = [], {}
    for name, path in places.items():
        if not path.exists():
            is_known = name == "archive" and _knows_archive(settings)
            checks += [] if is_known else [_not_there(name, path)]  # if it is, that is said already
            continue
        room = os.statvfs(path)
        free = room.f_bavail * room.f_frsize
        facts[name] = {"path": str(path), "free_bytes": free, "free_inodes": room.f_favail}
        if name == "catalog folder":
            checks.append(judge_catalog_room(free, _size(settings.catalog.path)))
        else:
            checks.append(judge_room(f"room for the {name}", free, settings.archive.min_free))
        if room.f_files and room.f_favail < FEW_INODES:
            told = (
                f"only {room.f_favail:,} more files fit on the disk; see `df -i`, and delete some"
            )
            checks.append(Check(f"room for the {name}", Grade.BAD, told))
        checks += _writable(disk, name, path)
    return checks, {"disk": facts}


def _knows_archive(settings: Settings) -> bool:
    try:
        found = glance(settings.catalog.path)
    except CatalogError:
        return False
    return found is not None and found.archive is not None


def _not_there(name: str, path: Path) -> Check:
    """Judge that nothing is at `path`, which is made at a start unless a link is in the way."""
    for link in (path, *path.parents):
        if link.is_symlink() and not link.exists():
            told = f"the link {link} leads nowhere: mount what it leads to, or remove the link"
            return Check(name, Grade.BAD, told)
    return Check(name, Grade.ODD, f"{path} is not there yet; it is made at a start")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _writable(disk: Disk, name: str, path: Path) -> Iterator[Check]:
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        kept = "the catalog cannot be written" if name == "catalog folder" else "transfers pause"
        told = f"{path} is mounted read-only: {kept}; see `dmesg`, mount it writable"
        yield Check(name, Grade.BAD, told)
    elif not os.access(path, os.W_OK | os.X_OK):
        told = f"user {os.getuid()} may not write in {path}; is this the service's user?"
        yield Check(name, Grade.BAD, told)
    else:
        ours = path / OURS / "parts"
        where = ours if os.access(ours, os.W_OK | os.X_OK) else path
        error = try_to_write(disk, where)
        if error is not None:
            yield judge_refusal(name, str(where), error.errno)


def try_to_write(disk: Disk, folder: Path) -> OSError | None:
    """Return why a small file cannot be written in `folder`; None if it can, or nobody knows.

    The file never has a name, so that nothing in `folder` changes. Blocking.
    """
    try:
        fd = disk.open(folder.resolve(), os.O_TMPFILE | os.O_RDWR)
    except OSError as error:
        return None if error.errno in _NO_TRIAL else error
    try:
        write_all(disk, fd, bytes(64 * 1024))
        disk.fsync(fd)
    except OSError as error:
        return error
    finally:
        disk.close(fd)
    return None


def about_reading(settings: Settings) -> Found:
    """Judge whether what lies in the archive can be read by this process."""
    root = settings.archive.path
    if not root.is_dir():
        return [], {}
    told = list(unreadable_below(root))
    user, asker = os.geteuid(), not_the_owner(root)
    checks = [
        judge_unreadable(path, reason, user, asker=asker) for path, reason in told[:MOST_NAMED]
    ]
    if len(told) > MOST_NAMED:
        more = f"{len(told) - MOST_NAMED:,} more cannot be read"
        checks.append(Check("reading the archive", Grade.BAD, more))
    return checks, {}


def unreadable_below(root: Path) -> Iterator[tuple[str, str]]:
    """Yield what this process cannot read in the first folders of an archive, and why. Blocking."""
    for here in islice(walk(Disk(), root, tolerant=True), MOST_FOLDERS):
        yield from _unreadable(root, here)


def _unreadable(root: Path, here: DirectoryListing) -> Iterator[tuple[str, str]]:
    if here.error is not None:
        yield str(root / here.folder), here.error
    for name in here.files if here.is_recording else ():
        path = root / here.folder / name
        if name not in here.links and not os.access(path, os.R_OK, effective_ids=True):
            yield str(path), os.strerror(errno.EACCES)


def about_large_files(settings: Settings) -> Found:
    """Judge whether the largest of the files that are due fit on the archive's disk."""
    root = settings.archive.path
    try:
        found = glance(settings.catalog.path)
    except CatalogError:
        return [], {}  # said of the catalog
    if found is None or not root.exists():
        return [], {}
    room = os.statvfs(root)
    free = max(0, room.f_bavail * room.f_frsize - settings.archive.min_free)
    whole = room.f_blocks * room.f_frsize
    large = [line for line in found.largest if line["promised"] > free]
    return [judge_too_large(line, free=free, whole=whole) for line in large[:MOST_NAMED]], {}
