"""Open the catalog for those who only look or decide: without archive, providers and network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from reelkeep.catalog.backup import readable
from reelkeep.catalog.database import Database, Hop, one_thread, open_engine
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.read_only import exists, has_tables, open_reader
from reelkeep.catalog.schema import Older, archive_identity, prepare, refuse_older
from reelkeep.errors import CatalogError
from reelkeep.ports import Clock, Report
from reelkeep.settings.model import Settings

if TYPE_CHECKING:
    from reelkeep.catalog.checks import SqlChecks


def no_catalog(path: Path) -> str:
    """Return the sentence for a catalog that nobody has begun."""
    return f"there is no catalog yet at {path}; `reelkeep sync` and `reelkeep run` make it"


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_catalog(
    settings: Settings,
    lock: AbstractAsyncContextManager[None] | None = None,
    *,
    older: Older = refuse_older,
) -> AsyncIterator[tuple[Database, bool]]:
    """Open the catalog, under `lock` if there is one; also say whether it is new.

    One of an older version is given to `older`; only who holds the lock, or a copy, may migrate it.
    """
    hop = one_thread()
    engine = await hop(lambda: open_engine(settings.catalog.url))
    database = Database(engine, hop)
    try:
        async with lock or nullcontext():
            is_new = await hop(lambda: prepare(engine, older))
            yield database, is_new
    finally:
        with anyio.CancelScope(shield=True):
            await database.close()


@asynccontextmanager
async def read_catalog(settings: Settings) -> AsyncIterator[Database]:
    """Open the catalog to read it only; an empty one in memory where there is none.

    Nothing is made or changed, so that any user may look, also at a catalog on read-only media.

    Raises:
        CatalogError: It cannot be read, or has another version.
    """
    hop, path = one_thread(), settings.catalog.path
    with ExitStack() as stack:
        if await hop(lambda: exists(path)):
            found = await hop(lambda: stack.enter_context(readable(path)))
            reader, engine = open_reader(found, hop)
            if await hop(lambda: has_tables(engine)):
                yield reader
                return
        async with in_memory(hop) as empty:
            yield empty


@asynccontextmanager
async def in_memory(hop: Hop) -> AsyncIterator[Database]:
    """Open an empty catalog that is gone afterwards."""
    engine = open_engine("sqlite://")
    database = Database(engine, hop)
    try:
        await hop(lambda: prepare(engine))
        yield database
    finally:
        with anyio.CancelScope(shield=True):
            await database.close()


@dataclass(frozen=True, slots=True)
class CatalogAccess:
    """The catalog for those who read the archive again."""

    operator: OperatorCatalog
    checks: SqlChecks
    identity: str | None  #: Of the archive that the catalog belongs to.


@asynccontextmanager
async def books(
    settings: Settings, report: Report, clock: Clock = utc_now
) -> AsyncIterator[CatalogAccess]:
    """Open the catalog to note what is found in the archive; a daemon may run meanwhile."""
    from reelkeep.catalog.checks import SqlChecks

    async with open_catalog(settings) as (database, _):
        yield CatalogAccess(
            OperatorCatalog(database, clock),
            SqlChecks(database, clock, report),
            await archive_identity(database),
        )


@asynccontextmanager
async def reading_books(
    settings: Settings, report: Report, clock: Clock = utc_now
) -> AsyncIterator[CatalogAccess]:
    """Open the catalog to compare the archive with it; what is found is not noted there."""
    from reelkeep.catalog.checks import UnnotedChecks

    async with read_catalog(settings) as database:
        yield CatalogAccess(
            OperatorCatalog(database, clock),
            UnnotedChecks(database, clock, report),
            await archive_identity(database),
        )


@asynccontextmanager
async def open_read_only(
    settings: Settings, clock: Clock = utc_now
) -> AsyncIterator[OperatorCatalog]:
    """Open the catalog for an operator's question; nothing is made or changed."""
    async with read_catalog(settings) as database:
        yield OperatorCatalog(database, clock)


@asynccontextmanager
async def open_operator(
    settings: Settings, report: Report, clock: Clock = utc_now
) -> AsyncIterator[tuple[OperatorCatalog, OperatorDecisions]]:
    """Open the catalog for an operator's decision; a daemon may run meanwhile.

    Raises:
        CatalogError: There is none, so that there is nothing to decide.
    """
    if not exists(settings.catalog.path):
        raise CatalogError(no_catalog(settings.catalog.path))
    async with open_catalog(settings) as (database, _):
        yield OperatorCatalog(database, clock), OperatorDecisions(database, clock, report)
