from __future__ import annotations

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from reelkeep.telemetry.metrics import MOST_LABELS, Metrics


class World:
    """Metrics over a report that remembers."""

    def __init__(self) -> None:
        self.reported: list[tuple[str, dict[str, object]]] = []
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self._report, self.registry)

    def _report(self, event: str, /, **keys: object) -> None:
        self.reported.append((event, keys))

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"reelkeep_{name}", labels)


@pytest.fixture
def world() -> World:
    return World()


STORED: dict[str, Any] = {"provider": "zoom", "recording": "r", "bytes": 7}


def test_events_pass_through(world: World) -> None:
    world.metrics("file.stored", **STORED)

    assert world.reported == [("file.stored", STORED)]


def test_stored_files_and_their_bytes_are_counted(world: World) -> None:
    for _ in range(2):
        world.metrics("file.stored", **STORED)

    assert world.value("files_stored_total", provider="zoom") == 2
    assert world.value("stored_bytes_total", provider="zoom") == 14


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("file.failed", "files_failed"),
        ("file.retry", "file_retries"),
        ("poll.failed", "polls_failed"),
    ],
)
def test_failures_are_counted_by_reason(world: World, event: str, name: str) -> None:
    world.metrics(event, provider="zoom", code="stalled")

    assert world.value(f"{name}_total", provider="zoom", code="stalled") == 1


def test_acknowledgements_are_counted_by_provider(world: World) -> None:
    for provider in ("g2a", "g2a", "other"):
        world.metrics("recording.acknowledged", provider=provider, recording="1")

    assert world.value("recordings_acknowledged_total", provider="g2a") == 2


def test_a_reason_that_nobody_listed_is_not_a_label(world: World) -> None:
    world.metrics("file.failed", provider="zoom", code="x" * 1000)

    assert world.value("files_failed_total", provider="zoom", code="other") == 1


def test_labels_are_bounded(world: World) -> None:
    for number in range(MOST_LABELS + 5):
        world.metrics("poll.completed", provider=f"p{number}")

    assert world.value("polls_completed_total", provider="other") == 5


def line(name: str, **facts: Any) -> dict[str, Any]:
    """Return what the status says of one provider."""
    nothing = {"pending": 0, "failed": 0, "pending_bytes": 0}
    never = {"last_success": None, "broken_since": None}
    return {"name": name, "enabled": True, **nothing, **never, **facts}


def test_a_sample_sets_the_gauges(world: World) -> None:
    zoom = line("zoom", pending=3, failed=1, pending_bytes=99)
    world.metrics.sample({"free_bytes": 10, "transfers": [{}, {}], "providers": [zoom]})

    assert world.value("free_bytes") == 10
    assert world.value("files_in_flight") == 2
    assert world.value("files_pending", provider="zoom") == 3
    assert world.value("files_given_up", provider="zoom") == 1
    assert world.value("pending_bytes", provider="zoom") == 99
    assert world.value("provider_broken", provider="zoom") == 0


def test_the_time_of_the_last_success_is_absolute(world: World) -> None:
    """So that it tells the truth also while nothing samples it any more."""
    world.metrics.sample({"providers": [line("zoom", last_success="2026-11-22T12:00:00+00:00")]})

    assert world.value("last_success_timestamp_seconds", provider="zoom") == 1_795_348_800


def test_a_broken_provider_shows(world: World) -> None:
    world.metrics.sample({"providers": [line("zoom", broken_since="2026-01-01T00:00:00Z")]})

    assert world.value("provider_broken", provider="zoom") == 1


def test_what_is_not_known_is_not_shown(world: World) -> None:
    world.metrics.sample({"free_bytes": None, "providers": [line("zoom")]})

    assert world.value("free_bytes") is None
    assert world.value("last_success_timestamp_seconds", provider="zoom") is None


@pytest.mark.parametrize("rest", [[], [line("zoom", pending=3, enabled=False)]])
def test_a_provider_that_is_no_longer_polled_leaves_no_gauge(
    world: World, rest: list[dict[str, Any]]
) -> None:
    world.metrics.sample({"providers": [line("zoom", pending=3)]})
    world.metrics.sample({"providers": rest})

    assert world.value("files_pending", provider="zoom") is None


def test_every_metric_bears_our_prefix_and_a_help_text(world: World) -> None:
    world.metrics("file.stored", **STORED)
    page = generate_latest(world.registry).decode()

    families = list(text_string_to_metric_families(page))
    assert families
    assert all(one.name.startswith("reelkeep_") and one.documentation for one in families)
    assert "_created" not in page
