"""Open catalog and archive for writing: locked, and sure that they belong together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from reelkeep.app.books import open_catalog
from reelkeep.app.shelf import make_archive
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.database import Database
from reelkeep.catalog.desk import Desk
from reelkeep.catalog.identity import (
    archive_identity,
    first_stored,
    keep_archive_identity,
    newest_published,
)
from reelkeep.catalog.schema import Older, refuse_older
from reelkeep.catalog.upgrade import Upgrade
from reelkeep.core.identity import Evidence, Ruling, refusal, rule
from reelkeep.core.integrity import Health, Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding
from reelkeep.errors import (
    ArchiveAbsent,
    CatalogUnavailable,
    ConfigError,
    DiskFull,
    StorageUnavailable,
    TransferError,
)
from reelkeep.ports import Clock, Report
from reelkeep.settings import Settings

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


async def missing_content(archive: LocalArchive, database: Database) -> list[Health]:
    """Return which of the newest stored files are missing, if most of them are; else nothing.

    The identity may be there without what it stands for: an old snapshot, a copy that was cut. What
    cannot be looked at, as on a volume that is away, is not counted.

    Raises:
        IoFailed: The archive cannot be looked at.
    """
    some = await newest_published(database, NEWEST)
    lost = await archive.lost(some)
    missing = [row for row, mark in lost.items() if mark is Mark.MISSING]
    stored = sum(file.state == FileState.STORED for each in some for file in each.files)
    if 2 * len(missing) <= stored - (len(lost) - len(missing)):
        return []
    return [Health(row=row, fault=Mark.MISSING) for row in missing]


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
        stored, missing = await _count(archive, Desk(database, clock, report))
    return Begun(str(archive.root), ruling is not Ruling.OPEN, stored, missing)


async def _count(archive: LocalArchive, desk: Desk) -> tuple[int, int]:
    """Return how many files are called stored, and how many of them are not there."""
    stored = missing = after = 0
    while some := await desk.listing(states=[FileState.STORED], after=after):
        stored += sum(file.state == FileState.STORED for each in some for file in each.files)
        missing += len(await archive.not_there(some))
        after = some[-1].row
    return stored, missing
