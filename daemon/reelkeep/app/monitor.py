"""Watch the running daemon: heartbeat, readiness, and the watchdog of systemd."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import anyio

from reelkeep.app.pipeline import Pipeline
from reelkeep.app.resources import Resources, look_again_for_content
from reelkeep.app.status import snapshot
from reelkeep.catalog.database import Outage
from reelkeep.core.instants import age
from reelkeep.errors import CatalogError, Error, TransferError
from reelkeep.ports import Clock
from reelkeep.stages.provider_health import ProviderHealth
from reelkeep.telemetry.conditions import Conditions
from reelkeep.telemetry.notify import Notifier

TICK = 5.0
"""The most seconds between two proofs."""

STARTING = timedelta(minutes=1)
"""How much longer a start may take after each proof: to take over an archive takes its time."""


class Watchdog:
    """Beats on the loop and depends on nothing else: a busy catalog does not make us look dead."""

    def __init__(self, notifier: Notifier, lagged: Callable[[float], object]) -> None:
        self._notifier = notifier
        self._lagged = lagged  # told by how many seconds each turn was late
        self._turned_at = anyio.current_time()
        self.starting = True  #: Not ready for the first time yet; systemd bounds how long.

    @property
    def healthy(self) -> bool:
        """Whether the loop has turned lately."""
        return anyio.current_time() - self._turned_at < 4 * TICK

    async def forever(self) -> None:
        """Tell systemd after each turn that we are alive; until cancelled."""
        interval = self._notifier.watchdog_interval
        pause = TICK if interval is None else min(TICK, interval.total_seconds())
        while True:
            self._turned_at = anyio.current_time()
            self._notifier.alive()
            if self.starting:
                self._notifier.extend(STARTING)
            await anyio.sleep(pause)
            self._lagged(anyio.current_time() - self._turned_at - pause)


HEARTBEAT: Final = timedelta(minutes=1)
"""How often all is said to be well."""

_COUNTS = (
    "failed",
    "unavailable",
    "damaged",
    "too_large",
    "at_risk",
    "unpublished",
    "acknowledge_refused",
    "unread_listings",
)

Status = Mapping[str, Any]


def beat(report: Conditions, status: Status, rate: int) -> None:
    """Report a heartbeat: `status`, the bytes per second `rate`, and each condition that holds.

    Whoever reads the log learns everything from one line. It does not matter what was said before
    a restart, and who began to read only now misses nothing.
    """
    in_use = [line for line in status["providers"] if line["enabled"]]
    report(
        "heartbeat",
        providers={line["name"]: line["age_seconds"] for line in status["providers"]},
        pending=pending(status),
        in_flight=len(status["transfers"]),
        bytes_per_second=rate,
        free=status["free_bytes"],
        **{name: sum(line[name] for line in in_use) for name in _COUNTS},
        oldest_success=max(_silences(in_use, status["time"]), default=0.0),
        conditions=report.active(),
    )


async def beat_meanwhile(report: Conditions, status: Callable[[], Awaitable[Status]]) -> None:
    """Beat while the daemon cannot work yet; until cancelled."""
    while True:
        try:
            found = await status()
        except Error:
            pass  # no heartbeat is what tells of it
        else:
            report.sample(found)
            beat(report, found, 0)
        await anyio.sleep(HEARTBEAT.total_seconds())


def pending(status: Status) -> int:
    """Return how many files are due or under way."""
    return sum(line["pending"] for line in status["providers"])


def _silences(lines: list[Status], time: str) -> Iterator[float]:
    """Yield for how many seconds each provider has given no complete poll.

    For one that never did, they are counted from when it broke.
    """
    for line in lines:
        if line["age_seconds"] is not None:
            yield line["age_seconds"]
        elif line["broken_since"] is not None:
            since, now = map(datetime.fromisoformat, (line["broken_since"], time))
            yield round(age(since, now).total_seconds(), 3)


SAMPLES = 4
"""How often within a heartbeat /metrics and `systemctl status` are brought up to date."""

REST = 200
"""How many times longer than a sample took the catalog is left alone: it counts all files."""

BROKEN_INTERVALS = 3
"""A provider that has been broken for more of its intervals makes the daemon not ready."""


class Monitor:
    """Knows how a running pipeline does, and tells it to whoever should know."""

    def __init__(
        self,
        resources: Resources,
        pipeline: Pipeline,
        report: Conditions,
        notifier: Notifier,
        outage: Outage | None = None,
    ) -> None:
        self._resources = resources
        self._pipeline = pipeline
        self._report = report
        self._notifier = notifier
        self._outage = outage or Outage(report)
        self._silent_since: float | None = None  # when the catalog ceased to answer
        self._volumes_gone_since: float | None = None
        self._rested_at = 0.0  # when the next sample may be taken

    async def forever(self) -> None:
        """Sample the figures now and then, and say once a minute how all is; until cancelled."""
        transfers, status = self._resources.transfers, await self._look(0)
        moment = transfers.metered(anyio.current_time)
        while True:
            minute = transfers.metered(anyio.current_time)
            for _ in range(SAMPLES):
                await anyio.sleep(HEARTBEAT.total_seconds() / SAMPLES)
                if anyio.current_time() >= self._rested_at:
                    status = await self._look(moment())
                    moment = transfers.metered(anyio.current_time)
            if status is not None:
                beat(self._report, status, minute())

    async def _look(self, rate: int) -> dict[str, Any] | None:
        """Take a sample, for /metrics and for systemd; None if the catalog is silent, said once."""
        began = anyio.current_time()
        try:
            status = await self.status()
        except CatalogError as error:
            if self._silent_since is None:
                self._silent_since = anyio.current_time()
                self._report("heartbeat.failed", reason=str(error))
            return None
        ended = anyio.current_time()
        self._rested_at = ended + REST * (ended - began)
        if self._silent_since is not None:
            seconds = round(anyio.current_time() - self._silent_since, 3)
            self._silent_since = None
            self._report("heartbeat.recovered", seconds=seconds)
        under_way, speed = len(status["transfers"]), f"{rate / 1e6:.1f} MB/s"
        self._notifier.status(f"{under_way} in flight, {pending(status)} pending, {speed}")
        await self._look_at_volumes()
        await self._look_for_content()
        return status

    async def _look_at_volumes(self) -> None:
        """Say once that a volume is absent, and once that all are there."""
        if self._pipeline.storage.paused:
            return  # that is said already, and nothing is known of what lies below
        absent = await self._absent_volumes()
        if absent and self._volumes_gone_since is None:
            self._volumes_gone_since = anyio.current_time()
            self._report("volume.absent", reason="; ".join(absent))
        elif not absent and self._volumes_gone_since is not None:
            seconds = round(anyio.current_time() - self._volumes_gone_since, 3)
            self._volumes_gone_since = None
            self._report("volume.found", seconds=seconds)

    async def _look_for_content(self) -> None:
        """See whether what was missing at the start is there; then providers are told again."""
        if self._resources.missing_content and await look_again_for_content(self._resources):
            for acknowledger in self._pipeline.acknowledgers.values():
                acknowledger.archived.notify()

    async def status(self) -> dict[str, Any]:
        """Return the status, as `status --json` prints it; /metrics shows it from now on."""
        status = await snapshot(self._resources)
        status["storage"] = self._pipeline.storage.document()
        self._report.sample(
            status, received=self._resources.transfers.received, queued=self._pipeline.queued()
        )
        return status

    async def _absent_volumes(self) -> Sequence[str]:
        try:
            return await self._resources.archive.volumes.absences()
        except TransferError as error:
            return [str(error)]

    async def reasons(self) -> Sequence[str]:
        """Return why the daemon is not ready; nothing if it is."""
        if self._outage.reason is not None:
            return [f"nothing can be recorded: {self._outage.reason}"]
        try:
            await self._resources.operator.names()
        except CatalogError as error:
            return [str(error)]
        storage = self._pipeline.storage
        clock = self._resources.clock_check.problem
        waits = [] if clock is None else [clock]
        waits += [f"nothing can be stored: {storage.reason}"] if storage.paused else []
        if not storage.paused:
            waits += await self._absent_volumes()
        if missing := self._resources.missing_content:
            waits.append(f"{missing} of the newest stored files are missing; no provider is told")
        return waits + [
            f"{name} has been broken since {poller.health.broken_since:%Y-%m-%dT%H:%M:%SZ}"
            for name, poller in self._pipeline.pollers.items()
            if broken_for_long(
                poller.health,
                self._resources.providers[name].traits.interval,
                self._resources.clock,
            )
        ]


def broken_for_long(health: ProviderHealth, interval: timedelta, clock: Clock) -> bool:
    """Whether nothing was served of a provider for more than three of its intervals.

    That single listings fail, such as one user's, is no reason not to be ready: all others are
    read and fetched.
    """
    since = health.broken_since
    return (
        since is not None and health.troubled and age(since, clock()) > BROKEN_INTERVALS * interval
    )
