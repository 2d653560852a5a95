"""What units and image say fits together, and fits the code; the trials run them for real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from reelkeep.core.addresses import DEFAULT
from reelkeep.core.quantities import parse_duration
from reelkeep.settings.model import Settings

ROOT = Path(__file__).parent.parent
UNITS = ROOT / "systemd"
COMPOSE = yaml.safe_load((ROOT / "config" / "compose.yaml").read_text("utf-8"))
GRACE = Settings.model_fields["shutdown_grace"].default

OFFLINE = {"PrivateNetwork=true", "IPAddressDeny=any", "RestrictAddressFamilies=AF_UNIX"}
ONLINE = {"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX"}


def unit(name: str) -> str:
    return (UNITS / name).read_text("utf-8")


def sandbox(name: str) -> set[str]:
    text = unit(name).partition("--- The sandbox")[2].partition("[Install]")[0]
    return set(re.findall(r"^\w+=.*$", text, re.MULTILINE))


def test_a_pass_runs_in_the_sandbox_of_the_daemon() -> None:
    assert sandbox("reelkeep-sync.service") == sandbox("reelkeep.service") > ONLINE


def test_a_verification_runs_in_the_same_without_a_network() -> None:
    expected = sandbox("reelkeep.service") - ONLINE | OFFLINE
    assert sandbox("reelkeep-verify.service") == expected


@pytest.mark.parametrize("name", ["reelkeep.service", "reelkeep-sync.service"])
def test_systemd_waits_longer_than_the_daemon_takes_to_stop(name: str) -> None:
    (seconds,) = re.findall(r"^TimeoutStopSec=(\w+)$", unit(name), re.MULTILINE)
    assert parse_duration(seconds) > GRACE


def test_compose_waits_longer_than_the_daemon_takes_to_stop() -> None:
    assert parse_duration(COMPOSE["services"]["reelkeep"]["stop_grace_period"]) > GRACE


def test_whatever_the_installer_puts_in_place_is_there() -> None:
    units = {path.name for path in UNITS.glob("reelkeep*")}
    named = "reelkeep.service reelkeep-sync.{service,timer} reelkeep-verify.{service,timer}"
    assert f"names=({named})" in unit("install")
    assert units == {
        *("reelkeep.service", "reelkeep-sync.service", "reelkeep-sync.timer"),
        *("reelkeep-verify.service", "reelkeep-verify.timer"),
    }


def test_the_image_shows_the_port_that_the_daemon_listens_on() -> None:
    recipe = (ROOT / "Dockerfile").read_text("utf-8")
    assert f"\nEXPOSE {DEFAULT.port}\n" in recipe
