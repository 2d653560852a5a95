"""Open the catalog for those who only look or decide: without archive, providers and network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio

from reelkeep.catalog.database import Database, one_thread, open_engine
from reelkeep.catalog.desk import Desk
from reelkeep.catalog.identity import archive_identity
from reelkeep.catalog.schema import Older, prepare, refuse_older
from reelkeep.ports import Clock, Report
from reelkeep.settings import Settings

if TYPE_CHECKING:  # most who open the catalog note nothing of that kind
    from reelkeep.catalog.checks import SqlChecks


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


@dataclass(frozen=True, slots=True)
class Books:
    """The catalog for those who read the archive again."""

    desk: Desk
    checks: SqlChecks
    identity: str | None  #: Of the archive that the catalog belongs to.


@asynccontextmanager
async def books(settings: Settings, report: Report, clock: Clock = utc_now) -> AsyncIterator[Books]:
    """Open the catalog to note what is found in the archive; a daemon may run meanwhile."""
    from reelkeep.catalog.checks import SqlChecks

    async with open_catalog(settings) as (database, _):
        yield Books(
            Desk(database, clock, report),
            SqlChecks(database, clock, report),
            await archive_identity(database),
        )


@asynccontextmanager
async def desk_only(
    settings: Settings, report: Report, clock: Clock = utc_now
) -> AsyncIterator[Desk]:
    """Open the catalog for an operator's question or decision; a daemon may run meanwhile."""
    async with open_catalog(settings) as (database, _):
        yield Desk(database, clock, report)
