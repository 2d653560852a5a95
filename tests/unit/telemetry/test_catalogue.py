from __future__ import annotations

import re

import pytest

from reelkeep.core.events import EVENTS, Severity
from reelkeep.telemetry.alerts import ALERTS
from reelkeep.telemetry.catalogue import explained, filled, journal_catalog
from reelkeep.telemetry.runbook import ADVICE, NOTHING

GRAVE = [name for name, event in EVENTS.items() if event.severity >= Severity.WARNING]
NAMES = re.compile(r"`([a-z]+\.[a-z_]+)`")
TEXTS = {**ADVICE, **{name: alert.advice for name, alert in ALERTS.items()}}


@pytest.mark.parametrize("event", GRAVE)
def test_a_warning_says_what_to_do(event: str) -> None:
    assert event in ADVICE


def test_advice_is_for_events_that_exist() -> None:
    assert ADVICE.keys() <= EVENTS.keys()


@pytest.mark.parametrize("name", TEXTS)
def test_advice_names_events_that_exist(name: str) -> None:
    """Keys of the configuration are written with a dot, too."""
    sections = {"archive", "catalog", "downloads", "network", "server", "log", "recording"}
    named = {each for each in NAMES.findall(TEXTS[name]) if each.split(".")[0] not in sections}
    assert named <= EVENTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_leads_to_events(name: str) -> None:
    assert ALERTS[name].events
    assert set(ALERTS[name].events) <= EVENTS.keys()


def test_an_event_is_explained() -> None:
    found = explained("disk.recovered")
    assert found.pop("message_id")
    assert found == {
        "event": "disk.recovered",
        "level": "info",
        "keys": ["free", "min_free"],
        "meaning": EVENTS["disk.recovered"].meaning,
        "advice": NOTHING,
    }


def test_an_alert_is_explained() -> None:
    found = explained("ReelkeepDiskLow")
    assert (found["alert"], found["events"]) == ("ReelkeepDiskLow", ["disk.low", "disk.recovered"])


def test_journalctl_gets_an_entry_for_each_event() -> None:
    entries = journal_catalog().split("-- ")[1:]
    assert len(entries) == len(EVENTS)
    assert all(re.match(r"[0-9a-f]{32}\nSubject: .+\nDefined-By: .+\n\n.", one) for one in entries)


def test_text_is_fitted_and_its_paragraphs_stay_apart() -> None:
    assert filled("one two three\nfour", 8) == "one two\nthree\n\nfour"
