"""Open what `audit --content` needs, choose the files, and compare them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import anyio

from reelkeep.app.books import open_catalog, read_catalog, utc_now
from reelkeep.app.content_audit import Archived, Comparer, ContentAudit, run_audit
from reelkeep.app.content_repair import Mender
from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.house import builder, make_providers, retry_policy
from reelkeep.app.refetching import Refetcher
from reelkeep.app.shelf import make_archive
from reelkeep.app.wire import open_wire
from reelkeep.catalog.database import Database
from reelkeep.catalog.desk import Desk
from reelkeep.catalog.history import adopted_at, attempted
from reelkeep.catalog.identity import archive_identity
from reelkeep.catalog.reading import exists
from reelkeep.core.content_audit import Choice
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import ProviderName, Window
from reelkeep.ports import Report
from reelkeep.settings import Settings
from reelkeep.stages.active_transfers import ActiveTransfers
from reelkeep.stages.bring import Bringer
from reelkeep.stages.hands import Hands
from reelkeep.stages.stream import Stream
from reelkeep.telemetry.libraries import captured
from reelkeep.telemetry.logs import Log

PAGE = 500
"""Recordings that are taken from the catalog at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentWish:
    """What is to be compared, and how."""

    asked: Sequence[ProviderName]  #: Who may be asked.
    only: Sequence[str] = ()  #: The providers whose files are meant; none: all that are known.
    window: Window | None = None  #: When their recordings began.
    choice: Choice = field(default_factory=Choice)
    repair: bool = False


class ContentRun:
    """One run; `found` and `flights` show meanwhile how far it is."""

    def __init__(self, settings: Settings, wish: ContentWish, log: Log) -> None:
        self._settings = settings
        self._wish = wish
        self._log = log
        self.found = ContentAudit()
        self.flights = ActiveTransfers()

    async def run(self, stop: anyio.Event) -> None:
        """Compare all that is meant, until `stop` is set.

        Raises:
            ArchiveAbsent: What is at `archive.path` is not the archive of this catalog.
            CatalogError: The catalog cannot be read.
        """
        found = self.found
        with unwrapped():
            async with AsyncExitStack() as stack, anyio.create_task_group() as group:
                group.start_soon(_end, stop, group.cancel_scope)
                found.stopped = True
                await self._run(stack)
                found.stopped = False
                group.cancel_scope.cancel()

    async def _run(self, stack: AsyncExitStack) -> None:
        settings, log = self._settings, self._log
        stack.enter_context(captured(log))
        database = await self._catalog(stack)
        wire = await stack.enter_async_context(open_wire(settings))
        build = builder(
            settings, wire.transport, log, learn=log.learn, clock=utc_now, dice=random.random
        )
        asked = frozenset(self._wish.asked)
        made = make_providers(settings, build)
        providers = {name: each for name, each in made.items() if name in asked}
        archive = make_archive(settings, utc_now, log)
        archive.identity.expect(await archive_identity(database))
        await archive.identity.check()
        options = settings.downloads
        stream = Stream(
            wire.transport,
            clock=utc_now,
            report=log,
            flights=self.flights,
            hands=Hands(self.flights, slots=options.workers, lanes=1),
            shares=False,
        )
        refetch = Refetcher(
            Bringer(providers, stream),
            self.flights,
            policy=retry_policy(settings),
            clock=utc_now,
            dice=random.random,
            report=log,
        )
        comparer = Comparer(
            archive,
            refetch.hashed,
            names=frozenset(providers),
            report=log,
            clean=log.clean,
            mend=Mender(settings, archive, refetch, log) if self._wish.repair else None,
        )
        selection = Selection(database, self._wish, log)
        await run_audit(selection, comparer, workers=options.workers, found=self.found)

    async def _catalog(self, stack: AsyncExitStack) -> Database:
        if self._wish.repair and exists(self._settings.catalog.path):
            opening = open_catalog(self._settings)
            return (await stack.enter_async_context(opening))[0]
        return await stack.enter_async_context(read_catalog(self._settings))


class Selection:
    """Yields the archived files that are meant, in the order in which recordings became known."""

    def __init__(self, database: Database, wish: ContentWish, report: Report) -> None:
        self._database = database
        self._desk = Desk(database, utc_now, report)
        self._wish = wish

    async def __call__(self) -> AsyncIterator[Archived]:
        wish, choice, after, number = self._wish, self._wish.choice, 0, 0
        adopted = await adopted_at(self._database)
        while page := await self._desk.listing(
            names=wish.only, states=[FileState.STORED], span=wish.window, after=after, limit=PAGE
        ):
            after = page[-1].row
            tried = frozenset[int]()
            if choice.suspects:
                rows = (file.row for each in page for file in each.files)
                tried = await attempted(self._database, rows)
            for holding in page:
                for file in holding.files if holding.folder is not None else ():
                    known = file.stored_at is not None and (
                        adopted is None or file.stored_at > adopted
                    )
                    if choice.takes(
                        file, holding.key, attempted=file.row in tried, adopted=not known
                    ):
                        number += 1
                        yield Archived(number, holding, file)


async def _end(stop: anyio.Event, scope: anyio.CancelScope) -> None:
    await stop.wait()
    scope.cancel()
