"""The checks of `reelkeep doctor` on this machine: files, catalog, archive, disk and owners."""

from __future__ import annotations

import errno
import os
import platform
import re
import resource
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import islice
from pathlib import Path, PurePosixPath
from shlex import quote
from stat import S_IMODE
from typing import Any, Final

from reelkeep.app.archive_access import of_others
from reelkeep.archive.folders import DirectoryListing, walk
from reelkeep.archive.paths import OURS
from reelkeep.archive.setup import read_identity
from reelkeep.archive.volumes import mounted_below, volumes_below
from reelkeep.catalog.backup import run_as
from reelkeep.catalog.read_only import OfflineSummary, glance
from reelkeep.catalog.schema import HEAD
from reelkeep.core.diagnosis import (
    Check,
    Grade,
    Symptom,
    judge_archive,
    judge_catalog_room,
    judge_mode,
    judge_past,
    judge_refusal,
    judge_room,
    judge_too_large,
    judge_unreadable,
    judge_version,
    ok,
    unused_proxy,
)
from reelkeep.core.file_system import limitations
from reelkeep.core.manifest import DATA
from reelkeep.disk import Disk, write_all
from reelkeep.errors import ArchiveAbsent, CatalogError, TransferError
from reelkeep.ports import Clock
from reelkeep.settings.model import Settings

Found = tuple[Sequence[Check], Mapping[str, Any]]
"""The checks of one section, and the facts behind them."""

MOST_OWNERS = 10
"""How many folders of another owner are named."""


def about_program(clock: Clock) -> Found:
    """Return versions, system and limits, but no values of environment variables."""
    versions = {"reelkeep": version("reelkeep"), "python": platform.python_version()}
    versions |= {"sqlite": sqlite3.sqlite_version, **dict(_libraries())}
    system = {
        "platform": platform.platform(),
        "user": os.getuid(),
        "time": clock().isoformat(),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "cores": os.cpu_count(),
        "under_systemd": "INVOCATION_ID" in os.environ,
    }
    told = f"reelkeep {versions['reelkeep']} on Python {versions['python']}, {sys.platform}"
    return [ok("program", told)], {"versions": versions, "system": system}


def _libraries() -> Iterator[tuple[str, str]]:
    for requirement in requires("reelkeep") or ():
        if "extra ==" in requirement:  # what only tests need
            continue
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "not installed"


def about_files(settings: Settings) -> Found:
    """Check who may read the catalog and the tokens, which only the service should read."""
    folder = settings.catalog.path.parent
    private = [settings.catalog.path, *sorted(folder.glob("*.token"))]
    there = [path for path in private if path.exists()]
    return [judge_mode(path.name, S_IMODE(path.stat().st_mode)) for path in there], {}


def about_catalog(path: Path, clock: Clock) -> Found:
    """Check the catalog, its counts and last errors, and compare the clock with its times."""
    try:
        found = glance(path)
    except CatalogError as error:
        return [Check("catalog", Grade.FAIL, str(error), Symptom.CATALOG_UNREADABLE)], {}
    if found is None:
        told = f"there is no catalog yet at {path}"
        return [Check("catalog", Grade.WARN, told, Symptom.CATALOG_NONE)], {}
    checks = [_whole(found), judge_version(found.version, HEAD), *_fares(found), _failed(found)]
    checks += [*_unavailable(found), *_overdue(found)]
    checks.append(judge_past(_instant(found.latest), clock()))
    return checks, {"catalog": asdict(found)}


def _instant(text: str | None) -> datetime | None:
    """Return a time that the catalog contains; None if there is none."""
    try:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _whole(found: OfflineSummary) -> Check:
    if found.complaint is not None:
        told = f"is damaged: {found.complaint}; restore a backup, or start a new catalog"
        return Check("catalog", Grade.FAIL, told, Symptom.CATALOG_DAMAGED)
    count = sum(sum(states.values()) for states in found.recordings.values())
    return ok("catalog", f"is intact, with {count:,} recordings")


def _fares(found: OfflineSummary) -> Iterator[Check]:
    for line in found.providers:
        if line["broken_since"] is not None:
            since = str(line["broken_since"])[:19]
            told = f"has been broken since {since} UTC: {line['reason']}"
            yield Check(line["name"], Grade.FAIL, told, Symptom.PROVIDER_BROKEN)


def _failed(found: OfflineSummary) -> Check:
    lost = sum(
        states.get(state, 0) for states in found.files.values() for state in ("failed", "gone")
    )
    if lost:
        told = (
            f"{lost:,} failed or gone: see `reelkeep list --state incomplete`, and for each "
            "`reelkeep show ID`; `reelkeep accept ID FILE` accepts a file that a check rejected"
        )
        return Check("files", Grade.WARN, told, Symptom.FILES_FAILED)
    return ok("files", "no file is failed or gone")


def _unavailable(found: OfflineSummary) -> Iterator[Check]:
    count = sum(states.get("unavailable", 0) for states in found.files.values())
    if count:
        told = (
            f"{count:,} unavailable: the provider announces them and offers no download; "
            "`reelkeep audit` lists them, `reelkeep show ID` shows the reason"
        )
        yield Check("files", Grade.WARN, told, Symptom.FILES_UNAVAILABLE)


def _overdue(found: OfflineSummary) -> Iterator[Check]:
    if found.overdue:
        told = (
            f"{found.overdue:,} overdue: the provider has not finished them, or gives no address "
            "for them; `reelkeep list --state waiting` lists them, they are requested at growing "
            "intervals, and `reelkeep retry ID` requests them at once"
        )
        yield Check("files", Grade.WARN, told, Symptom.FILES_OVERDUE)


def about_archive(settings: Settings) -> Found:
    """Check whether the archive at `archive.path` is that of the catalog."""
    try:
        found = glance(settings.catalog.path)
        there = read_identity(settings.archive.path)
    except CatalogError:
        return [], {}  # the check of the catalog reports it
    except ArchiveAbsent as error:
        return [Check("archive", Grade.FAIL, str(error), Symptom.ARCHIVE_ABSENT)], {}
    if found is None:
        return [], {}
    stored = sum(states.get("stored", 0) for states in found.files.values())
    checks = [judge_archive(str(settings.archive.path), found.archive, there, stored=stored)]
    if checks[0].grade is Grade.OK:
        absent = volumes_below(settings.archive.path).absences()
        checks += [Check("archive", Grade.FAIL, told, Symptom.VOLUME_ABSENT) for told in absent]
        checks += _unknown_volumes(settings.archive.path)
        checks += _content(settings.archive.path, found)
    tried = volumes_below(settings.archive.path).tried()
    limited = [(each.folder, told) for each in tried for told in limitations(each)]
    checks += [
        Check(f"file system of {folder}", Grade.WARN, told, Symptom.FILE_SYSTEM_LIMITED)
        for folder, told in limited
    ]
    if tried and not limited:
        told = "can do everything needed, as tested at the last start"
        checks.append(ok("file system", told))
    return checks, {"file_systems": [each.facts() for each in tried]}


def _unknown_volumes(root: Path) -> Iterator[Check]:
    """Name what is mounted below the archive, and was never written to."""
    known = set(volumes_below(root).known())
    for volume in mounted_below(root):
        if volume not in known:
            told = (
                f"{root / volume} is a mount, and nothing was written to it so far: until then "
                "nobody notices if it is not mounted, and files go into its mount point"
            )
            yield Check(f"volume {volume}", Grade.WARN, told, Symptom.VOLUME_UNKNOWN)


def _content(root: Path, found: OfflineSummary) -> Iterator[Check]:
    """Check whether most of the newest stored files are missing from the archive."""
    volumes = volumes_below(root)
    near = [each for each in found.newest if volumes.away(PurePosixPath(each["folder"])) is None]
    missing = [each for each in near if not _is_there(root / each["folder"], each)]
    if 2 * len(missing) > len(near):
        told = (
            f"{len(missing):,} of the {len(near):,} newest stored files are missing in {root}: is "
            "it an old snapshot, or an incomplete copy? Restore the rest; `reelkeep verify` lists "
            "missing files, `reelkeep verify --repair` downloads what the provider still has"
        )
        yield Check("archive content", Grade.FAIL, told, Symptom.CONTENT_MISSING)


def _is_there(folder: Path, file: Mapping[str, Any]) -> bool:
    for path in (folder / file["name"], folder / DATA / file["name"]):
        with suppress(FileNotFoundError, NotADirectoryError):
            return bool(path.lstat().st_size == file["size"])
    return False


def about_machine(settings: Settings) -> Found:
    """Check for missing certificates and an unused proxy."""
    from reelkeep.config_types.provider import NO_AUTHORITIES, authorities_are_missing

    checks = []
    if authorities_are_missing():
        grade = Grade.FAIL if settings.network.ca_file is None else Grade.WARN
        checks.append(Check("certificates", grade, NO_AUTHORITIES, Symptom.CERTIFICATES_MISSING))
    hint = unused_proxy(os.environ)
    if hint is not None and settings.network.proxy is None:
        checks.append(Check("proxy", Grade.WARN, hint, Symptom.PROXY_UNUSED))
    return checks, {}


def about_owners(settings: Settings) -> Found:
    """Check which user runs this, and who owns the archive, its files and the catalog."""
    root, catalog = settings.archive.path, settings.catalog.path
    checks = []
    if (told := not_the_owner(root)) is not None:
        checks.append(Check("user", Grade.WARN, told, Symptom.USER_OTHER))
    if root.is_dir():
        checks += [
            Check("owner", Grade.FAIL, _alien(path, user, root), Symptom.OWNER_OTHER)
            for path, user in of_others(root)
        ]
    if catalog.exists() and catalog.stat().st_uid != catalog.parent.stat().st_uid:
        told = _alien(catalog, catalog.stat().st_uid, catalog.parent)
        checks.append(Check("owner", Grade.FAIL, told, Symptom.OWNER_OTHER))
    return checks[:MOST_OWNERS], {}


def not_the_owner(root: Path) -> str | None:
    """Return a message if the user is neither root nor the owner of the archive at `root`."""
    owner, user = root.stat().st_uid if root.is_dir() else None, os.geteuid()
    if owner is None or user in (0, owner):
        return None
    return (
        f"this is user {user}, but the archive belongs to user {owner}, who may have other "
        f"permissions: {run_as(owner)}"
    )


def _alien(path: Path, user: int, of: Path) -> str:
    owner = of.stat().st_uid
    return (
        f"{path} belongs to user {user}, {of} to user {owner}, who may not be able to write "
        f"there; as root: chown -R {owner} {quote(str(path))}"
    )


FEW_INODES: Final = 10_000

MOST_FOLDERS: Final = 20_000
"""How many folders of the archive are checked."""

MOST_NAMED: Final = 10
"""How many folders and files are named."""

_NO_TRIAL = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.EISDIR, errno.EINVAL, errno.ENOSYS})
"""Errors of file systems that do not support unnamed files."""


def about_disk(settings: Settings, disk: Disk | None = None) -> Found:
    """Check the space for archive and catalog, and whether we may write there."""
    disk = disk or Disk()
    archive, catalog = settings.archive.path, settings.catalog.path.parent
    places = {"archive": archive, "catalog folder": catalog}
    with suppress(TransferError, OSError):  # another check reports it
        volumes = volumes_below(archive)
        there = [each for each in volumes.known() if volumes.absence(each) is None]
        places |= {f"volume {each}": archive / each for each in there}
    checks, facts = [], {}
    for name, path in places.items():
        if not path.exists():
            is_known = name == "archive" and _knows_archive(settings)
            checks += [] if is_known else [_not_there(name, path)]  # else already reported
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
            checks.append(Check(f"room for the {name}", Grade.FAIL, told, Symptom.DISK_INODES))
        checks += _writable(disk, name, path)
    return checks, {"disk": facts}


def _knows_archive(settings: Settings) -> bool:
    try:
        found = glance(settings.catalog.path)
    except CatalogError:
        return False
    return found is not None and found.archive is not None


def _not_there(name: str, path: Path) -> Check:
    """Report that nothing is at `path`; a start creates it, unless it is a broken link."""
    for link in (path, *path.parents):
        if link.is_symlink() and not link.exists():
            told = f"the link {link} leads nowhere: mount its target, or remove the link"
            return Check(name, Grade.FAIL, told, Symptom.LINK_BROKEN)
    told = f"{path} does not exist yet; the next start creates it"
    return Check(name, Grade.WARN, told, Symptom.FOLDER_NONE)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _writable(disk: Disk, name: str, path: Path) -> Iterator[Check]:
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        kept = "the catalog cannot be written" if name == "catalog folder" else "transfers pause"
        told = f"{path} is mounted read-only: {kept}; see `dmesg`, mount it writable"
        yield Check(name, Grade.FAIL, told, Symptom.DISK_READ_ONLY)
    elif not os.access(path, os.W_OK | os.X_OK):
        told = f"user {os.getuid()} may not write in {path}; is this the user of the service?"
        yield Check(name, Grade.FAIL, told, Symptom.FOLDER_CLOSED)
    else:
        ours = path / OURS / "parts"
        where = ours if os.access(ours, os.W_OK | os.X_OK) else path
        error = try_to_write(disk, where)
        if error is not None:
            yield judge_refusal(name, str(where), error.errno)


def try_to_write(disk: Disk, folder: Path) -> OSError | None:
    """Return why a small file cannot be written in `folder`; None if it can, or if unknown.

    The file never has a name, so nothing in `folder` changes. Blocking.
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
    """Check whether this process can read the files of the archive."""
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
        checks.append(Check("reading the archive", Grade.FAIL, more, Symptom.ARCHIVE_UNREADABLE))
    return checks, {}


def unreadable_below(root: Path) -> Iterator[tuple[str, str]]:
    """Yield what this process cannot read in the first folders of an archive, and why."""
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
    """Check whether the largest due files fit on the archive's disk."""
    root = settings.archive.path
    try:
        found = glance(settings.catalog.path)
    except CatalogError:
        return [], {}  # the check of the catalog reports it
    if found is None or not root.exists():
        return [], {}
    room = os.statvfs(root)
    free = max(0, room.f_bavail * room.f_frsize - settings.archive.min_free)
    whole = room.f_blocks * room.f_frsize
    large = [line for line in found.largest if line["promised"] > free]
    return [judge_too_large(line, free=free, whole=whole) for line in large[:MOST_NAMED]], {}
