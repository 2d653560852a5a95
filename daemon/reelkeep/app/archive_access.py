"""Open an archive and its catalog for writing: locked, and sure that they belong together."""

from __future__ import annotations

import heapq
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4
from zoneinfo import ZoneInfo

from reelkeep.app.catalog_access import open_catalog
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.paths import OURS
from reelkeep.archive.stored_files import StoredFiles
from reelkeep.catalog.database import Database
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.schema import (
    Older,
    Upgrade,
    archive_identity,
    first_stored,
    keep_archive_identity,
    refuse_older,
)
from reelkeep.core.identity import Evidence, Ruling, refusal, rule
from reelkeep.core.integrity import FileHealth, Mark
from reelkeep.core.layout import FileNames, parse_file_name, parse_layout
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding
from reelkeep.disk import ArchiveDisk
from reelkeep.errors import (
    ArchiveAbsent,
    CatalogUnavailable,
    ConfigError,
    DiskFull,
    StorageUnavailable,
    TransferError,
)
from reelkeep.ports import Clock, Report
from reelkeep.settings.model import Settings

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


def file_names(settings: Settings) -> FileNames:
    """Return how new files are named."""
    options = settings.archive
    return parse_file_name(options.file_name, ZoneInfo(options.timezone))


def stored_files(settings: Settings) -> StoredFiles:
    """Return what reads the stored files of the archive by the piece."""
    return StoredFiles(settings.archive.path, ArchiveDisk())


def make_archive(settings: Settings, clock: Clock, report: Report | None = None) -> LocalArchive:
    """Return the archive that `settings` describe; nothing is touched yet."""

    def put_aside(holding: Holding, name: str) -> None:
        if report is not None:
            report(
                "file.quarantined",
                provider=holding.provider,
                recording=holding.id,
                file=name,
                reason="other bytes stood in the archive under the name of this file",
            )

    options = settings.archive
    return LocalArchive(
        options.path,
        layout=parse_layout(options.layout),
        timezone=ZoneInfo(options.timezone),
        file_mode=options.file_mode,
        directory_mode=options.directory_mode,
        min_free=options.min_free,
        clock=clock,
        put_aside=put_aside,
        bags=options.format == "bagit",
    )


SAMPLE = 500
"""Recordings that are looked for where neither catalog nor archive has an identity yet."""

NEWEST = 100
"""Recordings that are looked for at a start, though the identity is the right one."""

NewIdentity = Callable[[], str]


def new_identity() -> str:
    """Return an identity that no other archive has."""
    return uuid4().hex


@asynccontextmanager
async def open_for_writing(
    settings: Settings,
    archive: LocalArchive,
    clock: Clock,
    *,
    older: Older = refuse_older,
    identities: NewIdentity = new_identity,
) -> AsyncIterator[tuple[Database, bool]]:
    """Lock and open the catalog, then the archive; also say whether the catalog is new.

    Nothing is written to the archive before it is known to be the catalog's.

    Raises:
        ArchiveAbsent: It is not.
        Busy: Another process holds one of them.
        ConfigError, CatalogError: One cannot be opened; the message says why.
    """
    async with (
        open_catalog(settings, _lock_of_catalog(settings, archive), older=older) as (
            database,
            is_new,
        ),
        hold_archive(archive, database, clock, identities=identities),
    ):
        yield database, is_new


@asynccontextmanager
async def _lock_of_catalog(settings: Settings, archive: LocalArchive) -> AsyncIterator[None]:
    """Keep every other process from writing the catalog.

    Raises:
        Busy: Another process does.
        CatalogUnavailable: The lock's file, beside the catalog, cannot be used.
    """
    path = settings.catalog.path
    async with AsyncExitStack() as stack:
        try:
            lock = archive.lock(path.with_name(f"{path.name}.lock"), f"the catalog {path}")
            await stack.enter_async_context(lock)
        except TransferError as error:
            raise CatalogUnavailable(f"the catalog {path} cannot be locked: {error}") from error
        yield


@asynccontextmanager
async def hold_archive(
    archive: LocalArchive,
    database: Database,
    clock: Clock,
    *,
    identities: NewIdentity = new_identity,
) -> AsyncIterator[None]:
    """Lock the archive of a catalog that is open, and let both know each other.

    Raises:
        ArchiveAbsent: What is at `archive.path` is not the archive of this catalog.
        Busy: Another process holds it.
        ConfigError: It cannot be begun there; the message says why.
        StorageUnavailable: It is the archive, and cannot be written now.
    """
    known = await archive_identity(database)
    await require(archive, database)
    archive.identity.expect(known)
    try:
        has_room = await archive.prepare()
    except ConfigError as error:
        if known is None:
            raise
        told = str(error).removeprefix("archive.path: ")
        raise StorageUnavailable(told) from error  # it was writable once: this may pass
    async with archive.hold():
        if has_room:  # else at the next start
            await settle(archive, database, clock, identities)
        yield


async def evidence(archive: LocalArchive, database: Database) -> Evidence:
    """Return what catalog and archive know of each other.

    Raises:
        ArchiveAbsent: The archive's identity cannot be read.
    """
    catalog, found = await archive_identity(database), await archive.identity.read()
    holds = recognised = False
    if catalog is None:
        some = await first_stored(database, SAMPLE)
        holds, recognised = bool(some), await _most_are_there(archive, some)
    return Evidence(catalog=catalog, archive=found, holds=holds, recognised=recognised)


async def _most_are_there(archive: LocalArchive, some: list[Holding]) -> bool:
    """Whether more than half of the stored files lie there: a few may have strayed anywhere."""
    stored = sum(file.state == FileState.STORED for each in some for file in each.files)
    return stored > 2 * len(await archive.not_there(some))


async def missing_content(archive: LocalArchive, some: Sequence[Holding]) -> list[FileHealth]:
    """Return which stored files of `some` are missing, if most of them are; else nothing.

    The identity may be there without what it stands for: an old snapshot, a copy that was cut. What
    cannot be looked at, as on a volume that is away, is not counted.

    Raises:
        IoFailed: The archive cannot be looked at.
    """
    lost = await archive.lost(some)
    missing = [row for row, mark in lost.items() if mark is Mark.MISSING]
    stored = sum(file.state == FileState.STORED for each in some for file in each.files)
    if 2 * len(missing) <= stored - (len(lost) - len(missing)):
        return []
    return [FileHealth(row=row, fault=Mark.MISSING) for row in missing]


async def require(archive: LocalArchive, database: Database) -> Ruling:
    """Return how to go on; nothing is changed.

    Raises:
        ArchiveAbsent: What is at `archive.path` is not the archive of this catalog.
    """
    ruling = rule(await evidence(archive, database))
    told = refusal(ruling, str(archive.root))
    if told is not None:
        raise ArchiveAbsent(told)
    return ruling


async def settle(
    archive: LocalArchive, database: Database, clock: Clock, identities: NewIdentity
) -> None:
    """Let catalog and archive know each other, and expect this archive from now on.

    The archive is held. It is told first: whoever dies in between has a catalog that takes the
    identity at the next start.
    """
    ruling = await require(archive, database)
    identity = await archive.identity.read()
    if ruling is Ruling.BEGIN or identity is None:
        identity = identities()
        await archive.identity.write(identity)
    if ruling is not Ruling.OPEN:
        await keep_archive_identity(database, identity, clock())
    archive.identity.expect(identity)


@dataclass(frozen=True, slots=True)
class Begun:
    """What an operator's word made of the place at `archive.path`."""

    path: str
    new: bool  #: False: it was the archive already, and nothing was changed.
    stored: int  #: Files that the catalog calls stored.
    missing: int  #: Those of them that are not there.


async def begin_anew(
    settings: Settings, report: Report, clock: Clock, *, volumes: bool = False
) -> Begun:
    """Make what is at `archive.path` the archive of this catalog, because an operator says so.

    With `volumes`, those below it that are not there are begun anew, too.

    It gets an identity that it shares with the catalog; no file and no state is changed.

    Raises:
        ArchiveAbsent: Another archive is there already.
        Busy: Another process holds one of them.
        ConfigError, CatalogError: One cannot be opened or written.
    """
    archive, path = make_archive(settings, clock, report), settings.catalog.path
    lock = _lock_of_catalog(settings, archive)
    async with open_catalog(settings, lock, older=Upgrade(path)) as (database, _):
        ruling = rule(await evidence(archive, database))
        if ruling is Ruling.OTHER:
            await require(archive, database)
        if ruling is not Ruling.OPEN:
            if not await archive.prepare():
                raise DiskFull(f"there is no room to begin an archive at {archive.root}")
            async with archive.hold():
                identity = (await archive.identity.read()) if ruling is Ruling.TAKE else None
                identity = identity or new_identity()
                await archive.identity.write(identity)
                await keep_archive_identity(database, identity, clock())
        if volumes:
            async with archive.hold():
                await archive.volumes.begin_absent()
        stored, missing = await _count(archive, OperatorCatalog(database, clock))
    return Begun(str(archive.root), ruling is not Ruling.OPEN, stored, missing)


async def _count(archive: LocalArchive, operator: OperatorCatalog) -> tuple[int, int]:
    """Return how many files are called stored, and how many of them are not there."""
    stored = missing = after = 0
    while some := await operator.listing(states=[FileState.STORED], after=after):
        stored += sum(file.state == FileState.STORED for each in some for file in each.files)
        missing += len(await archive.not_there(some))
        after = some[-1].row
    return stored, missing
