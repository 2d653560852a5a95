"""A house of fakes around a real catalog, for the stages in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import anyio
from sqlalchemy import func, select

import virtual
from fakes.archive import MemoryArchive
from fakes.books import new_catalog
from fakes.catalog import inline
from fakes.log import RecordedLog
from fakes.provider import FakeProvider
from fakes.transport import Answer, FakeReply, FakeTransport
from reelkeep.app.clock_watch import ClockCheck
from reelkeep.app.resources import Resources
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.checks import SqlChecks
from reelkeep.catalog.database import Database, Hop, Outlast, at_once
from reelkeep.catalog.follow_ups import SqlBackfills, SqlDisposals
from reelkeep.catalog.intake import SqlIntake
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.results import SqlLedger
from reelkeep.catalog.tables import file, recording
from reelkeep.config_types.provider import ProviderOptions
from reelkeep.core.model import ProviderName
from reelkeep.core.retry import Policy
from reelkeep.ports import Clock, Reply, Request, Transport
from reelkeep.settings.model import ArchiveOptions, DownloadOptions, RetryOptions, Settings
from reelkeep.stages.worker_pool import ActiveTransfers

BODY = b"0123456789"


@dataclass
class Slow:
    """Takes `seconds` before it answers, and counts how many wait at once."""

    inner: Transport
    seconds: float
    at_once: int = 0
    most: int = 0

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await anyio.sleep(self.seconds)
            async with self.inner.open(request) as reply:
                yield reply
        finally:
            self.at_once -= 1


def whole(_request: Request) -> Answer:
    """Answer every request with the whole file."""
    return FakeReply.of(BODY, ETag='"1"')


class Rig:
    """Everything that a pipeline needs, in memory; the clock is the virtual loop's."""

    def __init__(
        self,
        *providers: FakeProvider,
        script: Callable[[Request], Answer] = whole,
        transport: Transport | None = None,
        retry: RetryOptions | None = None,
        grace: float = 20,
        rng: float = 0.5,
        clock: Clock = virtual.clock,
        hop: Hop = inline,
        outlast: Outlast = at_once,
        **downloads: Any,
    ) -> None:
        self.log = RecordedLog()
        self.archive = MemoryArchive()
        self.providers = {provider.name: provider for provider in providers}
        self.offered = {
            str(name): each for name, each in self.providers.items()
        }  # what a reload may build
        self.adjusted: list[Settings] = []
        self.requests = FakeTransport(script)
        self._rng = rng
        self.engine = new_catalog()
        self.database = Database(self.engine, hop, outlast)
        retry = retry or RetryOptions()
        policy = Policy(attempts=retry.attempts, base=retry.base, longest=retry.max)
        settings = Settings.model_construct(
            archive=ArchiveOptions.model_construct(path=Path("archive"), min_free=0),
            downloads=DownloadOptions(**downloads).model_copy(update={"retry": retry}),
            shutdown_grace=timedelta(seconds=grace),
            providers=tuple(ProviderOptions(name=name, type="fake") for name in self.providers),
        )
        log, database = self.log, self.database
        self.resources = Resources(
            settings=settings,
            report=log,
            clock=clock,
            clock_check=ClockCheck(clock, log),
            rng=self.rng,
            database=database,
            intake=SqlIntake(database, clock, log),
            queue=SqlQueue(database, clock),
            ledger=SqlLedger(database, policy=policy, clock=clock, rng=self.rng, report=log),
            backfills=SqlBackfills(database, clock),
            disposals=SqlDisposals(database, clock),
            operator=OperatorCatalog(database, clock),
            checks=SqlChecks(database, clock, log),
            archive=cast(LocalArchive, self.archive),
            transport=transport or self.requests,
            providers=cast(Any, self.providers),
            build=lambda options: cast(Any, self.offered[options.name]),
            adjust=self.adjusted.append,
            transfers=ActiveTransfers(),
        )

    def rng(self) -> float:
        return self._rng

    async def files(self, state: str | None = None) -> int:
        """Return how many files are in `state`."""
        query = select(func.count()).select_from(file)
        if state is not None:
            query = query.where(file.c.state == state)
        return await self.database.read(lambda c: c.execute(query).scalar_one())

    async def recordings(self, state: str) -> list[str]:
        """Return the recordings that are in `state`."""
        query = select(recording.c.id).where(recording.c.state == state).order_by(recording.c.id)
        return list(await self.database.read(lambda c: c.execute(query).scalars().all()))

    @property
    def names(self) -> list[ProviderName]:
        return list(self.providers)


@asynccontextmanager
async def running(*work: Callable[[], Any]) -> AsyncIterator[None]:
    """Run `work` beside the test, and cancel it at the end."""
    async with anyio.create_task_group() as group:
        for each in work:
            group.start_soon(each)
        yield
        group.cancel_scope.cancel()
