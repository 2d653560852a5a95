"""What the status says, as gauges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reelkeep.core.model import ProviderName
from reelkeep.telemetry.figures import LEVELS, STATES, Family, Labels, Line


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
    flying = [transfer["provider"] for transfer in status.get("transfers", ())]
    names = [line["name"] for line in lines]
    yield by_provider(
        "files_in_flight", "Transfers under way.", {name: flying.count(name) for name in names}
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
