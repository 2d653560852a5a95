"""Replace archived bytes that two equal fetches of their provider contradict.

    1  the second fetch goes into a part, and is verified as every new file is
    2  if it equals the first one, it is flushed, and waits among the finished files
    3  the catalog is told
    4  the old bytes go to quarantine; all that were ever put aside there are kept
    5  the new ones take the name, and manifest and sums are written, as for a late file

Who dies after 3 leaves a recording that is behind, which the next pass or daemon publishes: the old
bytes go to quarantine then. While another process holds the archive, the file becomes due instead,
as by `verify --repair`, and that process fetches it.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace

import anyio

from reelkeep.app.archive_access import make_archive, open_for_writing
from reelkeep.app.catalog_access import books, open_catalog, read_catalog, utc_now
from reelkeep.app.content_audit import (
    Archived,
    Compared,
    Comparer,
    ContentAudit,
    Refetcher,
    decided,
    run_audit,
    undecided,
)
from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.resources import builder, make_providers, open_wire, retry_policy
from reelkeep.app.verification import Repairer
from reelkeep.archive.local import LocalArchive
from reelkeep.archive.part import LocalPart
from reelkeep.catalog.checks import Replacement, replace_stored
from reelkeep.catalog.database import Database
from reelkeep.catalog.operator import OperatorCatalog, adopted_at, attempted
from reelkeep.catalog.read_only import exists
from reelkeep.catalog.results import SqlLedger
from reelkeep.catalog.schema import archive_identity
from reelkeep.core.audit import Choice, Comparison
from reelkeep.core.integrity import Blemish, Mark
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Download, ProviderName, Window
from reelkeep.core.retry import Policy
from reelkeep.errors import Busy, DiskFull, ProviderError, TransferError
from reelkeep.settings.model import Settings
from reelkeep.stages.stream import Arrived, PartCompleter, PartStream
from reelkeep.stages.verify import Proof, verify
from reelkeep.stages.worker_pool import ActiveTransfers, SlotPool
from reelkeep.telemetry.logs import Log, captured

_WHY = "two equal fetches by `audit --content --repair` differ from these bytes"


@dataclass(frozen=True, slots=True)
class _Fetch:
    proof: Proof
    source: str


class ContentRepairer:
    """Makes the second fetch of what differs, and repairs it; see `content_audit.Mend`."""

    def __init__(
        self, settings: Settings, archive: LocalArchive, refetch: Refetcher, log: Log
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._refetch = refetch
        self._log = log
        self._turn = anyio.Lock()

    async def __call__(self, begun: Compared) -> Compared:
        """Return what became of a file whose first fetch differs from the archive."""
        archived = begun.archived
        download = replace(
            archived.download, size=archived.file.promised, seen=begun.fetched[0], accepts=None
        )
        try:
            await self._see_that_it_fits(archived)
            async with self._archive.part(download) as part:
                try:
                    found = await self._into(part, download, begun)
                finally:
                    await _forget(part)
        except (ProviderError, TransferError) as error:
            return _refused(begun, error)
        return found

    async def _see_that_it_fits(self, archived: Archived) -> None:
        free = await self._archive.free()
        if free < (archived.file.size or 0):
            raise DiskFull(f"there is no room to fetch {archived.file.name} beside the old bytes")

    async def _into(self, part: LocalPart, download: Download, begun: Compared) -> Compared:
        async def believe(arrived: Arrived) -> _Fetch:
            return _Fetch(await verify(download, part, arrived), arrived.origin)

        fetched = await self._refetch(download, part, believe)
        found = decided(begun, fetched.proof.sha256)
        if found.comparison is not Comparison.DIFFERS:
            return found
        with anyio.CancelScope(shield=True):  # it is a matter of moments, and is not left half-done
            async with self._turn:
                await part.keep()
                found = await self._replaced(found, fetched)
        return found

    async def _replaced(self, found: Compared, fetched: _Fetch) -> Compared:
        archive, settings = self._archive, self._settings
        try:
            async with open_for_writing(settings, archive, utc_now) as (database, _):
                return await self._alone(database, found, fetched)
        except Busy:
            return await self._queued(found)

    async def _alone(self, database: Database, found: Compared, fetched: _Fetch) -> Compared:
        """Replace the bytes; nobody else works in archive and catalog."""
        old, proof = found.archived, fetched.proof
        new = Replacement(
            size=proof.size,
            sha256=proof.sha256,
            verified=proof.level.value,
            source=fetched.source,
            note=proof.note,
        )
        holding = await replace_stored(database, old.file, new, clock=utc_now, report=self._log)
        if holding is None:
            reason = "it was changed meanwhile by another command: nothing is replaced"
            return replace(found, repair="refused", reason=reason)
        if await self._archive.put_aside(old.holding, old.file.name, _WHY):
            self._log("file.quarantined", **old.where, reason=_WHY)
        ledger = SqlLedger(
            database, policy=Policy(), clock=utc_now, rng=random.random, report=self._log
        )
        await ledger.published([(holding, await self._archive.publish(holding))])
        self._log(
            "file.replaced",
            **old.where,
            before=found.here,
            sha256=proof.sha256,
            bytes=proof.size,
            verified=proof.level.value,
        )
        return replace(found, repair="replaced", reason=f"{found.reason}: replaced")

    async def _queued(self, found: Compared) -> Compared:
        """Leave it to the process that holds the archive."""
        old = found.archived
        blemish = Blemish(
            folder=old.holding.folder or "",
            file=old.file.name,
            mark=Mark.ALTERED,
            provider=old.holding.provider,
            recording=old.holding.id,
            reason=_WHY,
        )
        async with books(self._settings, self._log) as opened:
            repair = await Repairer(self._archive, opened.checks, self._log).begin([blemish])
        self._log("repair.queued", files=repair.due)
        reason = f"{found.reason}; another process holds the archive, and fetches it"
        return replace(found, repair="queued", reason=reason)


def _refused(begun: Compared, error: ProviderError | TransferError) -> Compared:
    """Return what is known if the second fetch failed, or is not believed to be the file."""
    sha256 = error.sha256 if isinstance(error, TransferError) else None
    if sha256 is None:
        return replace(undecided(begun, error), repair="refused")
    found = decided(begun, sha256)
    if found.comparison is not Comparison.DIFFERS:
        return found
    reason = f"{found.reason}; they are not replaced, as a check refuses what came: {error}"
    return replace(found, repair="refused", reason=reason)


async def _forget(part: LocalPart) -> None:
    """Leave nothing of a part that was not kept: no queue waits for it."""
    if not part.kept:
        with anyio.CancelScope(shield=True), suppress(TransferError):
            await part.begin(validator=None, total=None, promises={})


PAGE = 500
"""Recordings that are taken from the catalog at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRequest:
    """What is to be compared, and how."""

    asked: Sequence[ProviderName]  #: Who may be asked.
    only: Sequence[str] = ()  #: The providers whose files are meant; none: all that are known.
    window: Window | None = None  #: When their recordings began.
    choice: Choice = field(default_factory=Choice)
    repair: bool = False


class ContentRun:
    """One run; `found` and `transfers` show meanwhile how far it is."""

    def __init__(self, settings: Settings, request: ContentRequest, log: Log) -> None:
        self._settings = settings
        self._request = request
        self._log = log
        self.found = ContentAudit()
        self.transfers = ActiveTransfers()

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
            settings, wire.transport, log, learn=log.learn, clock=utc_now, rng=random.random
        )
        asked = frozenset(self._request.asked)
        made = make_providers(settings, build)
        providers = {name: each for name, each in made.items() if name in asked}
        archive = make_archive(settings, utc_now, log)
        archive.identity.expect(await archive_identity(database))
        await archive.identity.check()
        options = settings.downloads
        stream = PartStream(
            wire.transport,
            clock=utc_now,
            report=log,
            transfers=self.transfers,
            slots=SlotPool(self.transfers, slots=options.workers, lanes=1),
            shares=False,
        )
        refetch = Refetcher(
            PartCompleter(providers, stream),
            self.transfers,
            policy=retry_policy(settings),
            clock=utc_now,
            rng=random.random,
            report=log,
        )
        comparer = Comparer(
            archive,
            refetch.hashed,
            names=frozenset(providers),
            report=log,
            clean=log.clean,
            mend=ContentRepairer(settings, archive, refetch, log) if self._request.repair else None,
        )
        selection = ContentSelection(database, self._request)
        await run_audit(selection, comparer, workers=options.workers, found=self.found)

    async def _catalog(self, stack: AsyncExitStack) -> Database:
        if self._request.repair and exists(self._settings.catalog.path):
            opening = open_catalog(self._settings)
            return (await stack.enter_async_context(opening))[0]
        return await stack.enter_async_context(read_catalog(self._settings))


class ContentSelection:
    """Yields the archived files that are meant, in the order in which recordings became known."""

    def __init__(self, database: Database, request: ContentRequest) -> None:
        self._database = database
        self._operator = OperatorCatalog(database, utc_now)
        self._request = request

    async def __call__(self) -> AsyncIterator[Archived]:
        request, choice, after, number = self._request, self._request.choice, 0, 0
        adopted = await adopted_at(self._database)
        while page := await self._operator.listing(
            names=request.only,
            states=[FileState.STORED],
            span=request.window,
            after=after,
            limit=PAGE,
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
