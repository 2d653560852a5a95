"""What is counted and shown: the metrics that are made from events and from the status."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal

from reelkeep.core.model import ProviderName

Line = Mapping[str, Any]
"""What the status says of one provider."""

Labels = tuple[str, ...]


@dataclass(slots=True)
class Buckets:
    """One histogram: how many were seen, by the bound that they kept, and their sum."""

    counts: list[int]
    sum: float = 0.0


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its samples; `name` lacks the suffix that its kind adds."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    help: str
    labels: Labels = ()
    values: Mapping[Labels, float] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()
    buckets: Mapping[Labels, Buckets] = field(default_factory=dict)


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

CONDITIONS: Mapping[str, tuple[str, bool]] = {
    "provider.auth_failed": ("provider_auth_failed", True),
    "provider.auth_recovered": ("provider_auth_failed", False),
    "disk.low": ("disk_low", True),
    "disk.recovered": ("disk_low", False),
    "archive.absent": ("archive_absent", True),
    "archive.found": ("archive_absent", False),
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

A process begins without any. What still holds after a restart is found and reported again.
"""


def gauges(
    status: Mapping[str, Any], lines: Sequence[Line], queued: Mapping[ProviderName, int]
) -> Iterator[Family]:
    """Yield what `status` shows, of the providers in `lines`; `queued` wait in memory."""
    version = status.get("version")
    yield Family(
        "gauge",
        "reelkeep_build_info",
        "Always 1; the version that runs.",
        ("version",),
        {} if version is None else {(version,): 1},
    )
    free = status.get("free_bytes")
    yield Family(
        "gauge",
        "reelkeep_free_bytes",
        "Room on the archive's disk.",
        values={} if free is None else {(): free},
    )
    under_way = [transfer["provider"] for transfer in status.get("transfers", ())]
    names = [line["name"] for line in lines]
    yield by_provider(
        "files_in_flight", "Transfers under way.", {name: under_way.count(name) for name in names}
    )
    yield by_provider(
        "recordings_queued",
        "Recordings that wait in memory for a downloader.",
        {name: queued.get(name, 0) for name in names},
    )
    for level in LEVELS:
        found = {line["name"]: level.of(line) for line in lines}
        known = {name: value for name, value in found.items() if value is not None}
        yield by_provider(level.name, level.help, known)
    for states in STATES:
        yield Family(
            "gauge",
            f"reelkeep_{states.name}",
            states.help,
            ("provider", "state"),
            {(one["name"], at): many for one in lines for at, many in states.of(one).items()},
        )


def by_provider(name: str, text: str, values: Mapping[str, float]) -> Family:
    """Return a gauge with one value a provider."""
    shown: dict[Labels, float] = {(provider,): value for provider, value in values.items()}
    return Family("gauge", f"reelkeep_{name}", text, ("provider",), shown)
