"""Say what a pass would fetch: try its polls on a copy of the catalog, and look at what is due."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import anyio
from sqlalchemy import Connection, func, select

from reelkeep.app.archive_access import make_archive
from reelkeep.app.catalog_access import open_catalog, utc_now
from reelkeep.app.clock_watch import ClockCheck
from reelkeep.app.exception_groups import unwrapped
from reelkeep.app.resources import builder, make_providers, open_wire
from reelkeep.catalog.adoption import adopt
from reelkeep.catalog.backup import replica
from reelkeep.catalog.database import Database
from reelkeep.catalog.intake import SqlIntake
from reelkeep.catalog.queue import SqlQueue, claimable
from reelkeep.catalog.schema import migrate
from reelkeep.catalog.tables import file, recording
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import FileId, Locator, ProviderName, Recording, RecordingId, Window
from reelkeep.core.poll_window import Unread, since_epoch
from reelkeep.errors import ProviderError
from reelkeep.ports import Clean, Clock, Finding, Provider, Report, Resuming, Rng, Traits
from reelkeep.settings.model import CatalogOptions, Settings
from reelkeep.stages.poll import Poller
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.stages.signals import Signal
from reelkeep.telemetry.logs import Log, captured


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLine:
    """What a pass would fetch from one provider."""

    name: ProviderName
    recordings: int  #: Of which files are due.
    files: int
    bytes: int  #: Of the files whose size is known.
    unknown_sizes: int
    transcodings: int  #: Recordings that would be asked to be transcoded first.
    error: str | None  #: Why the provider could not be read, or not wholly; or a wrong clock.
    incomplete: Sequence[str] = ()  #: Why not all may have been listed.


class Hearing:
    """A report that also notes, for each provider, why not all may have been listed."""

    def __init__(self, heard: Report, incomplete: Mapping[ProviderName, list[str]]) -> None:
        self._heard = heard
        self._incomplete = incomplete

    def __call__(self, event: str, /, **keys: object) -> None:
        if event in ("poll.incomplete", "user.skipped"):
            self._incomplete[ProviderName(str(keys["provider"]))].append(str(keys["reason"]))
        self._heard(event, **keys)


class ReadOnlyProvider:
    """A provider that may be asked anything, and is told nothing."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.transcodings: set[RecordingId] = set()  #: What it was not told to transcode.

    @property
    def name(self) -> ProviderName:
        return self._provider.name

    @property
    def traits(self) -> Traits:
        return self._provider.traits

    def discover(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        return self._provider.discover(span)

    def discover_with(
        self, span: Window, unread: Sequence[Unread]
    ) -> AsyncIterator[Sequence[Recording]]:
        if isinstance(self._provider, Resuming):
            return self._provider.discover_with(span, unread)
        return self._provider.discover(span)

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        return await self._provider.describe(recordings)

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        return await self._provider.locate(recording, file, fresh=fresh)

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        self.transcodings.update(recordings)

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        return recordings

    async def check(self) -> Sequence[Finding]:
        return await self._provider.check()


async def plan(
    settings: Settings, names: Sequence[ProviderName], log: Log, window: Window | None = None
) -> list[PlanLine]:
    """Return, for each of the enabled `names`, what a pass that began now would fetch.

    With `window`: what reading that again would fetch, of what began in it.

    Nothing is locked, made or changed in archive, catalog and accounts, and a daemon may run
    meanwhile. One thing cannot be spared: a refresh token that rotates is kept as it always is.

    Raises:
        CatalogError, IoFailed: Catalog or archive cannot be read.
    """
    incomplete: dict[ProviderName, list[str]] = {name: [] for name in names}
    async with AsyncExitStack() as stack:
        stack.enter_context(captured(log))
        scratch = await stack.enter_async_context(scratch_catalog(settings, utc_now))
        wire = await stack.enter_async_context(open_wire(settings))
        hearing = Hearing(log, incomplete)
        check = ClockCheck(utc_now, hearing)
        build = builder(
            settings, wire.transport, hearing, learn=log.learn, clock=utc_now, rng=random.random,
            clock_check=check,
        )  # fmt: skip
        providers = make_providers(settings, build)
        chosen = [providers[name] for name in names]
        lines = await rehearse(
            scratch, chosen, clock=utc_now, rng=random.random, clean=log.clean, window=window
        )
        return [
            replace(
                line,
                error=line.error or check.problem,
                incomplete=[log.clean(reason) for reason in incomplete[line.name]],
            )
            for line in lines
        ]


@asynccontextmanager
async def scratch_catalog(settings: Settings, clock: Clock) -> AsyncIterator[Database]:
    """Open a copy of the catalog, brought to where a pass would find its own after opening it."""
    async with AsyncExitStack() as stack:
        copy = await stack.enter_async_context(replica(settings.catalog.path))
        there = CatalogOptions.model_construct(url=f"sqlite:///{copy}")
        books = open_catalog(settings.model_copy(update={"catalog": there}), older=migrate)
        database, is_new = await stack.enter_async_context(books)
        await SqlQueue(database, clock).recover()
        if is_new:
            folders = make_archive(settings, clock).adopt()
            await adopt(database, folders, clock=clock, report=_unheard)
        yield database


async def rehearse(
    scratch: Database, providers: Sequence[Provider], *, clock: Clock, rng: Rng, clean: Clean,
    window: Window | None = None,
) -> list[PlanLine]:  # fmt: skip
    """Poll `providers` into `scratch`, and return what is due then, in the same order.

    With `window`, that is read instead, and only what began in it counts.
    """
    lines: dict[ProviderName, PlanLine] = {}
    intake = SqlIntake(scratch, clock, _unheard)

    async def poll(provider: Provider) -> None:
        spared = ReadOnlyProvider(provider)
        poller = Poller(
            spared,
            intake,
            clock=clock,
            rng=rng,
            report=_unheard,
            work=Signal(),
            health=ProviderHealth(spared.name, spared.traits.interval, clock, _unheard, clean),
        )
        if window is None:
            await poller.once()
            error = poller.health.reason
        else:
            error = await _read(poller, since_epoch(window, spared.traits.epoch), clean)
        lines[spared.name] = await scratch.read(lambda c: _line(c, spared, window, error=error))

    with unwrapped():
        async with anyio.create_task_group() as group:
            for provider in providers:
                group.start_soon(poll, provider)
    return [lines[provider.name] for provider in providers]


async def _read(poller: Poller, window: Window, clean: Clean) -> str | None:
    """Read `window`; return why that could not be done wholly."""
    try:
        await poller.reader.read(window)
    except ProviderError as error:
        return clean(str(error))
    return None


def _line(
    connection: Connection, spared: ReadOnlyProvider, window: Window | None, *, error: str | None
) -> PlanLine:
    query = (
        select(
            func.count(recording.c.row.distinct()),
            func.count(file.c.row),
            func.count(file.c.promised),
            func.coalesce(func.sum(file.c.promised), 0),
        )
        .join(file, file.c.recording == recording.c.row)
        .where(claimable(spared.name), file.c.state == FileState.DUE)
    )
    if window is not None:
        began = recording.c.started
        query = query.where(began >= window.since, began < window.until)
    recordings, files, known, size = connection.execute(query).one()
    return PlanLine(
        name=spared.name,
        recordings=recordings,
        files=files,
        bytes=size,
        unknown_sizes=files - known,
        transcodings=len(spared.transcodings),
        error=error,
    )


def _unheard(_event: str, /, **_keys: object) -> None:
    """Report nothing: none of it happens."""
