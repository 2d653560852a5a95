"""Figures for Prometheus, counted from the very events that the log shows.

Counting needs no library: what makes a page of it, `exposition`, is imported where one is served.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from reelkeep.core.events import EVENTS
from reelkeep.core.model import ProviderName
from reelkeep.errors import Error
from reelkeep.ports import Clock, Report
from reelkeep.telemetry.figures import (
    CONDITIONS,
    COUNTS,
    LAG,
    SPANS,
    Buckets,
    EventCounter,
    Family,
    Labels,
    Line,
    SecondsHistogram,
    by_provider,
    gauges,
)

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


class Metrics:
    """A `Report` that counts what passes through to `report`. Safe to use from any thread."""

    def __init__(self, report: Report, clock: Clock | None = None) -> None:
        """`clock` gives the time of a heartbeat; without it none is shown."""
        self._report = report
        self._clock = clock
        self._beat_at: float | None = None
        self._codes = reason_codes()
        self._events = dict.fromkeys(EVENTS, 0)
        self._counted: dict[EventCounter, dict[Labels, float]] = {
            count: {} for some in COUNTS.values() for count in some
        }
        self._spans: dict[SecondsHistogram, dict[Labels, Buckets]] = {
            span: {} for span in SPANS.values()
        }
        self._lag = Buckets([0] * (len(LAG.bounds) + 1))
        self._true: dict[str, set[str]] = {name: set() for name, _ in CONDITIONS.values()}
        self._throttled: set[tuple[str, str]] = set()  # provider and host
        self._seen: dict[str, set[str]] = {}
        self._status: Mapping[str, Any] = {}
        self._received = 0
        self._queued: Mapping[ProviderName, int] = {}
        self._lock = Lock()

    def __call__(self, event: str, /, **keys: object) -> None:
        with self._lock:
            if event in self._events:
                self._events[event] += 1
            for count in COUNTS.get(event, ()):
                self._count(count, keys)
            if event in SPANS:
                self._time(SPANS[event], keys)
            if event == "heartbeat" and self._clock is not None:
                self._beat_at = self._clock().timestamp()
            if event in CONDITIONS:
                self._note(*CONDITIONS[event], str(keys.get("provider", "")))
            elif event == "provider.throttled":
                self._throttle(keys)
        self._report(event, **keys)

    def conditions(self) -> list[str]:
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
        with self._lock:
            _add(self._lag, LAG.bounds, max(0.0, seconds))

    def sample(
        self,
        status: Mapping[str, Any],
        *,
        received: int = 0,
        queued: Mapping[ProviderName, int] | None = None,
    ) -> None:
        """Show the figures of `status`, as `status --json` prints it, from now on.

        `received` are the bytes of bodies that ever came; `queued` how many recordings wait in
        memory, by provider.
        """
        self._status, self._received, self._queued = status, received, queued or {}

    def families(self) -> Iterator[Family]:
        """Yield every metric with what it is now."""
        lines = [line for line in self._status.get("providers", ()) if line.get("enabled", True)]
        with self._lock:
            yield from self._counters(lines)
            yield from self._histograms()
            yield from self._conditions(lines)
        yield from gauges(self._status, lines, self._queued)

    def _counters(self, lines: list[Line]) -> Iterator[Family]:
        levels = {name: EVENTS[name].severity.name.lower() for name in EVENTS}
        yield Family(
            "counter",
            "reelkeep_events",
            "Events of the log, also of those that its level leaves out.",
            ("event", "level"),
            {(name, levels[name]): times for name, times in self._events.items()},
        )
        yield Family(
            "counter",
            "reelkeep_received_bytes",
            "Bytes of bodies that came, good and bad.",
            values={(): self._received},
        )
        nothing: dict[Labels, float] = {(line["name"],): 0 for line in lines}
        for count, counted in self._counted.items():
            values = {**(nothing if count.labels == ("provider",) else {}), **counted}
            yield Family("counter", f"reelkeep_{count.name}", count.help, count.labels, values)

    def _histograms(self) -> Iterator[Family]:
        lag: tuple[SecondsHistogram, dict[Labels, Buckets]] = (LAG, {(): self._lag})
        for span, found in (*self._spans.items(), lag):
            copies = {labels: Buckets([*one.counts], one.sum) for labels, one in found.items()}
            yield Family(
                "histogram",
                f"reelkeep_{span.name}",
                span.help,
                span.labels,
                bounds=span.bounds,
                buckets=copies,
            )

    def _conditions(self, lines: list[Line]) -> Iterator[Family]:
        for name, text in (
            ("disk_low", "Whether transfers wait for room on the archive's disk."),
            ("archive_absent", "Whether the daemon waits for its archive to be there."),
            ("volume_absent", "Whether a volume below the archive is not there."),
            ("archive_unavailable", "Whether transfers wait for an archive that can be written."),
            ("catalog_unavailable", "Whether work waits for a catalog that can be written."),
            ("catalog_silent", "Whether the catalog does not answer."),
            ("clock_wrong", "Whether the clock disagrees with the providers'."),
            ("scrub_failed", "Whether the archive cannot be read again."),
            ("config_rejected", "Whether the last reload was refused."),
        ):
            value = float(bool(self._true[name]))
            yield Family("gauge", f"reelkeep_{name}", text, values={(): value})
        yield Family(
            "gauge",
            "reelkeep_heartbeat_timestamp_seconds",
            "When the last heartbeat was, in Unix time.",
            values={} if self._beat_at is None else {(): self._beat_at},
        )
        refused = self._true["provider_auth_failed"]
        yield by_provider(
            "provider_auth_failed",
            "Whether the provider refuses our credentials.",
            {line["name"]: float(line["name"] in refused) for line in lines},
        )
        hosts = [provider for provider, _ in self._throttled]
        yield by_provider(
            "throttled_hosts",
            "Hosts that ask us to slow down.",
            {line["name"]: hosts.count(line["name"]) for line in lines},
        )

    def _count(self, count: EventCounter, keys: Mapping[str, object]) -> None:
        amount = keys.get(count.amount, 0) if count.amount else 1
        wanted = count.having is None or keys.get(count.having) is not None
        if wanted and isinstance(amount, int | float) and amount >= 0:
            counted, labels = self._counted[count], self._labels(count.labels, keys)
            counted[labels] = counted.get(labels, 0) + amount

    def _time(self, span: SecondsHistogram, keys: Mapping[str, object]) -> None:
        seconds = keys.get("seconds")
        if isinstance(seconds, int | float) and seconds >= 0:
            labels = self._labels(span.labels, keys)
            found = self._spans[span].setdefault(labels, Buckets([0] * (len(span.bounds) + 1)))
            _add(found, span.bounds, seconds)

    def _note(self, name: str, begins: bool, of: str) -> None:  # noqa: FBT001 - a row of the table
        self._true[name].add(of) if begins else self._true[name].discard(of)

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


def _add(buckets: Buckets, bounds: tuple[float, ...], seconds: float) -> None:
    buckets.counts[bisect_left(bounds, seconds)] += 1
    buckets.sum += seconds
