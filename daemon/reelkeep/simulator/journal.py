"""What the simulated providers were asked and what they did, for assertions."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Seen:
    """One request."""

    host: str  #: goto, zoom or downloads
    method: str
    path: str  #: As on the wire, without the query.
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]  #: Names in lower case.
    status: int  #: 0 while it runs, and when no reply was made.


@dataclass(slots=True)
class Journal:
    """Counters that only grow, and the last 10 000 requests."""

    requests: deque[Seen] = field(default_factory=lambda: deque(maxlen=10_000))
    calls: Counter[str] = field(default_factory=Counter)  #: By `goto`, `light`, `medium` …
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)  #: By host and status.
    grants: Counter[str] = field(default_factory=Counter)  #: Tokens by provider.
    id_forms: Counter[str] = field(default_factory=Counter)
    """`urls:csv`, `urls:repeat`, `urls:literal`, `mark:path`, `mark:body`, `transcode:path` …"""
    schemes: Counter[str] = field(default_factory=Counter)  #: Of Authorization, lower case.
    downloads: Counter[str] = field(default_factory=Counter)  #: Bodies begun, by file key.
    bytes_served: Counter[str] = field(default_factory=Counter)  #: By file key.
    faults: Counter[str] = field(default_factory=Counter)  #: Played, by flaw.
    throttled: Counter[str] = field(default_factory=Counter)  #: 429s by label.
    acknowledged: list[int] = field(default_factory=list)  #: G2A ids, in order, with repeats.
    transcoded: list[int] = field(default_factory=list)
    trashed: list[str] = field(default_factory=list)  #: uuid, or `uuid file-id`.
    leaks: list[str] = field(default_factory=list)
    """Paths on the download host that an Authorization header or access token reached."""
    running: int = 0  #: Bodies being sent now.
    busiest: int = 0  #: The most bodies that were sent at once.
