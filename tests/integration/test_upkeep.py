"""Upgrading and backing up, with the real program on a real catalog."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from fakes.tomorrow import Tomorrow, tomorrow
from integration.test_cli import EXTENT, Place, Ran
from integration.test_daemon import running, simulated
from integration.test_lost_catalog import named
from reelkeep.catalog.schema import HEAD
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An archive with everything in it."""
    async with Simulator(7, extent=EXTENT, switches=Switches().unlimited()) as sim:
        found = Place(tmp_path, sim)
        found.configure()
        await found.run("sync", "--json", "--timeout", "20s")
        yield found


async def run_tomorrow(place: Place, day: Tomorrow, *arguments: str) -> Ran:
    """Run a command of a reelkeep of tomorrow."""
    program = [sys.executable, "-c", day.program, *arguments]
    ran = await anyio.run_process(program, cwd=place.folder, env=place.environ, check=False)
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


async def test_an_upgrade_migrates_at_the_start_and_the_way_back_is_there(place: Place) -> None:
    day = tomorrow()

    looked = await run_tomorrow(place, day, "status")
    assert looked.code == 1
    assert "restart the daemon first" in looked.err

    upgraded = await run_tomorrow(place, day, "sync", "--json", "--timeout", "20s")
    assert upgraded.code == 0
    (migrated,) = named(upgraded, "catalog.migrated")
    assert (migrated["before"], migrated["now"]) == (HEAD, day.head)

    refused = await place.run("sync", code=78)
    assert re.search(rf"version {day.head}.*up to {HEAD}", refused.err)

    shutil.copy(migrated["copy"], place.folder / "state" / "catalog.db")
    back = await place.run("sync", "--json", "--timeout", "20s")
    assert back.json["left"] == []


async def test_a_daemon_of_yesterday_leaves_a_newer_catalog_alone(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place:
        async with running(place) as daemon:
            await daemon.says("daemon.ready")
            daemon.tell(signal.SIGTERM)
            assert await daemon.ends() == 0
        with closing(sqlite3.connect(tmp_path / "catalog.db")) as catalog:
            catalog.execute("UPDATE alembic_version SET version_num = '9999'")
            catalog.commit()
        async with running(place) as daemon:
            assert await daemon.ends() == 78
        (failed,) = daemon.named("daemon.failed")
        assert "a newer one" in failed["reason"]


async def test_a_backup_is_taken_while_the_daemon_works(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        place.add_recording()
        await daemon.says("recording.acknowledged")
        command = [sys.executable, "-m", "reelkeep.cli", "-c", str(place.file)]
        command += ["backup", "--json", str(tmp_path / "backup.db")]
        environ = {**os.environ, **place.sim.environment()}
        ran = await anyio.run_process(command, env=environ)
        assert b'"recordings": 1' in ran.stdout
        place.add_recording()
        await daemon.says("recording.acknowledged", 2)
        assert daemon.named("heartbeat.failed") == []


async def test_a_backup_that_is_put_back_loses_nothing_that_came_since(place: Place) -> None:
    """What was archived after the backup is found, and not stored twice."""
    made = await place.run("backup", "backup.db", "--json")
    assert made.json["recordings"] == 9
    before = place.digests()
    for hours in (1, 2):
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)
        place.sim.studio.add_recording(began)
    await place.run("sync", "--json", "--timeout", "20s")
    after, served = place.digests(), place.served()

    shutil.copy(place.folder / "backup.db", place.folder / "state" / "catalog.db")
    listed = await place.run("list", "--json")
    again = await place.run("sync", "--json", "--timeout", "20s")

    assert len(listed.out.splitlines()) == 9
    assert again.json["left"] == []
    assert place.digests() == after > before
    assert len(place.folders()) == 11
    assert place.served() == served


async def test_a_backup_says_what_is_not_in_it_and_replaces_nothing(place: Place) -> None:
    (place.folder / "state" / "support.token").write_text("the-rotated-token")
    ran = await place.run("backup", "backup.db")
    assert "9 recordings" in ran.out
    assert "not included: support.token" in ran.out
    assert b"the-rotated-token" not in (place.folder / "backup.db").read_bytes()
    assert stat.S_IMODE((place.folder / "backup.db").stat().st_mode) == 0o600
    again = await place.run("backup", "backup.db", code=1)
    assert "exists already" in again.err
    assert "folder" in (await place.run("backup", "state", code=2)).err
