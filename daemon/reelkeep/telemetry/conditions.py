"""Which conditions of this process hold now, tracked by events and listed in each heartbeat."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from reelkeep.core.model import ProviderName
from reelkeep.ports import Report

if TYPE_CHECKING:  # a daemon without a server counts nothing, and imports no library for it
    from reelkeep.telemetry.metrics import Metrics

CONDITIONS: Mapping[str, tuple[str, bool]] = {
    "provider.auth_failed": ("provider_auth_failed", True),
    "provider.auth_recovered": ("provider_auth_failed", False),
    "disk.low": ("disk_low", True),
    "disk.recovered": ("disk_low", False),
    "archive.absent": ("archive_absent", True),
    "archive.found": ("archive_absent", False),
    "archive.content_missing": ("content_missing", True),
    "archive.content_found": ("content_missing", False),
    "volume.absent": ("volume_absent", True),
    "volume.found": ("volume_absent", False),
    "archive.unavailable": ("archive_unavailable", True),
    "archive.available": ("archive_unavailable", False),
    "clock.wrong": ("clock_wrong", True),
    "clock.right": ("clock_wrong", False),
    "catalog.unavailable": ("catalog_unavailable", True),
    "catalog.available": ("catalog_unavailable", False),
    "scrub.failed": ("scrub_failed", True),
    "scrub.recovered": ("scrub_failed", False),
    "config.rejected": ("config_rejected", True),
    "config.reloaded": ("config_rejected", False),
    "server.unavailable": ("server_unavailable", True),
    "server.listening": ("server_unavailable", False),
    "poll.failed": ("poll_failed", True),
    "poll.recovered": ("poll_failed", False),
    "poll.completed": ("poll_failed", False),
    "heartbeat.failed": ("catalog_silent", True),
    "heartbeat.recovered": ("catalog_silent", False),
}
"""The events that begin and end a condition of this process, and the name of the condition.

A process starts without conditions. Those that still hold are detected and reported again.
"""


class Conditions:
    """A `Report` that remembers which conditions hold, and passes every event to `report`.

    `metrics` counts the events, if a page shows them. Safe to use from any thread.
    """

    def __init__(self, report: Report, metrics: Metrics | None = None) -> None:
        self._report = report
        self.metrics = metrics
        self._true: dict[str, set[str]] = {name: set() for name, _ in CONDITIONS.values()}
        self._status: Mapping[str, Any] = {}
        self._lock = Lock()

    def __call__(self, event: str, /, **keys: object) -> None:
        if event in CONDITIONS:
            name, begins = CONDITIONS[event]
            self._note(name, str(keys.get("provider", "")), holds=begins)
        if self.metrics is not None:
            self.metrics.count(event, keys)
        self._report(event, **keys)

    def active(self) -> list[str]:
        """Return the events that began the conditions which hold now, in alphabetical order.

        Those of providers that are not in use, as the last sample has it, are over.
        """
        lines = self._status.get("providers", ())
        now = {"", *(line["name"] for line in lines if line.get("enabled", True))}
        with self._lock:
            return sorted(
                event
                for event, (name, begins) in CONDITIONS.items()
                if begins and self._true[name] & now
            )

    def lagged(self, seconds: float) -> None:
        """Note how late the event loop woke up."""
        if self.metrics is not None:
            self.metrics.lagged(seconds)

    def sample(
        self,
        status: Mapping[str, Any],
        *,
        received: int = 0,
        queued: Mapping[ProviderName, int] | None = None,
    ) -> None:
        """Take over `status`, as `status --json` prints it: the last sample holds.

        `received` are the bytes of bodies that ever came; `queued` how many recordings wait in
        memory, by provider.
        """
        self._status = status
        if self.metrics is not None:
            self.metrics.sample(status, received=received, queued=queued or {})

    def _note(self, name: str, of: str, *, holds: bool) -> None:
        with self._lock:
            self._true[name].add(of) if holds else self._true[name].discard(of)
