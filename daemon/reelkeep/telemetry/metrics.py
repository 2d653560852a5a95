"""Figures for Prometheus, counted from the very events that the log shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reelkeep.errors import Error
from reelkeep.ports import Report

MOST_LABELS = 200
"""Values of one label that are told apart; what comes after is counted as `other`."""

OTHER = "other"


@dataclass(frozen=True, slots=True)
class _Count:
    """A counter: its name without prefix and `_total`, and the event's key that it adds up."""

    name: str
    help: str
    labels: tuple[str, ...] = ("provider",)
    amount: str | None = None  #: None: count the events.


@dataclass(frozen=True, slots=True)
class _Level:
    """A gauge by provider: its name without prefix, and what of a line of the status it shows."""

    name: str
    help: str
    of: Callable[[Mapping[str, Any]], float | None]


def _unix(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


_BY_CODE = ("provider", "code")

_COUNTS: Mapping[str, tuple[_Count, ...]] = {
    "file.stored": (
        _Count("files_stored", "Files that were verified and made durable."),
        _Count("stored_bytes", "Bytes of the files stored.", amount="bytes"),
    ),
    "file.resumed": (_Count("files_resumed", "Transfers that went on from an earlier part."),),
    "file.retry": (_Count("file_retries", "Attempts that failed and are repeated.", _BY_CODE),),
    "file.failed": (_Count("files_failed", "Files that were given up.", _BY_CODE),),
    "recording.discovered": (_Count("recordings_discovered", "Recordings seen first."),),
    "recording.archived": (_Count("recordings_archived", "Recordings archived completely."),),
    "recording.acknowledged": (
        _Count("recordings_acknowledged", "Recordings that the provider knows to be archived."),
    ),
    "recording.vanished": (
        _Count("recordings_vanished", "Recordings or files that went before they were had."),
    ),
    "poll.completed": (_Count("polls_completed", "Polls that listed all."),),
    "poll.failed": (_Count("polls_failed", "Times that a provider broke.", _BY_CODE),),
}

_LEVELS = (
    _Level("files_pending", "Files that are due or being fetched.", itemgetter("pending")),
    _Level("files_given_up", "Files that are failed or gone now.", itemgetter("failed")),
    _Level("pending_bytes", "Bytes promised of files that are due.", itemgetter("pending_bytes")),
    _Level(
        "last_success_timestamp_seconds",
        "When the last complete poll was, in Unix time.",
        lambda line: _unix(line["last_success"]),
    ),
    _Level(
        "provider_broken",
        "Whether the last poll failed.",
        lambda line: float(line["broken_since"] is not None),
    ),
)


def reason_codes() -> frozenset[str]:
    """Return every code that an error of ours bears; nothing else becomes a label."""

    def walk(kind: type[Error]) -> Iterator[str]:
        yield kind.code
        for child in kind.__subclasses__():
            yield from walk(child)

    return frozenset(walk(Error))


class Metrics(Collector):
    """A `Report` that counts what passes through to `report`. Safe to use from any thread."""

    def __init__(self, report: Report, registry: CollectorRegistry) -> None:
        self._report = report
        self._codes = reason_codes()
        self._counted: dict[tuple[_Count, tuple[str, ...]], float] = {}
        self._seen: dict[str, set[str]] = {}
        self._status: Mapping[str, Any] = {}
        self._lock = Lock()
        registry.register(self)

    def __call__(self, event: str, /, **keys: object) -> None:
        for count in _COUNTS.get(event, ()):
            amount = keys.get(count.amount, 0) if count.amount else 1
            if isinstance(amount, int | float) and amount >= 0:
                self._add(count, keys, amount)
        self._report(event, **keys)

    def sample(self, status: Mapping[str, Any]) -> None:
        """Show the figures of `status`, as `status --json` prints it, from now on."""
        self._status = status

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            counted = dict(self._counted)
        for count in (one for some in _COUNTS.values() for one in some):
            family = CounterMetricFamily(f"reelkeep_{count.name}", count.help, labels=count.labels)
            for (of, labels), value in counted.items():
                if of is count:
                    family.add_metric(labels, value)
            yield family
        yield from self._levels()

    def _levels(self) -> Iterator[Metric]:
        status = self._status
        if status.get("free_bytes") is not None:
            yield GaugeMetricFamily(
                "reelkeep_free_bytes", "Room on the archive's disk.", value=status["free_bytes"]
            )
        if "transfers" in status:
            yield GaugeMetricFamily(
                "reelkeep_files_in_flight", "Transfers under way.", value=len(status["transfers"])
            )
        lines = [line for line in status.get("providers", ()) if line.get("enabled", True)]
        for level in _LEVELS:
            family = GaugeMetricFamily(f"reelkeep_{level.name}", level.help, labels=["provider"])
            for line in lines:
                value = level.of(line)
                if value is not None:
                    family.add_metric([line["name"]], value)
            yield family

    def _add(self, count: _Count, keys: Mapping[str, object], amount: float) -> None:
        with self._lock:
            labels = tuple(self._label(name, keys.get(name)) for name in count.labels)
            at = (count, labels)
            self._counted[at] = self._counted.get(at, 0) + amount

    def _label(self, name: str, value: object) -> str:
        text = str(value if value is not None else OTHER)
        if name == "code":
            return text if text in self._codes else OTHER
        seen = self._seen.setdefault(name, set())
        if len(seen) < MOST_LABELS:
            seen.add(text)
        return text if text in seen else OTHER
