"""What of a pass can be seen while it runs: figures for the screen, nothing of the terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reelkeep.catalog.desk import Summary
    from reelkeep.stages.active_transfers import ActiveTransfer

_MEMORY = 5.0
"""Seconds over which a rate is averaged."""


@dataclass(slots=True)
class Rate:
    """How fast a count grows, averaged over the last seconds."""

    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now: float, count: int) -> float:
        """Return the growth a second, `count` being what it is `now` (in seconds)."""
        self._samples.append((now, count))
        while len(self._samples) > 2 and self._samples[0][0] < now - _MEMORY:
            self._samples.popleft()
        began, before = self._samples[0]
        return (count - before) / (now - began) if now > began else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """How far one provider is."""

    name: str
    done: int  #: Files that need nothing more.
    total: int
    failed: int
    stored_bytes: int
    broken: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One file under way."""

    provider: str
    file: str
    done: int
    total: int | None
    rate: float  #: Bytes a second since it began.


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a pass."""

    gauges: Sequence[Gauge]
    transfers: Sequence[Transfer]
    received: int
    rate: float
    seconds: float
    left: float | None  #: Seconds until the known bytes are here; None: nobody knows.


def gauge(summary: Summary) -> Gauge:
    """Return how far the provider is of which the catalog says `summary`."""
    files: Mapping[str, int] = summary.files
    failed = files["failed"] + files["gone"]
    pending = files["due"] + files["active"]
    return Gauge(
        name=summary.name,
        done=files["stored"],
        total=files["stored"] + pending + failed,
        failed=failed,
        stored_bytes=summary.stored_bytes,
        broken=summary.reason if summary.broken_since else None,
    )


def transfer(flight: ActiveTransfer, now: float) -> Transfer:
    """Return how far a flight is at `now`, on the loop's clock."""
    age = now - flight.began
    return Transfer(
        provider=flight.download.provider,
        file=flight.download.name,
        done=flight.done,
        total=flight.total,
        rate=flight.done / age if age > 0 else 0.0,
    )


def time_left(pending: int, flights: Sequence[Transfer], rate: float) -> float | None:
    """Return in how many seconds `pending` bytes are here, less what `flights` have already."""
    rest = pending - sum(each.done for each in flights)
    return rest / rate if rate > 0 and rest > 0 else None
