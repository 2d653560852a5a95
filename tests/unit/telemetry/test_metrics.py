from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reelkeep.core.events import EVENTS
from reelkeep.core.model import ProviderName
from reelkeep.telemetry.conditions import Conditions
from reelkeep.telemetry.metrics import MOST_LABELS, Metrics


class World:
    """Conditions and metrics over a report that remembers."""

    def __init__(self) -> None:
        self.reported: list[tuple[str, dict[str, object]]] = []
        self._metrics = Metrics()
        self.report = Conditions(self._report, self._metrics)

    def _report(self, event: str, /, **keys: object) -> None:
        self.reported.append((event, keys))

    def value(self, name: str, **labels: str) -> float | None:
        """Return a value as Prometheus reads it from the page."""
        for family in text_string_to_metric_families(self.page()):
            for sample in family.samples:
                if sample.name == f"reelkeep_{name}" and sample.labels == labels:
                    return float(sample.value)
        return None

    def page(self) -> str:
        return self._metrics.page().decode()


@pytest.fixture
def world() -> World:
    return World()


STORED: dict[str, Any] = {"provider": "zoom", "recording": "r", "bytes": 7}


def test_events_pass_through(world: World) -> None:
    world.report("file.stored", **STORED)

    assert world.reported == [("file.stored", STORED)]


def test_stored_files_and_their_bytes_are_counted(world: World) -> None:
    for _ in range(2):
        world.report("file.stored", **STORED)

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
    world.report(event, provider="zoom", code="stalled")

    assert world.value(f"{name}_total", provider="zoom", code="stalled") == 1


def test_acknowledgements_are_counted_by_provider(world: World) -> None:
    for provider in ("g2a", "g2a", "other"):
        world.report("recording.acknowledged", provider=provider, recording="1")

    assert world.value("recordings_acknowledged_total", provider="g2a") == 2


def test_a_reason_that_nobody_listed_is_not_a_label(world: World) -> None:
    world.report("file.failed", provider="zoom", code="x" * 1000)

    assert world.value("files_failed_total", provider="zoom", code="other") == 1


def test_labels_are_bounded(world: World) -> None:
    for number in range(MOST_LABELS + 5):
        world.report("poll.completed", provider=f"p{number}")

    assert world.value("polls_completed_total", provider="other") == 5


def line(name: str, **facts: Any) -> dict[str, Any]:
    """Return what the status says of one provider."""
    nothing = {"pending": 0, "failed": 0, "unavailable": 0, "pending_bytes": 0, "stored_bytes": 0}
    never = {"last_success": None, "broken_since": None}
    states: dict[str, Any] = {"files": {}, "recordings": {}}
    nothing |= {"damaged": 0, "unpublished": 0, "at_risk": 0}
    return {"name": name, "enabled": True, **nothing, **never, **states, **facts}


def test_a_sample_sets_the_gauges(world: World) -> None:
    zoom = line("zoom", pending=3, failed=1, pending_bytes=99)
    transfers = [{"provider": "zoom"}, {"provider": "zoom"}]
    world.report.sample({"free_bytes": 10, "transfers": transfers, "providers": [zoom]})

    assert world.value("free_bytes") == 10
    assert world.value("files_in_flight", provider="zoom") == 2
    assert world.value("files_pending", provider="zoom") == 3
    assert world.value("files_given_up", provider="zoom") == 1
    assert world.value("pending_bytes", provider="zoom") == 99
    assert world.value("provider_broken", provider="zoom") == 0


def test_the_time_of_the_last_success_is_absolute(world: World) -> None:
    """So that it tells the truth also while nothing samples it any more."""
    world.report.sample({"providers": [line("zoom", last_success="2026-11-22T12:00:00+00:00")]})

    assert world.value("last_success_timestamp_seconds", provider="zoom") == 1_795_348_800


def test_a_broken_provider_shows(world: World) -> None:
    world.report.sample({"providers": [line("zoom", broken_since="2026-01-01T00:00:00Z")]})

    assert world.value("provider_broken", provider="zoom") == 1


def test_what_is_not_known_is_not_shown(world: World) -> None:
    world.report.sample({"free_bytes": None, "providers": [line("zoom")]})

    assert world.value("free_bytes") is None
    assert world.value("last_success_timestamp_seconds", provider="zoom") is None


@pytest.mark.parametrize("rest", [[], [line("zoom", pending=3, enabled=False)]])
def test_a_provider_that_is_no_longer_polled_leaves_no_gauge(
    world: World, rest: list[dict[str, Any]]
) -> None:
    world.report.sample({"providers": [line("zoom", pending=3)]})
    world.report.sample({"providers": rest})

    assert world.value("files_pending", provider="zoom") is None


def test_the_catalogs_states_are_shown(world: World) -> None:
    states = {"files": {"due": 2, "stored": 5}, "recordings": {"archived": 1}}
    world.report.sample({"providers": [line("zoom", **states)]})

    assert world.value("files", provider="zoom", state="stored") == 5
    assert world.value("recordings", provider="zoom", state="archived") == 1


def test_what_came_and_what_waits_is_shown(world: World) -> None:
    name = ProviderName("zoom")
    status = {"version": "1.2.3", "providers": [line(name)]}
    world.report.sample(status, received=99, queued={name: 4})

    assert world.value("received_bytes_total") == 99
    assert world.value("recordings_queued", provider="zoom") == 4
    assert world.value("build_info", version="1.2.3") == 1


def test_every_event_is_counted_from_nought(world: World) -> None:
    """So that the first one is an increase."""
    world.report("recording.at_risk", provider="zoom")

    assert world.value("events_total", event="recording.at_risk", level="warning") == 1
    assert world.value("events_total", event="file.failed", level="error") == 0
    assert world.page().count("reelkeep_events_total{") == len(EVENTS)


def test_an_event_that_nobody_listed_is_not_a_label(world: World) -> None:
    world.report("nobody.knows")

    assert "nobody" not in world.page()


def test_counters_by_provider_begin_at_nought(world: World) -> None:
    world.report.sample({"providers": [line("zoom")]})

    assert world.value("recordings_vanished_total", provider="zoom") == 0


def test_seconds_fall_into_buckets(world: World) -> None:
    for seconds in (0.5, 0.6, 100_000):
        world.report("file.stored", provider="zoom", bytes=1, seconds=seconds)

    def within(bound: str) -> float | None:
        return world.value("transfer_duration_seconds_bucket", provider="zoom", le=bound)

    assert (within("0.1"), within("0.5"), within("1.0"), within("+Inf")) == (0, 1, 2, 3)
    assert world.value("transfer_duration_seconds_count", provider="zoom") == 3
    assert world.value("transfer_duration_seconds_sum", provider="zoom") == 100_001.1


def test_the_lag_of_the_loop_is_a_histogram(world: World) -> None:
    world.report.lagged(0.003)
    world.report.lagged(-0.1)  # a clock that is coarser than the wait

    assert world.value("loop_lag_seconds_bucket", le="0.005") == 2
    assert world.value("loop_lag_seconds_sum") == 0.003


@pytest.mark.parametrize(
    ("begins", "ends", "name"),
    [
        ("disk.low", "disk.recovered", "disk_low"),
        ("heartbeat.failed", "heartbeat.recovered", "catalog_silent"),
        ("scrub.failed", "scrub.recovered", "scrub_failed"),
        ("config.rejected", "config.reloaded", "config_rejected"),
    ],
)
def test_a_condition_is_shown_while_it_lasts(
    world: World, begins: str, ends: str, name: str
) -> None:
    found = [world.value(name)]
    for event in (begins, begins, ends):
        world.report(event)
        found.append(world.value(name))

    assert found == [0, 1, 1, 0]


def test_refused_credentials_are_shown_while_they_are_refused(world: World) -> None:
    world.report.sample({"providers": [line("zoom"), line("g2a")]})
    world.report("provider.auth_failed", provider="zoom")

    assert world.value("provider_auth_failed", provider="zoom") == 1
    assert world.value("provider_auth_failed", provider="g2a") == 0

    world.report("provider.auth_recovered", provider="zoom")
    assert world.value("provider_auth_failed", provider="zoom") == 0


def test_throttling_is_shown_by_its_hosts(world: World) -> None:
    world.report.sample({"providers": [line("zoom")]})
    for host in ("a", "b", "b"):
        world.report("provider.throttled", provider="zoom", host=host, until="2026-01-01")
    world.report("provider.throttled", provider="zoom", host="a")

    assert world.value("throttled_hosts", provider="zoom") == 1
    assert world.value("throttlings_total", provider="zoom") == 3


def test_every_metric_of_ours_bears_our_prefix_and_a_help_text(world: World) -> None:
    world.report("file.stored", **STORED)

    families = list(text_string_to_metric_families(world.page()))
    assert all(one.name.startswith(("reelkeep_", "process_")) for one in families)
    assert all(one.documentation for one in families)
    assert "_created" not in world.page()


def test_the_process_itself_is_shown(world: World) -> None:
    assert "process_start_time_seconds" in world.page()
