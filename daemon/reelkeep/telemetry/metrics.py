"""The metrics of the daemon: counted from the very events that the log shows, and from the status.

A new counter is a line in `COUNTS`, a new histogram one in `SPANS`, a new gauge one in `LEVELS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from threading import Lock
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from reelkeep.core.events import EVENTS
from reelkeep.core.model import ProviderName
from reelkeep.errors import Error
from reelkeep.ports import Clock
from reelkeep.telemetry.conditions import CONDITIONS

Line = Mapping[str, Any]
"""What the status says of one provider."""

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventCounter:
    """A counter: its name without prefix and `_total`, and the event's key that it adds up."""

    name: str
    help: str
    labels: tuple[str, ...] = ("provider",)
    amount: str | None = None  #: None: count the events.
    having: str | None = None  #: Only events that bear this key.


@dataclass(frozen=True, slots=True)
class SecondsHistogram:
    """A histogram of the key `seconds` of an event, by provider."""

    name: str
    help: str
    bounds: tuple[float, ...]  #: Seconds; one more bucket takes all that is longer.
    labels: tuple[str, ...] = ("provider",)


@dataclass(frozen=True, slots=True)
class StatusGauge:
    """A gauge by provider: its name without prefix, and what of a line of the status it shows."""

    name: str
    help: str
    of: Callable[[Line], float | None]


@dataclass(frozen=True, slots=True)
class States:
    """A gauge by provider and state: its name without prefix, and a line's counts by state."""

    name: str
    help: str
    of: Callable[[Line], Mapping[str, int]]


def _unix(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()


_BY_CODE = ("provider", "code")

COUNTS: Mapping[str, Sequence[EventCounter]] = {
    "file.stored": (
        EventCounter("files_stored", "Files that were verified and made durable."),
        EventCounter("stored_bytes", "Bytes of the files stored.", amount="bytes"),
    ),
    "file.resumed": (
        EventCounter("files_resumed", "Transfers that went on from an earlier part."),
    ),
    "file.retry": (
        EventCounter("file_retries", "Attempts that failed and are repeated.", _BY_CODE),
    ),
    "file.failed": (EventCounter("files_failed", "Files that were given up.", _BY_CODE),),
    "file.quarantined": (
        EventCounter("files_quarantined", "Times that bad bytes were put aside."),
    ),
    "file.discarded": (
        EventCounter("files_discarded", "Times that bytes were lost or swapped on this machine."),
    ),
    "file.altered": (EventCounter("files_altered", "Stored files found with other bytes."),),
    "file.missing": (EventCounter("files_missing", "Stored files found to be missing."),),
    "file.unreadable": (EventCounter("files_unreadable", "Stored files that could not be read."),),
    "recording.checked": (
        EventCounter(
            "checked_bytes", "Bytes of stored files that were read again.", amount="bytes"
        ),
    ),
    "recording.discovered": (EventCounter("recordings_discovered", "Recordings seen first."),),
    "recording.archived": (EventCounter("recordings_archived", "Recordings archived completely."),),
    "recording.acknowledged": (
        EventCounter(
            "recordings_acknowledged", "Recordings that the provider knows to be archived."
        ),
    ),
    "recording.incomplete": (
        EventCounter(
            "recordings_incomplete",
            "Recordings of which something failed, is gone or is unavailable.",
        ),
    ),
    "recording.vanished": (
        EventCounter("recordings_vanished", "Recordings or files that went before they were had."),
    ),
    "poll.completed": (EventCounter("polls_completed", "Polls that listed all."),),
    "poll.failed": (EventCounter("polls_failed", "Times that a provider broke.", _BY_CODE),),
    "provider.throttled": (
        EventCounter("throttlings", "Times that a host asked us to slow down.", having="until"),
    ),
}
"""By event."""

SPANS: Mapping[str, SecondsHistogram] = {
    "poll.completed": SecondsHistogram(
        "poll_duration_seconds",
        "How long complete polls took.",
        (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
    ),
    "file.stored": SecondsHistogram(
        "transfer_duration_seconds",
        "How long the attempts took that stored a file.",
        (0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400),
    ),
}
"""By event."""

LAG = SecondsHistogram(
    "loop_lag_seconds",
    "How much later than asked for the event loop woke up.",
    (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
    labels=(),
)

LEVELS: Sequence[StatusGauge] = (
    StatusGauge("files_pending", "Files that are due or being fetched.", itemgetter("pending")),
    StatusGauge("files_given_up", "Files that are failed or gone now.", itemgetter("failed")),
    StatusGauge(
        "files_unavailable",
        "Files that are wanted, and that the provider gives no way to now.",
        itemgetter("unavailable"),
    ),
    StatusGauge(
        "files_damaged",
        "Stored files that were not in order when they were last read.",
        itemgetter("damaged"),
    ),
    StatusGauge(
        "recordings_unpublished",
        "Recordings with fetched files that are not in their folder yet.",
        itemgetter("unpublished"),
    ),
    StatusGauge(
        "recordings_at_risk",
        "Recordings that are not here, and that their provider deletes within a week.",
        itemgetter("at_risk"),
    ),
    StatusGauge(
        "recordings_acknowledge_refused",
        "Archived recordings that their provider refuses to mark, and is still asked to.",
        lambda line: line.get("acknowledge_refused"),
    ),
    StatusGauge(
        "files_too_large",
        "Files that do not fit in what is left of the archive's disk.",
        lambda line: line.get("too_large"),
    ),
    StatusGauge(
        "pending_bytes", "Bytes promised of files that are due.", itemgetter("pending_bytes")
    ),
    StatusGauge("archive_bytes", "Bytes of all files that are stored.", itemgetter("stored_bytes")),
    StatusGauge(
        "last_success_timestamp_seconds",
        "When the last complete poll was, in Unix time.",
        lambda line: _unix(line["last_success"]),
    ),
    StatusGauge(
        "provider_broken",
        "Whether nothing could be read of the provider at the last poll.",
        lambda line: float(line["broken_since"] is not None and not line.get("partly")),
    ),
    StatusGauge(
        "listings_unread",
        "Listings, such as of single users, that fail and are read again with each poll.",
        lambda line: line.get("unread_listings"),
    ),
)

STATES: Sequence[States] = (
    States("files", "Files in the catalog by state.", itemgetter("files")),
    States("recordings", "Recordings in the catalog by state.", itemgetter("recordings")),
)

_GAUGES: Mapping[str, str] = {
    "disk_low": "Whether transfers wait for room on the archive's disk.",
    "archive_absent": "Whether the daemon waits for its archive to be there.",
    "content_missing": "Whether most of the newest stored files are missing.",
    "volume_absent": "Whether a volume below the archive is not there.",
    "archive_unavailable": "Whether transfers wait for an archive that can be written.",
    "catalog_unavailable": "Whether work waits for a catalog that can be written.",
    "catalog_silent": "Whether the catalog does not answer.",
    "clock_wrong": "Whether the clock disagrees with the providers'.",
    "scrub_failed": "Whether the archive cannot be read again.",
    "config_rejected": "Whether the last reload was refused.",
}
"""By the name of the condition that each of them shows."""

MOST_LABELS = 200
"""Values of one label that are told apart; what comes after is counted as `other`."""

OTHER = "other"


def reason_codes() -> frozenset[str]:
    """Return every code that an error of ours bears; nothing else becomes a label."""

    def walk(kind: type[Error]) -> Iterator[str]:
        yield kind.code
        for child in kind.__subclasses__():
            yield from walk(child)

    return frozenset(walk(Error))


class Metrics(Collector):
    """Counts events, and shows the last status. Safe to use from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        """`clock` gives the time of a heartbeat; without it none is shown."""
        self._clock = clock
        self._beat_at: float | None = None
        self._codes = reason_codes()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._events = self._counter("events", _EVENTS, ("event", "level"))
        for name, event in EVENTS.items():
            self._events.labels(name, event.severity.name.lower())
        counts = [count for some in COUNTS.values() for count in some]
        self._counters = {c.name: self._counter(c.name, c.help, c.labels) for c in counts}
        self._spans = {span.name: self._histogram(span) for span in (*SPANS.values(), LAG)}
        self._true: dict[str, bool] = {}
        self._refused: set[str] = set()  # providers that refuse our credentials
        self._throttled: set[tuple[str, str]] = set()  # provider and host
        self._seen: dict[str, set[str]] = {}
        self._status: Mapping[str, Any] = {}
        self._received = 0
        self._queued: Mapping[ProviderName, int] = {}
        self._lock = Lock()

    def count(self, event: str, keys: Mapping[str, object]) -> None:
        """Count `event` in every metric that it is part of."""
        if event in EVENTS:
            self._events.labels(event, EVENTS[event].severity.name.lower()).inc()
        with self._lock:
            for count in COUNTS.get(event, ()):
                self._add(count, keys)
            if event in SPANS:
                self._time(SPANS[event], keys)
            if event == "heartbeat" and self._clock is not None:
                self._beat_at = self._clock().timestamp()
            if event in CONDITIONS:
                self._note(*CONDITIONS[event], str(keys.get("provider", "")))
            elif event == "provider.throttled":
                self._throttle(keys)

    def lagged(self, seconds: float) -> None:
        """Note how late the event loop woke up."""
        self._spans[LAG.name].observe(max(0.0, seconds))

    def sample(
        self, status: Mapping[str, Any], *, received: int, queued: Mapping[ProviderName, int]
    ) -> None:
        """Show `status`, as `status --json` prints it, from now on; see `Conditions.sample`."""
        self._status, self._received, self._queued = status, received, queued
        names = [line["name"] for line in self._lines()]
        for count in (count for some in COUNTS.values() for count in some):
            for name in names if count.labels == ("provider",) else ():
                self._counters[count.name].labels(name)  # from zero on

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with what it is now, those of the process included."""
        for metric in self._registry.collect():
            metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
            yield metric
        received = CounterMetricFamily("reelkeep_received_bytes", _RECEIVED)
        received.add_metric((), self._received)
        yield received
        lines = self._lines()
        with self._lock:
            yield from self._conditions(lines)
        yield from _of_status(self._status, lines, self._queued)

    def page(self) -> bytes:
        """Return the page in Prometheus' text format, version 0.0.4."""
        return generate_latest(self)

    def _counter(self, name: str, text: str, labels: Labels) -> Counter:
        return Counter(f"reelkeep_{name}", text, labels, registry=self._registry)

    def _histogram(self, span: SecondsHistogram) -> Histogram:
        return Histogram(
            f"reelkeep_{span.name}",
            span.help,
            span.labels,
            buckets=span.bounds,
            registry=self._registry,
        )

    def _lines(self) -> list[Line]:
        """Return what the status says of the providers in use."""
        return [line for line in self._status.get("providers", ()) if line.get("enabled", True)]

    def _conditions(self, lines: list[Line]) -> Iterator[Metric]:
        for name, text in _GAUGES.items():
            yield _gauge(name, text, [((), float(self._true.get(name, False)))])
        beat: list[tuple[Labels, float]] = [] if self._beat_at is None else [((), self._beat_at)]
        yield _gauge("heartbeat_timestamp_seconds", _BEAT, beat)
        refused = {line["name"]: float(line["name"] in self._refused) for line in lines}
        yield _by_provider("provider_auth_failed", _REFUSED, refused)
        hosts = [provider for provider, _ in self._throttled]
        throttled = {line["name"]: float(hosts.count(line["name"])) for line in lines}
        yield _by_provider("throttled_hosts", "Hosts that ask us to slow down.", throttled)

    def _add(self, count: EventCounter, keys: Mapping[str, object]) -> None:
        amount = keys.get(count.amount, 0) if count.amount else 1
        wanted = count.having is None or keys.get(count.having) is not None
        if wanted and isinstance(amount, int | float) and amount >= 0:
            labels = self._labels(count.labels, keys)
            self._counters[count.name].labels(*labels).inc(amount)

    def _time(self, span: SecondsHistogram, keys: Mapping[str, object]) -> None:
        seconds = keys.get("seconds")
        if isinstance(seconds, int | float) and seconds >= 0:
            self._spans[span.name].labels(*self._labels(span.labels, keys)).observe(seconds)

    def _note(self, name: str, begins: bool, of: str) -> None:  # noqa: FBT001 - a row of the table
        self._true[name] = begins
        if name == "provider_auth_failed":
            self._refused.add(of) if begins else self._refused.discard(of)

    def _throttle(self, keys: Mapping[str, object]) -> None:
        at = (str(keys.get("provider")), str(keys.get("host")))
        if keys.get("until") is None:
            self._throttled.discard(at)
        elif len(self._throttled) < MOST_LABELS:
            self._throttled.add(at)

    def _labels(self, names: Labels, keys: Mapping[str, object]) -> Labels:
        return tuple(self._label(name, keys.get(name)) for name in names)

    def _label(self, name: str, value: object) -> str:
        text = str(value if value is not None else OTHER)
        if name == "code":
            return text if text in self._codes else OTHER
        seen = self._seen.setdefault(name, set())
        if len(seen) < MOST_LABELS:
            seen.add(text)
        return text if text in seen else OTHER


_EVENTS = "Events of the log, also of those that its level leaves out."
_RECEIVED = "Bytes of bodies that came, good and bad."
_BEAT = "When the last heartbeat was, in Unix time."
_REFUSED = "Whether the provider refuses our credentials."
_INFO = "Always 1; the version that runs."
_QUEUED = "Recordings that wait in memory for a downloader."


def _of_status(
    status: Mapping[str, Any], lines: Sequence[Line], queued: Mapping[ProviderName, int]
) -> Iterator[Metric]:
    """Yield what `status` shows, of the providers in `lines`; `queued` wait in memory."""
    version, free = status.get("version"), status.get("free_bytes")
    known: list[tuple[Labels, float]] = [] if version is None else [((version,), 1.0)]
    yield _gauge("build_info", _INFO, known, labels=("version",))
    room: list[tuple[Labels, float]] = [] if free is None else [((), free)]
    yield _gauge("free_bytes", "Room on the archive's disk.", room)
    under_way = [transfer["provider"] for transfer in status.get("transfers", ())]
    names = [line["name"] for line in lines]
    in_flight = {name: under_way.count(name) for name in names}
    yield _by_provider("files_in_flight", "Transfers under way.", in_flight)
    waiting = {name: queued.get(name, 0) for name in names}
    yield _by_provider("recordings_queued", _QUEUED, waiting)
    for level in LEVELS:
        found = {line["name"]: level.of(line) for line in lines}
        values = {name: value for name, value in found.items() if value is not None}
        yield _by_provider(level.name, level.help, values)
    for states in STATES:
        many = [((one["name"], at), n) for one in lines for at, n in states.of(one).items()]
        yield _gauge(states.name, states.help, many, labels=("provider", "state"))


def _by_provider(name: str, text: str, values: Mapping[str, float]) -> Metric:
    shown = [((provider,), value) for provider, value in values.items()]
    return _gauge(name, text, shown, labels=("provider",))


def _gauge(
    name: str, text: str, values: Iterable[tuple[Labels, float]], *, labels: Iterable[str] = ()
) -> Metric:
    family = GaugeMetricFamily(f"reelkeep_{name}", text, labels=tuple(labels))
    for each, value in values:
        family.add_metric(each, value)
    return family
