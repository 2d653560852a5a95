"""Watch over a running pipeline: heartbeat, readiness, status, watchdog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import anyio
from prometheus_client import CollectorRegistry

from reelkeep.app.house import House
from reelkeep.app.pipeline import Pipeline
from reelkeep.app.status import snapshot
from reelkeep.core.model import ProviderName
from reelkeep.core.quantities import print_size
from reelkeep.errors import CatalogError
from reelkeep.ports import Clock
from reelkeep.stages.health import Health
from reelkeep.telemetry.metrics import Metrics
from reelkeep.telemetry.notify import Notifier
from reelkeep.telemetry.server import Probes

HEARTBEAT = timedelta(minutes=1)
"""How often all is said to be well."""

SAMPLES = 4
"""How often within a heartbeat the figures of /metrics are brought up to date."""

BROKEN_INTERVALS = 3
"""A provider that has been broken for more of its intervals makes the daemon not ready."""

TICK = 5.0
"""Seconds between two proofs that the loop turns."""


class Attendant:
    """Knows how a running pipeline does, and tells it to whoever should know."""

    def __init__(
        self, house: House, pipeline: Pipeline, report: Metrics, notifier: Notifier,
        registry: CollectorRegistry,
    ) -> None:  # fmt: skip
        self._house = house
        self._pipeline = pipeline
        self._report = report
        self._notifier = notifier
        self._registry = registry
        self._turned_at = anyio.current_time()
        self._silent_since: float | None = None  # when the catalog ceased to answer

    def probes(self) -> Probes:
        """Return what the server may ask."""
        return Probes(
            healthy=lambda: anyio.current_time() - self._turned_at < 4 * TICK,
            ready=self._reasons,
            status=self._status,
            metrics=self._registry,
        )

    async def forever(self) -> None:
        """Prove that the loop turns, and say once a minute how all is; until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._prove, name="prove")
            group.start_soon(self._tell, name="tell")

    async def _prove(self) -> None:
        """Depend on nothing but the loop: a busy catalog does not make us look dead."""
        interval = self._notifier.watchdog_interval
        pause = TICK if interval is None else min(TICK, interval.total_seconds())
        while True:
            self._turned_at = anyio.current_time()
            self._notifier.alive()
            await anyio.sleep(pause)

    async def _tell(self) -> None:
        """Sample the figures for /metrics now and then, and say the last of them once a minute."""
        while True:
            received, began = self._house.flights.received, anyio.current_time()
            for _ in range(SAMPLES):
                await self._sample()
                await anyio.sleep(HEARTBEAT.total_seconds() / SAMPLES)
            passed = anyio.current_time() - began
            await self._beat(round((self._house.flights.received - received) / passed))

    async def _sample(self) -> dict[str, Any] | None:
        """Return the status, None if the catalog does not give it: that is said once."""
        try:
            status = await self._status()
        except CatalogError as error:
            if self._silent_since is None:
                self._silent_since = anyio.current_time()
                self._report("heartbeat.failed", reason=str(error))
            return None
        if self._silent_since is not None:
            seconds = round(anyio.current_time() - self._silent_since, 3)
            self._silent_since = None
            self._report("heartbeat.recovered", seconds=seconds)
        return status

    async def _beat(self, rate: int) -> None:
        status = await self._sample()
        if status is None:
            return
        pending = sum(line["pending"] for line in status["providers"])
        flying = len(status["transfers"])
        self._report(
            "heartbeat",
            providers={line["name"]: line["age_seconds"] for line in status["providers"]},
            pending=pending,
            in_flight=flying,
            bytes_per_second=rate,
            free=status["free_bytes"],
        )
        self._notifier.status(f"{flying} in flight, {pending} pending, {print_size(rate)}/s")

    async def _status(self) -> dict[str, Any]:
        status = await snapshot(self._house)
        self._report.sample(status)
        return status

    async def _reasons(self) -> Sequence[str]:
        """Return why the daemon is not ready; nothing if it is."""
        try:
            await self._house.intake.scan(ProviderName(""))
        except CatalogError as error:
            return [str(error)]
        return [
            f"{name} has been broken since {poller.health.broken_since:%Y-%m-%dT%H:%M:%SZ}"
            for name, poller in self._pipeline.pollers.items()
            if broken_for_long(
                poller.health, self._house.providers[name].traits.interval, self._house.clock
            )
        ]


def broken_for_long(health: Health, interval: timedelta, clock: Clock) -> bool:
    """Whether a provider has been broken for more than three of its intervals."""
    since = health.broken_since
    return since is not None and clock() - since > BROKEN_INTERVALS * interval
