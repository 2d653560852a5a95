"""Open everything that a command needs, and close it in the reverse order."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from reelkeep.app.archive_access import (
    NEWEST,
    file_names,
    make_archive,
    missing_content,
    open_for_writing,
    other_owner,
)
from reelkeep.app.catalog_access import utc_now
from reelkeep.app.clock_watch import ClockCheck, ClockWatch
from reelkeep.archive.local import LocalArchive
from reelkeep.catalog.adoption import adopt
from reelkeep.catalog.checks import SqlChecks
from reelkeep.catalog.database import Database, Outage
from reelkeep.catalog.follow_ups import SqlBackfills, SqlDisposals
from reelkeep.catalog.intake import SqlIntake
from reelkeep.catalog.operator import OperatorCatalog
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.results import SqlLedger
from reelkeep.catalog.schema import Upgrade, newest_published
from reelkeep.catalog.token_store import FileTokenStore
from reelkeep.config_types.provider import ProviderOptions
from reelkeep.config_types.secrets import lacks_secrets
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.file_system import limitations
from reelkeep.core.instants import Longest
from reelkeep.core.model import Holding, ProviderName
from reelkeep.core.retry import Policy
from reelkeep.errors import TransferError
from reelkeep.ports import Clean, Clock, Learn, Provider, Report, Rng, Tools, Transport
from reelkeep.providers.adapter import Installed
from reelkeep.settings.model import Settings
from reelkeep.stages.worker_pool import ActiveTransfers
from reelkeep.telemetry.logs import captured
from reelkeep.transport import AiohttpTransport, Bandwidth, TransportOptions


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """An open client, and the bandwidth that its transfers share."""

    client: AiohttpTransport
    transport: Bandwidth

    def adjust(self, settings: Settings) -> None:
        """Put the limits of `settings` in force, the bandwidth also for transfers under way."""
        self.client.adjust(_options(settings))
        self.transport.limit(settings.downloads.bandwidth)


@asynccontextmanager
async def open_wire(settings: Settings) -> AsyncIterator[ClientAccess]:
    """Open the client.

    Raises:
        ConfigError: `network.ca_file` cannot be used.
    """
    async with AiohttpTransport(_options(settings)) as client:
        yield ClientAccess(client, Bandwidth(client, settings.downloads.bandwidth))


def _options(settings: Settings) -> TransportOptions:
    downloads, network = settings.downloads, settings.network
    return TransportOptions(
        connect_timeout=downloads.connect_timeout,
        stall_timeout=downloads.stall_timeout,
        stall_rate=downloads.stall_rate,
        per_host=downloads.per_host,
        proxy=network.proxy,
        ca_file=network.ca_file,
        allow=AddressPolicy.parse(network.allow),
    )


Build = Callable[[ProviderOptions], Provider]
"""Makes the provider that an entry of the configuration describes; that has no effects."""


@dataclass(slots=True, kw_only=True)
class Resources:
    """All collaborators of one process, open and ready."""

    settings: Settings  #: What is in force.
    report: Report
    clean: Clean = str
    clock: Clock
    clock_check: ClockCheck
    rng: Rng
    database: Database
    intake: SqlIntake
    queue: SqlQueue
    ledger: SqlLedger
    backfills: SqlBackfills
    disposals: SqlDisposals
    operator: OperatorCatalog
    checks: SqlChecks
    archive: LocalArchive
    transport: Transport
    providers: dict[ProviderName, Provider]  #: Those that are enabled.
    build: Build
    adjust: Callable[[Settings], None]  #: Puts other limits of the transport in force.
    transfers: ActiveTransfers
    missing_content: int = 0  #: How many of the newest stored files are missing, if most are.
    newest: Sequence[Holding] = ()  #: The recordings of which that is said.

    @property
    def clock_watch(self) -> ClockWatch:
        """What resets times in the catalog that a wrong clock has noted."""
        return ClockWatch(
            check=self.clock_check,
            clock=self.clock,
            database=self.database,
            queue=self.queue,
            report=self.report,
        )

    def refit(self, settings: Settings, built: Mapping[ProviderName, Provider]) -> None:
        """Put in force what may change while transfers go on; `built` are new providers."""
        self.settings = settings
        enabled = {options.name for options in settings.providers if options.enabled}
        for name in [name for name in self.providers if name not in enabled]:
            del self.providers[name]
        self.providers.update(built)
        self.ledger.policy = retry_policy(settings)
        self.queue.longest = longest_delays(settings, self.providers.values())
        self.archive.min_free = settings.archive.min_free
        self.adjust(settings)


@asynccontextmanager
async def open_resources(
    settings: Settings,
    report: Report,
    *,
    learn: Learn = lambda _secret: None,
    clean: Clean = str,
    clock: Clock = utc_now,
    rng: Rng = random.random,
    outage: Outage | None = None,
) -> AsyncIterator[Resources]:
    """Lock archive and catalog, open everything, and recover what a crash left.

    `learn` hears of secrets that come up, `clean` takes all known ones out of a text. Where there
    is an `outage`, the stages wait in it while the catalog's disk fails.

    Raises:
        ArchiveAbsent: What is at `archive.path` is not the archive of this catalog.
        Busy: Another process holds the archive or the catalog.
        ConfigError, CatalogError: Something cannot be opened; the message says what.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(captured(report))
        _warn_of_root(settings, report)
        archive = make_archive(settings, clock, report)
        upgrade = Upgrade(settings.catalog.path)
        both = open_for_writing(settings, archive, clock, older=upgrade)
        try:
            database, is_new = await stack.enter_async_context(both)
        finally:
            upgrade.tell(report)
        await tell_file_systems(archive, report)
        wire = await stack.enter_async_context(open_wire(settings))
        resources = furnish(
            settings,
            report,
            archive=archive,
            database=database,
            transport=wire.transport,
            adjust=wire.adjust,
            learn=learn,
            clean=clean,
            clock=clock,
            rng=rng,
            outage=outage,
        )
        await recover(resources, is_new=is_new)
        yield resources


def _warn_of_root(settings: Settings, report: Report) -> None:
    """Say that root makes folders here which the archive's owner cannot use."""
    owner = other_owner(settings.archive.path)
    if owner is not None:
        report("archive.other_owner", path=settings.archive.path, owner=owner, user=os.geteuid())


async def tell_file_systems(archive: LocalArchive, report: Report) -> None:
    """Try what the file systems of the archive can do; report what is new, and what is lacking."""
    try:
        before = {each.folder: each for each in await archive.volumes.tried()}
        found = await archive.volumes.try_all()
    except TransferError:  # a full disk, say: whatever is refused is met again, and reported then
        return
    for each in found:
        if each.folder not in before or each.differs(before[each.folder]):
            report("archive.probed", **each.facts())
        for reason in limitations(each):
            report("archive.limited", folder=each.folder, reason=reason)


def furnish(  # noqa: PLR0913 - each collaborator once
    settings: Settings,
    report: Report,
    *,
    archive: LocalArchive,
    database: Database,
    transport: Transport,
    adjust: Callable[[Settings], None] = lambda _settings: None,
    learn: Learn = lambda _secret: None,
    clean: Clean = str,
    clock: Clock = utc_now,
    rng: Rng = random.random,
    outage: Outage | None = None,
) -> Resources:
    """Return the resources around what is open already; `recover` comes next."""
    check = ClockCheck(clock, report)
    build = builder(
        settings, transport, report, learn=learn, clock=clock, rng=rng, clock_check=check
    )
    providers = make_providers(settings, build)
    patient = database if outage is None else database.patient(outage.outlast)
    return Resources(
        settings=settings,
        report=report,
        clean=clean,
        clock=clock,
        clock_check=check,
        rng=rng,
        database=database,
        intake=SqlIntake(patient, clock, report, file_names(settings)),
        queue=SqlQueue(patient, clock, longest_delays(settings, providers.values())),
        ledger=SqlLedger(
            patient,
            policy=retry_policy(settings),
            clock=clock,
            rng=rng,
            report=report,
            clean=clean,
        ),
        backfills=SqlBackfills(patient, clock),
        disposals=SqlDisposals(patient, clock),
        operator=OperatorCatalog(database, clock),
        checks=SqlChecks(patient, clock, report),
        archive=archive,
        transport=transport,
        providers=providers,
        build=build,
        adjust=adjust,
        transfers=ActiveTransfers(),
    )


def builder(
    settings: Settings,
    transport: Transport,
    report: Report,
    *,
    learn: Learn,
    clock: Clock,
    rng: Rng,
    clock_check: ClockCheck | None = None,
) -> Build:
    """Return what makes providers; they share the tools, and the vault beside the catalog.

    What they hear is compared with our clock, by `clock_check` if there is one already.
    """
    check = clock_check or ClockCheck(clock, report)
    tools = Tools(
        transport=check.watching(transport),
        vault=FileTokenStore(settings.catalog.path.parent),
        clock=clock,
        rng=rng,
        report=report,
        learn=learn,
    )
    adapters = Installed()

    def build(options: ProviderOptions) -> Provider:
        provider: Provider = adapters[options.type].build(options, tools)
        return provider

    return build


def make_providers(settings: Settings, build: Build) -> dict[ProviderName, Provider]:
    """Return the enabled providers by name.

    One whose secrets were not needed, and cannot be read, is not asked by this process.
    """
    enabled = (
        options for options in settings.providers if options.enabled and not lacks_secrets(options)
    )
    return {ProviderName(options.name): build(options) for options in enabled}


def retry_policy(settings: Settings) -> Policy:
    """Return how patient `settings` are with files that fail."""
    retry = settings.downloads.retry
    return Policy(attempts=retry.attempts, base=retry.base, longest=retry.max)


def longest_delays(settings: Settings, providers: Iterable[Provider]) -> Longest:
    """Return the longest delays that are ever noted under `settings`."""
    patience = [provider.traits.transcode_timeout for provider in providers]
    return Longest(
        retry=settings.downloads.retry.max,
        patience=max(patience, default=Longest().patience),
        scrub=settings.archive.scrub or Longest().scrub,
    )


async def look_for_content(resources: Resources) -> None:
    """Say if most of what is newest in the catalog is missing, and note it there.

    Until it is there no provider is told, and nothing moved to a trash: the archive may be an old
    copy, and the provider's the only one.
    """
    newest = await newest_published(resources.database, NEWEST)
    found = await missing_content(resources.archive, newest)
    resources.missing_content = len(found)
    if found:
        resources.newest = newest
        path = resources.settings.archive.path
        resources.report("archive.content_missing", path=path, files=len(found))
        await resources.checks.noted(found)


async def look_again_for_content(resources: Resources) -> bool:
    """Return whether what was missing at the start is there now, in the main; then it is said.

    The same files count as at the start: others that came meanwhile tell nothing of these.
    """
    try:
        found = await missing_content(resources.archive, resources.newest)
    except TransferError:
        return False  # it cannot be looked at
    resources.missing_content = len(found)
    if not found:
        resources.newest = ()
        resources.report("archive.content_found", path=resources.settings.archive.path)
    return not found


async def recover(resources: Resources, *, is_new: bool) -> None:
    """Make what a crash left due again; a new catalog takes over what the archive holds."""
    files = await resources.queue.recover()
    if files:
        resources.report("catalog.recovered", files=files)
    await resources.clock_watch.reset_instants()
    if not is_new:
        orphans = await resources.archive.tidy(await resources.operator.unfinished())
        size = sum(orphan.size for orphan in orphans)
        if orphans:
            resources.report("archive.orphaned", parts=len(orphans), bytes=size)
        await look_for_content(resources)
    if is_new:
        await adopt(
            resources.database,
            resources.archive.adopt(),
            clock=resources.clock,
            report=resources.report,
        )
