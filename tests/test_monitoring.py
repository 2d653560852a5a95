"""What lies in `config/monitoring` works, in the programs that it is for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

import pages
import tools
from proofs import QUARTERS, quarter
from reelkeep.cli.program import commands
from reelkeep.core.events import EVENTS
from reelkeep.telemetry.alerts import ALERTS
from reelkeep.telemetry.conditions import CONDITIONS
from reelkeep.telemetry.metrics import Metrics

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "config" / "monitoring"
RECORDED = ROOT / "tests" / "recorded" / "daemon.log"

RULES = pages.rules()
SETS = {
    "reelkeep.rules.yml": pages.rules_of("reelkeep.rules.yml"),
    "reelkeep.mtail.rules.yml": pages.rules_of("reelkeep.mtail.rules.yml"),
}
LOG_ALONE = {"ReelkeepServerUnavailable"}
"""Alerts that only the log can give: without pages nobody can scrape them."""
OURS = re.compile(r"reelkeep_[a-z_]+")
EVENT = re.compile(r'event="([^"]+)"')

Values = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


def served() -> str:
    """Return the page of a daemon that has met everything once."""
    metrics = Metrics(lambda: datetime(2026, 11, 30, tzinfo=UTC))
    for event in EVENTS:
        keys = {"code": "auth", "bytes": 1, "seconds": 1, "until": "now", "host": "h"}
        metrics.count(event, {"provider": "zoom", **keys})
    states = {"files": {"due": 1}, "recordings": {"open": 1}}
    figures = {
        "pending": 1,
        "failed": 1,
        "unavailable": 1,
        "pending_bytes": 1,
        "stored_bytes": 1,
        "damaged": 1,
    }
    figures |= {"unpublished": 1, "at_risk": 1, "too_large": 1, "acknowledge_refused": 1}
    figures |= {"unread_listings": 1}
    times = {"last_success": "2026-11-22T12:00:00+00:00", "broken_since": None}
    line = {"name": "zoom", **states, **figures, **times}
    status = {"version": "1", "free_bytes": 1, "transfers": [], "providers": [line]}
    metrics.sample(status, received=0, queued={})
    return metrics.page().decode()


def names_on(page: str) -> set[str]:
    families = text_string_to_metric_families(page)
    return {sample.name for family in families for sample in family.samples}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every query of rules and dashboard, with where it stands."""
    ours = SETS["reelkeep.rules.yml"]
    yield from ((f"rule {rule['alert']}", rule["expr"]) for rule in ours.values())
    board = json.loads((MONITORING / "reelkeep.dashboard.json").read_text("utf-8"))
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]["query"]


def test_prometheus_finds_nothing_to_criticize_in_the_metrics() -> None:
    assert tools.run("promtool", "check", "metrics", cwd=MONITORING, stdin=served()) == ""


@pytest.mark.parametrize("name", SETS)
def test_prometheus_takes_the_rules(name: str) -> None:
    said = tools.run("promtool", "check", "rules", name, cwd=MONITORING)
    assert f"SUCCESS: {len(SETS[name])} rules found" in said


@pytest.mark.parametrize("part", QUARTERS)
@pytest.mark.parametrize("name", SETS)
def test_the_alerts_fire_when_they_should_and_only_then(
    name: str, part: int, tmp_path: Path
) -> None:
    document = yaml.safe_load((MONITORING / trials_of(name)).read_text("utf-8"))
    trials = list(quarter(document["tests"], part))
    (tmp_path / "trials.yml").write_text(
        yaml.safe_dump({**document, "rule_files": [str(MONITORING / name)], "tests": trials})
    )
    said = tools.run("promtool", "test", "rules", "trials.yml", cwd=tmp_path)
    assert trials
    assert "SUCCESS" in said


def trials_of(name: str) -> str:
    return name.replace(".yml", ".test.yml")


@pytest.mark.parametrize("name", SETS)
def test_every_alert_is_tried_both_ways(name: str) -> None:
    document = yaml.safe_load((MONITORING / trials_of(name)).read_text("utf-8"))
    cases = [case for test in document["tests"] for case in test["alert_rule_test"]]
    fires = {case["alertname"] for case in cases if case.get("exp_alerts")}
    rests = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    assert fires == rests == SETS[name].keys()


def test_both_sets_have_the_same_alerts() -> None:
    ours, mtails = SETS.values()
    assert mtails.keys() - ours.keys() == LOG_ALONE
    assert ours.keys() <= mtails.keys()
    severities = [
        {n: r["labels"] for n, r in rules.items() if n in ours} for rules in SETS.values()
    ]
    assert severities[0] == severities[1]


def test_every_alert_is_in_the_runbook() -> None:
    assert RULES.keys() == ALERTS.keys()


@pytest.mark.parametrize(("rules", "name"), [(s, name) for s in SETS for name in SETS[s]])
def test_an_alert_gives_the_command_that_explains_it(rules: str, name: str) -> None:
    annotations = SETS[rules][name]["annotations"]
    assert annotations.keys() == {"summary", "runbook"}
    program, *arguments = annotations["runbook"].split()
    assert program == "reelkeep"
    said = CliRunner().invoke(commands, arguments, catch_exceptions=False)
    assert said.exit_code == 0
    assert name in said.output


@pytest.mark.parametrize("name", RULES)
def test_the_runbook_has_every_alert_under_its_name(name: str) -> None:
    page = (ROOT / "docs/how-to/runbook.md").read_text("utf-8")
    assert name in re.findall(r"^## (\w+)$", page, re.MULTILINE)


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


def made_by_mtail(log: Path, work: Path) -> Values:
    """Return what mtail makes of a log."""
    page = tools.run(
        "mtail",
        *("--one_shot", "--one_shot_format=prometheus", "--address=127.0.0.1", "--port=0"),
        *("--logs", str(log), "--progs", "reelkeep.mtail"),
        f"--log_dir={work}",  # its own log, which else stays in /tmp
        cwd=MONITORING,
    )
    return {
        (sample.name, tuple(sorted((k, v) for k, v in sample.labels.items() if k != "prog"))): value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        for value in [sample.value]
    }


@pytest.fixture(scope="module")
def read_by_mtail(tmp_path_factory: pytest.TempPathFactory) -> Values:
    """What mtail makes of the recorded log."""
    return made_by_mtail(RECORDED, tmp_path_factory.mktemp("mtail"))


@pytest.mark.parametrize("name", SETS["reelkeep.mtail.rules.yml"])
def test_a_rule_for_mtail_asks_for_what_mtail_makes(name: str, read_by_mtail: Values) -> None:
    """And without labels, so that the series is there before anything happened."""
    expression = SETS["reelkeep.mtail.rules.yml"][name]["expr"]
    always = {series for series, labels in read_by_mtail if not labels}
    assert set(OURS.findall(expression)) <= always
    assert "process_start_time_seconds" not in expression  # that is mtail's own


def only(values: Values, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {labels: value for (found, labels), value in values.items() if found == name}


def test_mtail_counts_every_event(read_by_mtail: Values) -> None:
    said = Counter((line["event"], line["level"]) for line in recorded())
    assert only(read_by_mtail, "reelkeep_events_total") == {
        (("event", event), ("level", level)): many for (event, level), many in said.items()
    }


def test_mtail_counts_as_the_daemon_does(read_by_mtail: Values) -> None:
    """The same log through our own counters gives the same figures, under the same names."""
    metrics = Metrics()
    for line in recorded():
        event = line.pop("event")
        metrics.count(event, {k: v for k, v in line.items() if k not in ("timestamp", "level")})
    ours = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
        if sample.name.startswith("reelkeep_") and sample.value and "le" not in sample.labels
    }
    theirs = {at: value for at, value in read_by_mtail.items() if value and "le" not in dict(at[1])}
    live = {"reelkeep_free_bytes", "reelkeep_last_success_timestamp_seconds"}
    shared = {name for name, _ in theirs if name not in live and not of_its_own(name)}
    mine = {at: value for at, value in ours.items() if at[0] in shared}
    assert {at: v for at, v in theirs.items() if at[0] in shared} == pytest.approx(mine)
    assert len(shared) > 10


def test_mtail_knows_the_conditions_and_the_last_heartbeat(read_by_mtail: Values) -> None:
    (beat, *_) = [line for line in recorded() if line["event"] == "heartbeat"]
    assert only(read_by_mtail, "reelkeep_disk_low") == {(): 0}
    refused = only(read_by_mtail, "reelkeep_provider_auth_failed")
    assert refused == {(("provider", name),): 0 for name in beat["providers"]}
    assert only(read_by_mtail, "reelkeep_heartbeat_pending_files") == {(): beat["pending"]}
    assert only(read_by_mtail, "reelkeep_free_bytes") == {(): pytest.approx(beat["free"])}
    providers = {dict(at)["provider"] for at in only(read_by_mtail, "reelkeep_provider_broken")}
    assert providers == set(beat["providers"])


BEGINNINGS = {
    event: name for event, (name, begins) in CONDITIONS.items() if begins and event in EVENTS
}
BEAT: dict[str, Any] = {
    "providers": {"p": 1.0}, "pending": 1, "in_flight": 0, "bytes_per_second": 0, "free": 9,
    "failed": 2, "unavailable": 3, "damaged": 4, "too_large": 5, "at_risk": 6, "unpublished": 7,
    "acknowledge_refused": 8, "unread_listings": 9, "oldest_success": 99.5, "conditions": [],
}  # fmt: skip


def read(work: Path, *lines: tuple[str, dict[str, Any]]) -> Values:
    """Return what mtail makes of a log with these events."""
    log = work / "daemon.log"
    at = "2026-11-30T12:00:00.000000Z"
    written = [
        {"timestamp": at, "level": EVENTS[event].severity.name.lower(), "event": event, **keys}
        for event, keys in lines
    ]
    log.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in written))
    return made_by_mtail(log, work)


def shown(values: Values, condition: str) -> float:
    """Return the gauge of a condition, as the rules for mtail use it."""
    names = (f"reelkeep_{condition}", f"reelkeep_heartbeat_{condition.removeprefix('provider_')}")
    found = [values[name, ()] for name in names if (name, ()) in values]
    assert len(found) == 1, condition
    return found[0]


def test_a_heartbeat_tells_mtail_of_every_condition_that_holds(tmp_path: Path) -> None:
    """Also one that began before mtail, or the daemon, was started."""
    events = sorted(set(BEGINNINGS) - {"heartbeat.failed"})
    values = read(tmp_path, ("heartbeat", {**BEAT, "conditions": events}))
    assert {event: shown(values, BEGINNINGS[event]) for event in events} == dict.fromkeys(events, 1)


def test_a_heartbeat_ends_every_condition_that_holds_no_more(tmp_path: Path) -> None:
    events = [(event, {"provider": "p", "code": "auth"}) for event in BEGINNINGS]
    before = read(tmp_path, *events, ("heartbeat", {**BEAT, "conditions": sorted(BEGINNINGS)}))
    values = read(tmp_path, *events, ("heartbeat", BEAT))
    assert sum(shown(before, name) for name in BEGINNINGS.values()) == len(BEGINNINGS) - 1
    assert {name: shown(values, name) for name in BEGINNINGS.values()} == dict.fromkeys(
        BEGINNINGS.values(), 0
    )


def test_a_start_ends_every_condition_of_the_process_in_mtail(tmp_path: Path) -> None:
    ours = [event for event in BEGINNINGS if "provider" not in EVENTS[event].keys]
    values = read(tmp_path, *((event, {}) for event in ours), ("daemon.started", {}))
    names = [BEGINNINGS[event] for event in ours]
    assert {name: shown(values, name) for name in names} == dict.fromkeys(names, 0)


def test_the_first_success_after_a_start_ends_what_was_said_of_a_provider(tmp_path: Path) -> None:
    values = read(
        tmp_path,
        ("poll.failed", {"provider": "p", "code": "auth"}),
        ("provider.auth_failed", {"provider": "p"}),
        ("daemon.started", {}),
        ("poll.completed", {"provider": "p", "listed": 1}),
    )
    assert only(values, "reelkeep_provider_auth_failed") == {(("provider", "p"),): 0}
    assert only(values, "reelkeep_provider_broken") == {(("provider", "p"),): 0}


def test_a_provider_of_which_single_listings_fail_is_not_broken_in_mtail(tmp_path: Path) -> None:
    values = read(tmp_path, ("poll.failed", {"provider": "p", "code": "partly_read"}))
    assert only(values, "reelkeep_provider_broken") == {(("provider", "p"),): 0}


def test_mtail_shows_the_figures_of_a_heartbeat(tmp_path: Path) -> None:
    values = read(tmp_path, ("heartbeat", BEAT))
    counts = {
        "failed_files": 2, "unavailable_files": 3, "damaged_files": 4, "too_large_files": 5,
        "at_risk_recordings": 6, "unpublished_recordings": 7,
        "acknowledge_refused_recordings": 8, "unread_listings": 9, "oldest_success_seconds": 99,
    }  # fmt: skip
    assert {name: values[f"reelkeep_heartbeat_{name}", ()] for name in counts} == counts


@pytest.mark.parametrize("name", ["damaged", "free", "failed", "conditions"])
def test_no_name_of_a_provider_is_taken_for_a_figure(name: str, tmp_path: Path) -> None:
    values = read(tmp_path, ("heartbeat", {**BEAT, "providers": {"a": None, name: 7.0}}))
    assert values["reelkeep_heartbeat_damaged_files", ()] == 4
    assert values["reelkeep_heartbeat_failed_files", ()] == 2
    assert values["reelkeep_free_bytes", ()] == 9


def test_mtail_sees_the_first_thing_that_vanishes_as_an_increase(tmp_path: Path) -> None:
    before = read(tmp_path, ("heartbeat", BEAT))
    after = read(tmp_path, ("recording.vanished", {"provider": "p", "recording": "r"}))
    name = ("reelkeep_all_recordings_vanished_total", ())
    assert (before[name], after[name]) == (0, 1)


def test_mtail_uses_our_names_where_it_means_the_same() -> None:
    program = (MONITORING / "reelkeep.mtail").read_text("utf-8")
    declared = set(re.findall(r"^(?:counter|gauge|histogram) (\w+)", program, re.MULTILINE))
    families = {family.name for family in text_string_to_metric_families(served())}
    known = families | {f"{name}_total" for name in families}
    assert {name for name in declared - known if not of_its_own(name)} == set()


def of_its_own(name: str) -> bool:
    """Whether mtail alone has this figure, or makes it of the heartbeat's sums."""
    alone = {"reelkeep_start_timestamp_seconds", "reelkeep_server_unavailable"}
    return name in alone or "_heartbeat_" in name or "_all_" in name
