"""Say once a minute how everything stands, so that the log alone is enough to watch the daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import anyio

from reelkeep.core.instants import age
from reelkeep.errors import Error
from reelkeep.telemetry.metrics import Metrics

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


def beat(report: Metrics, status: Status, rate: int) -> None:
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
        conditions=report.conditions(),
    )


async def beat_meanwhile(report: Metrics, status: Callable[[], Awaitable[Status]]) -> None:
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
