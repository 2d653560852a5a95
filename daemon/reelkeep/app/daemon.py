"""The daemon: it polls, fetches and tells until it is asked to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import anyio
from anyio import open_signal_receiver
from anyio.abc import TaskStatus

from reelkeep.app.attendant import Attendant
from reelkeep.app.house import House, open_house
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.pulse import Pulse
from reelkeep.app.unwrapped import causes_of, unwrapped
from reelkeep.errors import Busy, ConfigError
from reelkeep.options import Endpoint, SocketFile
from reelkeep.settings import Settings, load
from reelkeep.stages.bells import Bell, Chime
from reelkeep.telemetry.logs import Log
from reelkeep.telemetry.metrics import Metrics
from reelkeep.telemetry.notify import Notifier

CLOSING = timedelta(seconds=30)
"""How long a stop may take beyond the grace for transfers, as systemd is told."""

ReportOf = Callable[[Settings], Log]
"""Makes the log that a configuration asks for."""


@dataclass(slots=True)
class _Orders:
    """What signals ask of the daemon. A second signal to stop ends the process at once."""

    stop: anyio.Event = field(default_factory=anyio.Event)
    turn: anyio.Event = field(default_factory=anyio.Event)  #: Leave the house: to stop, or to move.
    opening: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    poll: Bell = field(default_factory=Bell)  #: Rings when every provider is to be asked at once.
    stopped_at: float = 0.0
    following: Settings | None = None  #: What the next house is to be like.

    def end(self) -> None:
        """Stop, also in the middle of opening a house."""
        self.stopped_at = anyio.current_time()
        self.stop.set()
        self.turn.set()
        self.opening.cancel()


async def run(path: Path, environ: Mapping[str, str], *, report_of: ReportOf) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    SIGHUP reads the configuration again. A changed one is put in force by closing the house and
    opening it anew (transfers resume); an unchanged one makes every provider be asked at once; an
    invalid one is refused, and nothing else happens.

    Raises:
        ConfigError, Busy, CatalogError: It cannot start, or cannot go on.
    """
    settings = load(path, environ=environ)
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
    """One process: it lives in one house after the other, as its operator orders."""

    def __init__(
        self, path: Path, environ: Mapping[str, str], report_of: ReportOf, settings: Settings
    ) -> None:
        self._path = path
        self._environ = environ
        self._report_of = report_of
        self._settings = settings
        self._before: Settings | None = None  # what to go back to until the house is open
        self._house: House | None = None
        self._orders = _Orders()
        self._began = anyio.current_time()
        self.log = report_of(settings)
        self.report = Metrics(lambda event, /, **keys: self.log(event, **keys))
        self.notifier = Notifier(environ, pid=os.getpid())
        self._pulse = Pulse(self.notifier, self.report.lagged)

    async def live(self) -> None:
        """Live until the orders say stop."""
        orders = self._orders
        self.report(
            "daemon.started",
            version=version("reelkeep"),
            pid=os.getpid(),
            config=self._path,
            providers=self._names(),
        )
        async with anyio.create_task_group() as group:
            await group.start(self._obey)
            group.start_soon(self._pulse.forever, name="pulse")
            while not orders.stop.is_set():
                await self._stay()
            group.cancel_scope.cancel()
        self.report("daemon.stopped", seconds=round(anyio.current_time() - orders.stopped_at, 3))

    async def _obey(self, *, task_status: TaskStatus[None]) -> None:
        orders = self._orders
        with open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self._reload()
                elif orders.stop.is_set():
                    os._exit(1)  # asked twice: at once; what is on disk is as after a crash
                else:
                    self._end(signal.Signals(number).name)

    def _end(self, name: str) -> None:
        self.notifier.stopping(self._settings.shutdown_grace + CLOSING)
        flying = 0 if self._house is None else len(self._house.flights.under_way)
        self.report("daemon.stopping", signal=name, in_flight=flying)
        self.notifier.status(f"stopping, {flying} in flight")
        self._orders.end()

    def _reload(self) -> None:
        self.notifier.reloading(anyio.current_time())
        try:
            following = load(self._path, environ=self._environ)
        except ConfigError as error:
            self._reject(error)
            return
        if following != self._settings:
            self._orders.following = following
            self._orders.turn.set()
        else:
            self._orders.following = None
            self._orders.poll.ring()
            self._say_reloaded()

    def _reject(self, error: Exception) -> None:
        self.report("config.rejected", config=self._path, reason=str(error))
        self.notifier.ready()

    def _say_reloaded(self) -> None:
        self.report("config.reloaded", config=self._path, providers=self._names())
        self.notifier.ready()

    async def _stay(self) -> None:
        """Live in one house; then be ready for the next one."""
        orders = self._orders
        orders.turn, orders.opening = anyio.Event(), anyio.CancelScope()
        try:
            with unwrapped():
                await self._inhabit()
        except (ConfigError, Busy) as error:
            if self._before is None:
                raise
            self._use(self._before)
            self._before = None
            self._reject(error)
        if orders.following is not None:
            self._before = self._settings
            self._use(orders.following)
            orders.following = None

    def _use(self, settings: Settings) -> None:
        self._settings = settings
        self.log = self._report_of(settings)
        self._began = anyio.current_time()

    async def _inhabit(self) -> None:
        """Open a house, and work in it until the orders turn."""
        self.notifier.status("opening the archive and the catalog")
        async with AsyncExitStack() as stack:
            self._house = house = await self._open(stack)
            if house is None:
                return
            pipeline = Pipeline(house, list(house.providers))
            attendant = Attendant(house, pipeline, self.report, self.notifier)
            listen = self._settings.server.listen
            if listen is not None:
                await self._serve(stack, attendant, listen)
            async with anyio.create_task_group() as group:
                group.start_soon(attendant.forever, name="attend")
                grace = self._settings.shutdown_grace
                await pipeline.run(lambda: self._steer(pipeline), grace=grace)
                group.cancel_scope.cancel()

    async def _serve(
        self, stack: AsyncExitStack, attendant: Attendant, listen: Endpoint | SocketFile
    ) -> None:
        from reelkeep.telemetry.exposition import Exposition  # both take a while, and not all serve
        from reelkeep.telemetry.server import Probes, serving

        probes = Probes(
            healthy=lambda: self._pulse.healthy,
            ready=attendant.reasons,
            status=attendant.status,
            metrics=Exposition(self.report).page,
        )
        at = await stack.enter_async_context(serving(probes, listen))
        if isinstance(at, SocketFile):
            self.report("server.listening", path=at.path)
        else:
            self.report("server.listening", host=at.host, port=at.port)

    async def _open(self, stack: AsyncExitStack) -> House | None:
        """Return the open house, None if a stop was asked for meanwhile."""
        with self._orders.opening:
            opening = open_house(
                self._settings, self.report, learn=self.log.learn, clean=self.log.clean
            )
            return await stack.enter_async_context(opening)
        return None

    async def _steer(self, pipeline: Pipeline) -> None:
        """Poll until the orders turn."""
        async with anyio.create_task_group() as group:
            for name, poller in pipeline.pollers.items():
                group.start_soon(poller.forever, name=f"poll {name}")
            group.start_soon(self._wake, pipeline, name="wake")
            self._say_ready()
            await self._orders.turn.wait()
            group.cancel_scope.cancel()

    def _say_ready(self) -> None:
        if self._before is not None:
            self._before = None
            self._say_reloaded()
        self.report("daemon.ready", seconds=round(anyio.current_time() - self._began, 3))
        self._pulse.starting = False
        self.notifier.ready()

    async def _wake(self, pipeline: Pipeline) -> None:
        everyone = Chime(poller.wake for poller in pipeline.pollers.values())
        while True:
            await self._orders.poll.wait()
            everyone.ring()

    def _names(self) -> list[str]:
        return [options.name for options in self._settings.providers]
