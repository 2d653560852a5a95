"""What lies in `config/monitoring` works, in the programs that it is for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import pages
import tools
from reelkeep.core.events import EVENTS
from reelkeep.telemetry.alerts import ALERTS
from reelkeep.telemetry.exposition import Exposition
from reelkeep.telemetry.metrics import Metrics

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "config" / "monitoring"
RECORDED = ROOT / "tests" / "recorded" / "daemon.log"

RULES = pages.rules()
OURS = re.compile(r"reelkeep_[a-z_]+")
EVENT = re.compile(r'event="([^"]+)"')

Values = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def served() -> str:
    """Return the page of a daemon that has met everything once."""
    metrics = Metrics(lambda _event, /, **_keys: None)
    for event in EVENTS:
        keys = {"code": "auth", "bytes": 1, "seconds": 1, "until": "now", "host": "h"}
        metrics(event, provider="zoom", **keys)
    states = {"files": {"due": 1}, "recordings": {"open": 1}}
    figures = {
        "pending": 1,
        "failed": 1,
        "unavailable": 1,
        "pending_bytes": 1,
        "stored_bytes": 1,
        "damaged": 1,
    }
    figures |= {"unpublished": 1, "at_risk": 1, "too_large": 1}
    times = {"last_success": "2026-11-22T12:00:00+00:00", "broken_since": None}
    line = {"name": "zoom", **states, **figures, **times}
    metrics.sample({"version": "1", "free_bytes": 1, "transfers": [], "providers": [line]})
    return Exposition(metrics).page().decode()


def names_on(page: str) -> set[str]:
    families = text_string_to_metric_families(page)
    return {sample.name for family in families for sample in family.samples}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every query of rules and dashboard, with where it stands."""
    yield from ((f"rule {rule['alert']}", rule["expr"]) for rule in RULES.values())
    board = json.loads((MONITORING / "reelkeep.dashboard.json").read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]["query"]


def test_prometheus_finds_nothing_to_criticize_in_the_metrics() -> None:
    assert tools.run("promtool", "check", "metrics", cwd=MONITORING, stdin=served()) == ""


def test_prometheus_takes_the_rules() -> None:
    said = tools.run("promtool", "check", "rules", "reelkeep.rules.yml", cwd=MONITORING)
    assert f"SUCCESS: {len(RULES)} rules found" in said


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    said = tools.run("promtool", "test", "rules", "reelkeep.rules.test.yml", cwd=MONITORING)
    assert "SUCCESS" in said


def test_every_alert_is_tried_both_ways() -> None:
    document = yaml.safe_load((MONITORING / "reelkeep.rules.test.yml").read_text("utf-8"))
    cases = [case for test in document["tests"] for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    rests = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fires == rests == RULES.keys()


def test_every_alert_is_in_the_runbook() -> None:
    assert RULES.keys() == ALERTS.keys()


@pytest.mark.parametrize("name", RULES)
def test_an_alert_leads_to_its_place_in_the_runbook(name: str) -> None:
    page, _, anchor = RULES[name]["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert anchor == name.lower()
    assert name in headings


@pytest.mark.parametrize(("where", "query"), list(expressions()))
def test_a_query_asks_for_what_there_is(where: str, query: str) -> None:
    assert where
    assert set(OURS.findall(query)) <= names_on(served())
    assert set(EVENT.findall(query)) <= EVENTS.keys()


def test_every_panel_asks_and_says_in_which_unit() -> None:
    board = json.loads((MONITORING / "reelkeep.dashboard.json").read_text("utf-8"))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert panels
    assert all(panel["targets"] and panel["fieldConfig"]["defaults"]["unit"] for panel in panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]}
    assert len(places) == len(board["panels"]) == len({panel["id"] for panel in board["panels"]})


def recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RECORDED.read_text("utf-8").splitlines()]


def test_the_recorded_log_is_what_the_daemon_would_still_say() -> None:
    """Else `python tests/recording.py` has to record it anew."""
    head = {"timestamp", "level", "event"}
    for line in recorded():
        event = EVENTS[line["event"]]
        assert line["level"] == event.severity.name.lower()
        assert set(line) - head <= set(event.keys)


@pytest.fixture(scope="module")
def read_by_mtail(tmp_path_factory: pytest.TempPathFactory) -> Values:
    """What mtail makes of the recorded log."""
    page = tools.run(
        "mtail",
        *("--one_shot", "--one_shot_format=prometheus", "--address=127.0.0.1", "--port=0"),
        *("--logs", str(RECORDED), "--progs", "reelkeep.mtail"),
        f"--log_dir={tmp_path_factory.mktemp('mtail')}",  # its own log, which else stays in /tmp
        cwd=MONITORING,
    )
    return {
        (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if k != "prog"))): value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        for value in [sample.value]
    }


def only(values: Values, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {labels: value for (found, labels), value in values.items() if found == name}


def test_mtail_counts_every_event(read_by_mtail: Values) -> None:
    said = Counter((line["event"], line["level"]) for line in recorded())
    assert only(read_by_mtail, "reelkeep_events_total") == {
        (("event", event), ("level", level)): many for (event, level), many in said.items()
    }


def test_mtail_counts_as_the_daemon_does(read_by_mtail: Values) -> None:
    """The same log through our own counters gives the same figures, under the same names."""
    metrics = Metrics(lambda _event, /, **_keys: None)
    for line in recorded():
        event = line.pop("event")
        metrics(event, **{k: v for k, v in line.items() if k not in ("timestamp", "level")})
    ours = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(Exposition(metrics).page().decode())
        for sample in family.samples
        if sample.name.startswith("reelkeep_") and sample.value and "le" not in sample.labels
    }
    theirs = {at: value for at, value in read_by_mtail.items() if value and "le" not in dict(at[1])}
    live = {"reelkeep_free_bytes", "reelkeep_last_success_timestamp_seconds"}
    shared = {name for name, _ in theirs if name not in live and "heartbeat" not in name}
    mine = {at: value for at, value in ours.items() if at[0] in shared}
    assert {at: v for at, v in theirs.items() if at[0] in shared} == pytest.approx(mine)
    assert len(shared) > 10


def test_mtail_knows_the_conditions_and_the_last_heartbeat(read_by_mtail: Values) -> None:
    (beat, *_) = [line for line in recorded() if line["event"] == "heartbeat"]
    assert only(read_by_mtail, "reelkeep_disk_low") == {(): 0}
    assert only(read_by_mtail, "reelkeep_provider_auth_failed") == {(("provider", "support"),): 0}
    assert only(read_by_mtail, "reelkeep_heartbeat_pending_files") == {(): beat["pending"]}
    assert only(read_by_mtail, "reelkeep_free_bytes") == {(): pytest.approx(beat["free"])}
    providers = {dict(at)["provider"] for at in only(read_by_mtail, "reelkeep_provider_broken")}
    assert providers == set(beat["providers"])


def test_mtail_uses_our_names_where_it_means_the_same() -> None:
    program = (MONITORING / "reelkeep.mtail").read_text("utf-8")
    declared = set(re.findall(r"^(?:counter|gauge|histogram) (\w+)", program, re.MULTILINE))
    families = {family.name for family in text_string_to_metric_families(served())}
    known = families | {f"{name}_total" for name in families}
    assert {name for name in declared - known if "heartbeat" not in name} == set()
