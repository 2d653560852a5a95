"""The daemon: from its start through reloads to its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import open_signal_receiver
from anyio.abc import TaskGroup, TaskStatus

from reelkeep.app.absence import Absence, room_at
from reelkeep.app.catalog_access import utc_now
from reelkeep.app.exception_groups import causes_of, unwrapped
from reelkeep.app.monitor import Monitor, Watchdog, beat_meanwhile
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.resources import Resources, open_resources
from reelkeep.app.status import Status, of_catalog, transfers
from reelkeep.app.verification import make_scrubber
from reelkeep.catalog.database import Outage
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.core.model import ProviderName
from reelkeep.errors import CatalogUnavailable, ConfigError
from reelkeep.settings.changes import Change, compare
from reelkeep.settings.load import enabled_of, load
from reelkeep.settings.model import Settings
from reelkeep.stages.integrity_check import Scrubber
from reelkeep.stages.signals import Signal
from reelkeep.telemetry.conditions import Conditions
from reelkeep.telemetry.logs import Log
from reelkeep.telemetry.notify import Notifier

if TYPE_CHECKING:  # they import an HTTP server, and not all serve
    from reelkeep.telemetry.metrics import Metrics
    from reelkeep.telemetry.server import PageHandler


async def put_in_force(change: Change, resources: Resources, pipeline: Pipeline) -> None:
    """Let `pipeline` work as `change` says.

    Providers that changed are ended and begun anew. Transfers under way go on, on their own
    connections: those of a provider that is gone end with what they have.

    Raises:
        ConfigError: A provider cannot be made; nothing was changed.
    """
    built = {ProviderName(options.name): resources.build(options) for options in change.begun}
    await pipeline.dismiss(ProviderName(name) for name in change.ended)
    resources.refit(change.settings, built)
    pipeline.adjust()
    pipeline.engage(built)


CLOSING = timedelta(seconds=30)
"""How long a stop may take beyond the grace for transfers, as systemd is told."""

ReportOf = Callable[[Settings], Log]
"""Makes the log that a configuration asks for."""


@dataclass(slots=True)
class _Orders:
    """What signals ask of the daemon. A second signal to stop ends the process at once."""

    stop: anyio.Event = field(default_factory=anyio.Event)
    reload: Signal = field(default_factory=Signal)
    opening: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    stopped_at: float = 0.0

    def end(self) -> None:
        """Stop, also in the middle of opening the resources."""
        self.stopped_at = anyio.current_time()
        self.stop.set()
        self.opening.cancel()


async def run(path: Path, environ: Mapping[str, str], *, report_of: ReportOf) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    SIGHUP reads the configuration again. What can be is put in force while transfers go on, the
    rest is told and waits for a restart; then every provider is asked at once. An invalid one is
    refused, and nothing changes.

    Raises:
        ConfigError, Busy, CatalogError: It cannot start, or cannot go on.
    """
    settings = load(path, environ=environ, asked=enabled_of(()))
    daemon = _Daemon(path, environ, report_of, settings)
    try:
        with unwrapped():
            await daemon.live()
    except Exception as error:
        daemon.report("daemon.failed", reason=causes_of(error))
        raise
    finally:
        daemon.notifier.close()
    return 0


class _Daemon:
    """One process with its resources, until its operator says stop."""

    def __init__(
        self, path: Path, environ: Mapping[str, str], report_of: ReportOf, settings: Settings
    ) -> None:
        self._path = path
        self._environ = environ
        self._report_of = report_of
        self._settings = settings
        self._resources: Resources | None = None
        self._orders = _Orders()
        self._began = anyio.current_time()
        self.log = report_of(settings)
        self.report = Conditions(self.log)
        if settings.server.listen is not None:
            self._metrics()
        self.notifier = Notifier(environ, pid=os.getpid())
        self._pulse = Watchdog(self.notifier, self.report.lagged)
        self._group: TaskGroup = anyio.create_task_group()
        archive = settings.archive
        room = partial(room_at, archive.path, archive.min_free)
        self._absence = Absence(self.report, self.notifier, room)
        self._outage = Outage(self.report)

    async def live(self) -> None:
        """Live until the orders say stop."""
        self.report(
            "daemon.started",
            version=version("reelkeep"),
            pid=os.getpid(),
            config=self._path,
            providers=_names(self._settings),
        )
        async with self._group as group:
            await group.start(self._obey)
            group.start_soon(self._pulse.forever, name="pulse")
            await self._inhabit_until_stopped()
            group.cancel_scope.cancel()
        seconds = round(anyio.current_time() - self._orders.stopped_at, 3)
        self.report("daemon.stopped", seconds=seconds)

    async def _obey(self, *, task_status: TaskStatus[None]) -> None:
        orders = self._orders
        with open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    orders.reload.notify()
                elif orders.stop.is_set():
                    os._exit(1)  # asked twice: at once; what is on disk is as after a crash
                else:
                    self._end(signal.Signals(number).name)

    def _end(self, name: str) -> None:
        settings = self._settings if self._resources is None else self._resources.settings
        self.notifier.stopping(settings.shutdown_grace + CLOSING)
        under_way = 0 if self._resources is None else len(self._resources.transfers.under_way)
        self.report("daemon.stopping", signal=name, in_flight=under_way)
        self.notifier.status(f"stopping, {under_way} in flight")
        self._outage.stop_waiting()
        self._orders.end()

    async def _inhabit_until_stopped(self) -> None:
        """Inhabit; a stop does not wait for a catalog that cannot be written.

        What could not be recorded is found again at the next start, as after a crash.
        """
        try:
            with unwrapped():
                await self._inhabit()
        except CatalogUnavailable:
            if not self._orders.stop.is_set():
                raise

    async def _inhabit(self) -> None:
        """Open the resources, and work with them until the orders say stop."""
        self.notifier.status("opening the archive and the catalog")
        async with AsyncExitStack() as stack:
            self._resources = resources = await self._open(stack)
            if resources is None:
                return
            pipeline = Pipeline(resources, list(resources.providers), polls=True)
            attendant = Monitor(resources, pipeline, self.report, self.notifier, self._outage)
            await self._serve(
                stack,
                ready=attendant.reasons,
                status=attendant.status,
                under_way=lambda: transfers(resources.transfers),
                decisions=OperatorDecisions(resources.database, resources.clock, resources.report),
            )
            async with anyio.create_task_group() as group:
                group.start_soon(attendant.forever, name="attend")
                scrubber = make_scrubber(resources)
                await pipeline.run(lambda: self._steer(resources, pipeline, scrubber))
                group.cancel_scope.cancel()

    async def _serve(
        self,
        stack: AsyncExitStack,
        *,
        ready: Callable[[], Awaitable[Sequence[str]]],
        status: Callable[[], Awaitable[Status]],
        under_way: Callable[[], Sequence[Status]] = tuple,
        decisions: OperatorDecisions | None = None,
    ) -> None:
        listen = self._settings.server.listen
        if listen is None:
            return
        page = await self._page(stack, status=status, under_way=under_way, decisions=decisions)
        from reelkeep.telemetry.server import Pages, Probes

        probes = Probes(
            healthy=lambda: self._pulse.healthy,
            ready=ready,
            status=status,
            metrics=self._metrics().page,
            catalog=str(self._settings.catalog.path),
            page=page,
        )
        pages = Pages(probes, listen, self.report)
        await self._group.start(pages.forever, name="pages")
        stack.push_async_callback(pages.stop)

    def _metrics(self) -> Metrics:
        """Return what counts events from now on; a daemon that serves no page has none."""
        from reelkeep.telemetry.metrics import Metrics

        self.report.metrics = self.report.metrics or Metrics(utc_now)
        return self.report.metrics

    async def _page(
        self,
        stack: AsyncExitStack,
        *,
        status: Callable[[], Awaitable[Status]],
        under_way: Callable[[], Sequence[Status]],
        decisions: OperatorDecisions | None,
    ) -> PageHandler | None:
        """Return what answers for the page, None if there is none: its libraries take a while."""
        if self._settings.server.page is None:
            return None
        from reelkeep.app.page import PageParts, open_page

        parts = PageParts(
            report=self.report,
            log=self.log,
            status=status,
            transfers=under_way,
            decisions=decisions,
        )
        return await stack.enter_async_context(open_page(self._settings, parts))

    async def _open(self, stack: AsyncExitStack) -> Resources | None:
        """Return the open resources, None if a stop was asked for meanwhile."""

        def opening() -> AbstractAsyncContextManager[Resources]:
            return open_resources(
                self._settings, self.report, learn=self.log.learn, clean=self.log.clean,
                outage=self._outage,
            )  # fmt: skip

        with self._orders.opening:
            return await self._absence.outlast(
                stack, opening, serving=self._serve_waiting, wait=self._wait
            )
        return None

    async def _serve_waiting(self, stack: AsyncExitStack) -> None:
        """Answer while there is no archive: alive, and not ready."""
        self._pulse.starting = False

        async def status() -> Status:
            return await of_catalog(self._settings, utc_now)

        await self._serve(stack, ready=self._absence.reasons, status=status)
        scope = anyio.CancelScope()
        stack.callback(scope.cancel)
        self._group.start_soon(self._beat_within, scope, status, name="heartbeat")

    async def _beat_within(
        self, scope: anyio.CancelScope, status: Callable[[], Awaitable[Status]]
    ) -> None:
        with scope:
            await beat_meanwhile(self.report, status)

    async def _wait(self, seconds: float) -> None:
        """Wait; a reload meanwhile takes over the whole configuration."""
        if not await self._orders.reload.wait(seconds):
            return
        self.notifier.reloading(anyio.current_time())
        try:
            self._settings = load(self._path, environ=self._environ, asked=enabled_of(()))
        except ConfigError as error:
            self.report("config.rejected", config=self._path, reason=str(error))
        else:
            self.log.follow(self._report_of(self._settings))
            self.report(
                "config.reloaded", config=self._path, providers=_names(self._settings),
                applied=[], needs_restart=[],
            )  # fmt: skip
        self.notifier.ready()

    async def _steer(
        self, resources: Resources, pipeline: Pipeline, scrubber: Scrubber | None
    ) -> None:
        """Work, and read the archive again, until the orders say stop."""
        self.report("daemon.ready", seconds=round(anyio.current_time() - self._began, 3))
        self._pulse.starting = False
        self.notifier.ready()
        async with anyio.create_task_group() as group:
            group.start_soon(self._heed, resources, pipeline, name="reload")
            if scrubber is not None:
                group.start_soon(scrubber.forever, name="scrub")
            await self._orders.stop.wait()
            group.cancel_scope.cancel()

    async def _heed(self, resources: Resources, pipeline: Pipeline) -> None:
        """Reload as often as it is asked for."""
        while True:
            await self._orders.reload.wait()
            self.notifier.reloading(anyio.current_time())
            try:
                await self._reload(resources, pipeline)
            except ConfigError as error:
                self.report("config.rejected", config=self._path, reason=str(error))
            self.notifier.ready()

    async def _reload(self, resources: Resources, pipeline: Pipeline) -> None:
        found = load(self._path, environ=self._environ, asked=enabled_of(()))
        change = compare(resources.settings, found)
        await put_in_force(change, resources, pipeline)
        self.log.follow(self._report_of(change.settings))
        self.report(
            "config.reloaded",
            config=self._path,
            providers=_names(change.settings),
            applied=change.applied,
            needs_restart=change.waiting,
        )
        pipeline.poll()


def _names(settings: Settings) -> list[str]:
    return [options.name for options in settings.providers]
