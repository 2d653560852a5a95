from __future__ import annotations

import json
import re

import pytest
from click import UsageError
from click.testing import CliRunner, Result

from reelkeep.cli.program import commands
from reelkeep.core.events import EVENTS


def logs(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["logs", *arguments])


def test_all_events_are_listed() -> None:
    lines = logs().output.splitlines()
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == ["EVENT", *EVENTS]
    assert max(map(len, lines)) <= 80


def test_all_events_are_listed_as_json() -> None:
    assert [each["event"] for each in json.loads(logs("--json").output)] == list(EVENTS)


@pytest.mark.parametrize("name", ["disk.low", "DISK.LOW"])
def test_an_event_is_explained(name: str) -> None:
    page = logs("--explain", name).output
    assert page.startswith(
        "disk.low\nlevel: error\nkeys: free, min_free, reason\njournalctl MESSAGE_ID="
    )
    assert "is full: all transfers pause" in " ".join(page.split())
    assert max(map(len, page.splitlines())) <= 88


def test_an_alert_is_explained() -> None:
    page = logs("--explain", "ReelkeepDiskLow").output
    assert page.startswith("ReelkeepDiskLow\nevents: disk.low, disk.recovered\n\n")


def test_an_event_is_explained_as_json() -> None:
    found = json.loads(logs("--explain", "disk.low", "--json").output)
    assert (found["event"], found["level"]) == ("disk.low", "error")
    assert re.fullmatch("[0-9a-f]{32}", found["message_id"])


@pytest.mark.parametrize(
    ("typo", "hint"),
    [
        ("file.faild", "Did you mean file.failed?"),
        ("Reelkeepdisklo", "Did you mean ReelkeepDiskLow?"),
        ("xyzzy", "`reelkeep logs` lists them."),
    ],
)
def test_a_typo_is_met_with_the_nearest_name(typo: str, hint: str) -> None:
    ran = CliRunner().invoke(commands, ["logs", "--explain", typo], standalone_mode=False)
    assert isinstance(ran.exception, UsageError)
    assert hint in ran.exception.message
