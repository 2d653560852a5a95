"""The daemon: it polls, fetches and tells until it is asked to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import anyio
from anyio import open_signal_receiver
from prometheus_client import CollectorRegistry

from reelkeep.app.attendant import Attendant
from reelkeep.app.house import House, open_house
from reelkeep.app.pipeline import Pipeline
from reelkeep.errors import ConfigError
from reelkeep.settings import Settings, load
from reelkeep.telemetry.logs import Log
from reelkeep.telemetry.metrics import Metrics
from reelkeep.telemetry.notify import Notifier
from reelkeep.telemetry.server import serving

ReportOf = Callable[[Settings], Log]
"""Makes the log that a configuration asks for."""


@dataclass(slots=True)
class _Orders:
    """What signals ask of the daemon. A second signal to stop ends the process at once."""

    stop: anyio.Event
    turn: anyio.Event  #: Set to end the present house: to stop, or to open another.
    signal: str = ""
    following: Settings | None = None


async def run(path: Path, environ: Mapping[str, str], *, report_of: ReportOf) -> int:
    """Run until SIGTERM or SIGINT; return the exit code.

    SIGHUP reads the configuration again: a valid one is put in force by closing the house and
    opening it anew (transfers resume), an invalid one is refused, and nothing else happens.

    Raises:
        ConfigError, Busy, CatalogError: It cannot start.
    """
    began = anyio.current_time()
    settings = load(path, environ=environ)
    notifier = Notifier(environ, pid=os.getpid())
    orders = _Orders(stop=anyio.Event(), turn=anyio.Event())
    log = report_of(settings)
    _say_started(log, path, settings)
    async with anyio.create_task_group() as group:
        await group.start(_obey, orders, lambda: _reload(path, environ, log, orders))
        while not orders.stop.is_set():
            orders.turn, orders.following = anyio.Event(), None
            try:
                await _live(settings, log, notifier, orders, began)
            except Exception as error:
                log("daemon.failed", reason=f"{type(error).__name__}: {error}")
                raise
            if orders.following is not None:
                settings = orders.following
                log = report_of(settings)
                names = [options.name for options in settings.providers]
                log("config.reloaded", config=path, providers=names)
                began = anyio.current_time()
        group.cancel_scope.cancel()
    log("daemon.stopped")
    notifier.close()
    return 0


async def _live(
    settings: Settings, log: Log, notifier: Notifier, orders: _Orders, began: float
) -> None:
    """Open a house, and work in it until the orders turn."""
    registry = CollectorRegistry()
    report = Metrics(log, registry)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(settings, report, learn=log.learn))
        pipeline = Pipeline(house, list(house.providers))
        attendant = Attendant(house, pipeline, report, notifier, registry)
        if settings.server.listen is not None:
            host, port = settings.server.listen.host, settings.server.listen.port
            port = await stack.enter_async_context(serving(attendant.probes(), host, port))
            report("server.listening", host=host, port=port)

        async def steer() -> None:
            async with anyio.create_task_group() as group:
                for name, poller in pipeline.pollers.items():
                    group.start_soon(poller.forever, name=f"poll {name}")
                group.start_soon(attendant.forever, name="attend")
                report("daemon.ready", seconds=round(anyio.current_time() - began, 3))
                notifier.ready()
                await orders.turn.wait()
                group.cancel_scope.cancel()
            _say_stopping(house, report, notifier, orders)

        await pipeline.run(steer, grace=settings.shutdown_grace)


async def _obey(
    orders: _Orders,
    reload: Callable[[], None],
    *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    with open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGHUP:
                reload()
            elif orders.stop.is_set():
                os._exit(1)  # asked twice: at once; what is on disk is as after a crash
            else:
                orders.signal = signal.Signals(number).name
                orders.stop.set()
                orders.turn.set()


def _reload(path: Path, environ: Mapping[str, str], log: Log, orders: _Orders) -> None:
    try:
        orders.following = load(path, environ=environ)
    except ConfigError as error:
        log("config.rejected", config=path, reason=str(error))
    else:
        orders.turn.set()


def _say_started(log: Log, path: Path, settings: Settings) -> None:
    log(
        "daemon.started",
        version=version("reelkeep"),
        pid=os.getpid(),
        config=path,
        providers=[options.name for options in settings.providers],
    )


def _say_stopping(house: House, report: Metrics, notifier: Notifier, orders: _Orders) -> None:
    if orders.stop.is_set():
        notifier.stopping()
        flying = len(house.flights.under_way)
        report("daemon.stopping", signal=orders.signal, in_flight=flying)
