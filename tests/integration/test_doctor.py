"""The doctor, on installations with something wrong, and with secrets everywhere."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from anyio import to_thread

from integration.test_cli import EXTENT, Place, Ran
from integration.test_daemon import running, simulated
from reelkeep.app.doctor import about_providers
from reelkeep.core.diagnosis import Grade
from reelkeep.settings.load import load
from reelkeep.settings.model import Settings
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches
from servers import reply, replying, serving

PLANTED = (
    "planted-in-a-reason-7f3a",
    "planted-in-an-attempt-91bc",
    "planted-in-a-token-file-55de",
    "planted-in-the-environment-08ac",
    "planted-in-a-proxy-c0de",
    "planted-in-a-signed-url-77aa",
)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An archive in order."""
    async with Simulator(7, extent=EXTENT, switches=Switches().unlimited()) as sim:
        found = Place(tmp_path, sim)
        found.configure()
        await found.run("sync", "--json", "--timeout", "20s")
        yield found


def graded(ran: Ran, grade: str) -> dict[str, str]:
    checks = (check for check in ran.json["checks"] if check["grade"] == grade)
    return {check["subject"]: check["message"] for check in checks}


def execute(place: Place, *statements: str) -> None:
    with closing(sqlite3.connect(place.folder / "state" / "catalog.db")) as catalog:
        for statement in statements:
            catalog.execute(statement)
        catalog.commit()


async def test_an_installation_in_order_has_nothing_bad(place: Place) -> None:
    ran = await place.run("doctor", "--json")
    assert graded(ran, "fail") == {}
    document = ran.json
    assert document["versions"]["reelkeep"]
    assert sum(sum(each.values()) for each in document["catalog"]["recordings"].values()) == 9
    assert {each["name"] for each in document["configuration"]["providers"]} >= {"support", "sdk"}
    assert "our clock agrees" in str(document["checks"])


async def test_it_shows_no_secret_wherever_one_may_be(place: Place) -> None:
    """Those of the configuration, and those that nobody told us about."""
    reason, attempt, token, environ, proxy, signed = PLANTED
    configuration = (place.folder / "reelkeep.yaml").read_text()
    environment = place.sim.environment().items()
    ours = sorted({value for name, value in environment if name in configuration})
    (place.folder / "state" / "support.token").write_text(token)
    execute(
        place,
        f"UPDATE provider SET broken_since = '2026-01-01', reason = "
        f"'refused: Authorization: Bearer {reason} and {' '.join(ours)}'",
        f"INSERT INTO attempt (file, at, code, detail) VALUES (1, '2026-01-01', 'expired', "
        f"'https://u:{attempt}@host/f?X-Amz-Signature={signed} {ours[0]}')",
    )
    os.environ["REELKEEP_TEST_PLANTED"] = environ
    try:
        ran = await place.run("doctor", "--output", "report.json", code=1)
        more = await place.run("doctor", "--json", "--offline", code=1)
        place.configure(network={"proxy": f"http://me:{proxy}@127.0.0.1:9"}, secret=signed)
        broken = await place.run("doctor", "--json", code=1)
    finally:
        del os.environ["REELKEEP_TEST_PLANTED"]
    report = place.folder / "report.json"
    texts = {"report": report.read_text(), "stdout": ran.out + more.out + broken.out}
    found = [
        f"{each} in the {where}"
        for where, text in texts.items()
        for each in (*PLANTED, *ours)
        if each in text
    ]
    assert found == []
    assert "X-Amz-Signature" not in texts["report"]
    assert texts["report"].count("***") > len(ours)
    assert "expired" in texts["report"]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


async def test_a_report_replaces_nothing(place: Place) -> None:
    (place.folder / "report.json").write_text("mine")
    ran = await place.run("doctor", "--offline", "--output", "report.json", code=1)
    assert "cannot write report.json: File exists" in ran.err
    assert (place.folder / "report.json").read_text() == "mine"


async def test_it_looks_and_touches_nothing(place: Place) -> None:
    def state() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mtime_ns, path.read_bytes())
            for path in place.folder.rglob("*")
            if path.is_file()
        }

    before = state()
    await place.run("doctor")
    assert state() == before


async def test_a_broken_configuration_is_told_and_hides_no_more_than_it_must(place: Place) -> None:
    place.configure(nonsense=1)
    ran = await place.run("doctor", "--json", code=1)
    assert "unknown key" in graded(ran, "fail")["configuration"]
    assert ran.json["versions"]["sqlite"]


async def test_without_any_configuration_it_says_where_one_was_looked_for(tmp_path: Path) -> None:
    async with Simulator(7, switches=Switches().unlimited()) as sim:
        ran = await Place(tmp_path, sim).run("doctor", "--json", code=1)
    assert "no configuration" in graded(ran, "fail")["configuration"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(b"certainly no database" * 500), "cannot be read"),
        (lambda path: path.write_bytes(path.read_bytes()[:9000]), "damaged|cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
    ],
    ids=["text", "torn", "empty"],
)
async def test_a_broken_catalog_is_told_and_the_rest_is_looked_at(
    place: Place, spoil: Callable[[Path], object], told: str
) -> None:
    spoil(place.folder / "state" / "catalog.db")
    ran = await place.run("doctor", "--json", "--offline", code=1)
    assert any(word in graded(ran, "fail")["catalog"] for word in told.split("|"))
    assert "room for the archive" in graded(ran, "ok") | graded(ran, "warn")


async def test_what_fails_or_is_broken_is_told(place: Place) -> None:
    execute(
        place,
        "UPDATE file SET state = 'failed' WHERE row = 1",
        "UPDATE provider SET broken_since = '2026-01-02 03:04:05', reason = 'no seat' "
        "WHERE name = 'sdk'",
        "UPDATE alembic_version SET version_num = '9999'",
    )
    (place.folder / "state" / "catalog.db").chmod(0o644)
    ran = await place.run("doctor", "--json", "--offline", code=1)
    bad = graded(ran, "fail")
    assert bad["sdk"] == "has been broken since 2026-01-02 03:04:05 UTC: no seat"
    assert "newer" in bad["catalog version"]
    assert "chmod 0600" in bad["catalog.db"]
    assert "1 failed" in graded(ran, "warn")["files"]


async def test_a_host_that_cannot_be_reached_is_told(place: Place) -> None:
    document = yaml.safe_load((place.folder / "reelkeep.yaml").read_text())
    document["providers"][1]["api_url"] = "http://127.0.0.1:1/v2"
    (place.folder / "reelkeep.yaml").write_text(yaml.safe_dump(document))
    ran = await place.run("doctor", "--json", code=1)
    assert list(graded(ran, "fail")) == ["meetings, http://127.0.0.1:1"]


async def test_a_running_daemon_is_asked_and_one_with_another_catalog_is_told(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        listen = (await daemon.url()).removeprefix("http://")
        other = {"url": f"sqlite:///{tmp_path / 'other.db'}"}
        cases: list[tuple[dict[str, Any], str, str]] = [
            ({}, "ok", "0 running transfers"),
            ({"catalog": other}, "fail", "another catalog"),
        ]
        for changes, grade, told in cases:
            place.write(server={"listen": listen}, **changes)
            ran = await Place(tmp_path, place.sim).run("doctor", "--offline", "--json", code=None)
            assert told in graded(ran, grade)["daemon"]


def sdk_at(folder: Path, url: str) -> Settings:
    document: dict[str, Any] = {
        "network": {"allow": ["127.0.0.0/8"]},
        "providers": [
            {
                "name": "sdk",
                "type": "zoom-videosdk",
                "api_url": url,
                "api_key": "k",
                "api_secret": {"env": "SECRET"},
            }
        ],
    }
    path = folder / "reelkeep.yaml"
    path.write_text(yaml.safe_dump(document))
    return load(path, environ={"SECRET": "s3cret-and-more"})


@pytest.mark.parametrize(
    ("ahead", "grade"), [(0, Grade.OK), (60, Grade.WARN), (-3600, Grade.FAIL), (None, Grade.WARN)]
)
async def test_our_clock_is_held_against_the_providers_and_no_credential_is_shown(
    tmp_path: Path, ahead: int | None, grade: Grade
) -> None:
    now = datetime.now(UTC)
    answer = reply(status=404)
    if ahead is not None:
        answer = reply(status=404, Date=format_datetime(now - timedelta(seconds=ahead)))
    async with serving(replying(answer)) as site:
        settings = sdk_at(tmp_path, site.url().rstrip("/"))
        checks, _ = await to_thread.run_sync(lambda: about_providers(settings, lambda: now))
    assert [check.grade for check in checks] == [Grade.OK, grade]
    (seen,) = site.seen
    assert "Authorization" not in seen.headers
    assert seen.target == "/"
