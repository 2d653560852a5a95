"""Open catalog and archive for those who only look or decide: without providers and network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import anyio

from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.database import Database, one_thread, open_engine
from reelkeep.catalog.desk import Desk
from reelkeep.catalog.schema import prepare
from reelkeep.core.layout import parse_layout
from reelkeep.core.model import Holding
from reelkeep.ports import Clock, Report
from reelkeep.settings import Settings


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_catalog(
    settings: Settings, lock: AbstractAsyncContextManager[None] | None = None
) -> AsyncIterator[tuple[Database, bool]]:
    """Open and migrate the catalog, under `lock` if there is one; also say whether it is new."""
    hop = one_thread()
    engine = await hop(lambda: open_engine(settings.catalog.url))
    database = Database(engine, hop)
    try:
        async with lock or nullcontext():
            is_new = await hop(lambda: prepare(engine))
            yield database, is_new
    finally:
        with anyio.CancelScope(shield=True):
            await database.close()


@asynccontextmanager
async def desk_only(
    settings: Settings, report: Report, clock: Clock = utc_now
) -> AsyncIterator[Desk]:
    """Open the catalog for an operator's question or decision; a daemon may run meanwhile."""
    async with open_catalog(settings) as (database, _):
        yield Desk(database, clock, report)


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
    )
