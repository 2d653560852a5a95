"""Open everything that a command needs, and close it in the reverse order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from reelkeep.app.books import open_catalog, utc_now
from reelkeep.app.shelf import make_archive
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.adoption import adopt
from reelkeep.catalog.database import Database
from reelkeep.catalog.desk import Desk
from reelkeep.catalog.intake import SqlIntake
from reelkeep.catalog.ledger import SqlLedger
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.vault import FileVault
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.model import ProviderName
from reelkeep.core.retry import Policy
from reelkeep.ports import Clean, Clock, Dice, Learn, Provider, Report, Tools, Transport
from reelkeep.providers.adapter import Installed
from reelkeep.settings import Settings
from reelkeep.stages.flights import Flights
from reelkeep.telemetry.libraries import captured
from reelkeep.transport import AiohttpTransport, Bandwidth, TransportOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """All collaborators of one process, open and ready."""

    settings: Settings
    report: Report
    clean: Clean = str
    clock: Clock
    dice: Dice
    database: Database
    intake: SqlIntake
    queue: SqlQueue
    ledger: SqlLedger
    desk: Desk
    archive: LocalArchive
    transport: Transport
    providers: Mapping[ProviderName, Provider]
    flights: Flights


@asynccontextmanager
async def open_house(
    settings: Settings,
    report: Report,
    *,
    learn: Learn = lambda _secret: None,
    clean: Clean = str,
    clock: Clock = utc_now,
    dice: Dice = random.random,
) -> AsyncIterator[House]:
    """Lock archive and catalog, open everything, and recover what a crash left.

    `learn` hears of secrets that come up, `clean` takes all known ones out of a text.

    Raises:
        Busy: Another process holds the archive or the catalog.
        ConfigError, CatalogError: Something cannot be opened; the message says what.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(captured(report))
        archive = make_archive(settings, clock, report)
        await archive.prepare()
        await stack.enter_async_context(archive.hold())
        catalog = settings.catalog.path
        lock = archive.lock(catalog.with_name(f"{catalog.name}.lock"), f"the catalog {catalog}")
        database, is_new = await stack.enter_async_context(open_catalog(settings, lock))
        transport = await stack.enter_async_context(open_transport(settings))
        house = House(
            settings=settings,
            report=report,
            clean=clean,
            clock=clock,
            dice=dice,
            database=database,
            intake=SqlIntake(database, clock, report),
            queue=SqlQueue(database, clock),
            ledger=SqlLedger(
                database,
                policy=_policy(settings),
                clock=clock,
                dice=dice,
                report=report,
                clean=clean,
            ),
            desk=Desk(database, clock, report),
            archive=archive,
            transport=transport,
            providers=make_providers(
                settings, transport, report, learn=learn, clock=clock, dice=dice
            ),
            flights=Flights(),
        )
        await _recover(house, is_new=is_new)
        yield house


def make_providers(
    settings: Settings,
    transport: Transport,
    report: Report,
    *,
    learn: Learn,
    clock: Clock,
    dice: Dice,
) -> dict[ProviderName, Provider]:
    """Return the enabled providers by name; constructing them has no effects."""
    tools = Tools(
        transport=transport,
        vault=FileVault(settings.catalog.path.parent),
        clock=clock,
        dice=dice,
        report=report,
        learn=learn,
    )
    adapters = Installed()
    return {
        ProviderName(options.name): adapters[options.type].build(options, tools)
        for options in settings.providers
        if options.enabled
    }


@asynccontextmanager
async def open_transport(settings: Settings) -> AsyncIterator[Transport]:
    """Open the HTTP client that `settings` describe."""
    downloads, network = settings.downloads, settings.network
    options = TransportOptions(
        connect_timeout=downloads.connect_timeout,
        stall_timeout=downloads.stall_timeout,
        stall_rate=downloads.stall_rate,
        per_host=downloads.per_host,
        proxy=network.proxy,
        ca_file=network.ca_file,
        allow=AddressPolicy.parse(network.allow),
    )
    async with AiohttpTransport(options) as transport:
        limit = downloads.bandwidth
        yield transport if limit is None else Bandwidth(transport, limit)


def _policy(settings: Settings) -> Policy:
    retry = settings.downloads.retry
    return Policy(attempts=retry.attempts, base=retry.base, longest=retry.max)


async def _recover(house: House, *, is_new: bool) -> None:
    """Make what a crash left due again; a new catalog takes over what the archive holds."""
    files = await house.queue.recover()
    if files:
        house.report("catalog.recovered", files=files)
    if not is_new:
        orphans = await house.archive.tidy(await house.desk.unfinished())
        size = sum(orphan.size for orphan in orphans)
        if orphans:
            house.report("archive.orphaned", parts=len(orphans), bytes=size)
    if is_new:
        await adopt(house.database, house.archive.adopt(), clock=house.clock, report=house.report)
