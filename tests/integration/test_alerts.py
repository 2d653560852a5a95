"""Each thing is broken on purpose; its alert fires in both sets of rules, and ends when mended.

A real Prometheus scrapes a real daemon, and a real mtail that reads the daemon's log.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AddressFamily
from typing import Any

import anyio
import pytest
import yaml
from anyio.abc import Process

from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Fault, Flaw, Switches, status
from watching import PATIENCE, Watch, free_port, heard, quick_daemon, said, watched

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

EXTENT = Extent(recordings=4, meetings=5, sessions=1, odd=False, sizes=(9_000, 60_000))
LOG_ALONE = ("reelkeep-mtail",)
PAGE_ALONE = ("reelkeep",)


class Operator:
    """Breaks and mends things around one daemon that is watched."""

    def __init__(self, root: Path, sim: Simulator) -> None:
        self.root = root
        self.sim = sim
        self.log = root / "daemon.log"
        self.page = free_port()
        self.document: dict[str, Any] = {
            **sim.configuration(),
            "archive": {"path": str(root / "archive"), "min_free": 0},
            "catalog": {"url": f"sqlite:///{root / 'catalog.db'}"},
            "downloads": {"retry": {"base": "100ms", "max": "300ms", "attempts": 2}},
            "server": {"listen": f"127.0.0.1:{self.page}"},
            "log": {"format": "json", "level": "info"},
            "shutdown_grace": "0s",
        }
        for provider in self.document["providers"]:
            provider["interval"] = "1s"
        self.log.touch()
        self.write()

    def write(self, text: str | None = None, **changes: Any) -> None:
        text = yaml.safe_dump(self.document | changes) if text is None else text
        (self.root / "reelkeep.yaml").write_text(text)

    @asynccontextmanager
    async def daemon(self, **secrets: str) -> AsyncIterator[Process]:
        """Run a daemon, and leave it only when it is gone."""
        environ = {**self.sim.environment(), **secrets}
        async with quick_daemon(self.root / "reelkeep.yaml", self.log, environ) as process:
            yield process

    async def says(self, event: str, times: int = 1) -> None:
        """Wait until `event` is in the log so many times."""
        try:
            with anyio.fail_after(PATIENCE):
                while said(self.log, event) < times:  # noqa: ASYNC110 - a file rings no bell
                    await anyio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{event}:\n{self.log.read_text('utf-8')[-4000:]}") from None

    async def archived(self) -> None:
        """Wait until all that the simulator has is in the archive."""
        await self.says("recording.archived", 10)

    async def command(self, *arguments: str) -> None:
        """Run a command, whatever it ends with."""
        file = str(self.root / "reelkeep.yaml")
        await anyio.run_process(
            [sys.executable, "-m", "reelkeep.cli", "--config", file, *arguments],
            env={**os.environ, **self.sim.environment()},
            check=False,
        )

    def add_recording(self) -> None:
        """Let a session of an hour ago appear."""
        self.sim.studio.add_recording(_an_hour_ago(), size=9_000)

    def add_meeting(self) -> str:
        """Let a meeting of an hour ago appear; return the key of its largest file."""
        meeting = self.sim.studio.add_meeting(_an_hour_ago(), size=60_000)
        return max(meeting.all_files, key=lambda each: each.content.size).key

    def a_stored_file(self) -> Path:
        return next((self.root / "archive").rglob("*.mp4"))


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    async with Simulator(7, extent=EXTENT, switches=Switches().unlimited()) as sim:
        yield Operator(tmp_path, sim)


@pytest.fixture
async def watch(operator: Operator) -> AsyncIterator[Watch]:
    async with watched(operator.root, operator.page, operator.log) as watch:
        yield watch


async def test_what_goes_wrong_with_files_and_providers_is_noticed(
    operator: Operator, watch: Watch
) -> None:
    faults = operator.sim.faults
    async with operator.daemon() as daemon:
        await operator.archived()
        await watch.rests()

        victim = operator.a_stored_file()
        whole = victim.read_bytes()
        victim.chmod(0o640)
        victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        await operator.command("verify")
        faults.add("GET /G2A/*", status(500, times=None))
        operator.write("nonsense: 1")
        daemon.send_signal(signal.SIGHUP)
        await watch.fires(
            "ReelkeepArchiveDamaged", "ReelkeepProviderSilent", "ReelkeepConfigRejected"
        )

        operator.write()
        victim.write_bytes(whole)
        await operator.command("verify")
        faults.clear()
        daemon.send_signal(signal.SIGHUP)
        await watch.rests()


async def test_files_that_fail_and_marks_that_are_refused_are_noticed(
    operator: Operator, watch: Watch
) -> None:
    faults = operator.sim.faults
    async with operator.daemon():
        await operator.archived()
        await watch.rests()

        faults.add("PUT /G2A/*", status(400, times=None))
        keys = [operator.add_meeting() for _ in range(3)]
        for key in keys:
            faults.add(key, Fault(flaw=Flaw.GROW, at=-9, times=None))
        operator.add_recording()
        await watch.fires("ReelkeepFilesFailed", "ReelkeepBadBytes", "ReelkeepAcknowledgeRefused")

        faults.clear()
        await operator.command("retry", "--failed")
        await operator.command("retry", *heard(operator.log, "recording.acknowledge_refused"))
        await watch.rests()


async def test_a_disk_without_room_is_noticed(operator: Operator, watch: Watch) -> None:
    async with operator.daemon() as daemon:
        await operator.archived()
        await watch.rests()
        low = {**operator.document["archive"], "min_free": "900TB"}
        operator.write(archive=low)
        daemon.terminate()
        await daemon.wait()
    async with operator.daemon() as daemon:
        await watch.fires("ReelkeepDiskLow")
        daemon.kill()
    operator.write()
    async with operator.daemon():
        await watch.rests("ReelkeepDiskLow")  # though nobody ever said that it was over
        assert said(operator.log, "disk.recovered") == 0


async def test_a_place_that_cannot_be_written_is_noticed(operator: Operator, watch: Watch) -> None:
    parts = operator.root / "archive" / ".reelkeep" / "parts"
    async with operator.daemon():
        await operator.archived()
        await watch.rests()
        parts.rename(parts.with_name("aside"))
        parts.write_text("somebody's file")
        operator.add_recording()
        await watch.fires("ReelkeepArchiveUnavailable")
        parts.unlink()
        parts.with_name("aside").rename(parts)
        await watch.rests()


async def test_a_wrong_secret_is_noticed_and_a_restart_with_the_right_one_ends_it(
    operator: Operator, watch: Watch
) -> None:
    async with operator.daemon(SIM_ZOOM_SECRET="wrong"):
        await watch.fires("ReelkeepAuthFailed")
    async with operator.daemon():
        await watch.rests("ReelkeepAuthFailed")
        await operator.says("provider.auth_recovered")


async def test_a_daemon_that_is_killed_is_noticed(operator: Operator, watch: Watch) -> None:
    async with operator.daemon() as daemon:
        await operator.archived()
        await watch.rests()
        daemon.send_signal(signal.SIGKILL)
        await watch.fires("ReelkeepDown", of=PAGE_ALONE)
        await watch.fires("ReelkeepHeartbeatMissing", of=LOG_ALONE)
    for _ in range(3):
        async with operator.daemon() as daemon:
            ready = said(operator.log, "daemon.ready")
            await operator.says("server.listening", ready + 1)
            await anyio.sleep(1.5)
    async with operator.daemon() as daemon:
        await watch.fires("ReelkeepRestarting")
        await watch.rests("ReelkeepDown", "ReelkeepHeartbeatMissing")


async def test_a_daemon_that_hangs_is_noticed(operator: Operator, watch: Watch) -> None:
    async with operator.daemon() as daemon:
        await operator.archived()
        await watch.rests()
        daemon.send_signal(signal.SIGSTOP)
        await watch.fires("ReelkeepDown", of=PAGE_ALONE)
        await watch.fires("ReelkeepHeartbeatMissing", of=LOG_ALONE)
        daemon.send_signal(signal.SIGCONT)
        await watch.rests()


async def test_an_archive_that_is_absent_is_noticed_and_the_daemon_is_not_taken_for_dead(
    operator: Operator, watch: Watch
) -> None:
    archive = operator.root / "archive"
    async with operator.daemon():
        await operator.archived()
    archive.rename(operator.root / "elsewhere")
    archive.mkdir()
    async with operator.daemon():
        await watch.fires("ReelkeepArchiveAbsent")
        await watch.rests("ReelkeepHeartbeatMissing", "ReelkeepDown")
        archive.rmdir()
        (operator.root / "elsewhere").rename(archive)
        await watch.rests("ReelkeepArchiveAbsent")


async def test_an_address_that_is_taken_is_noticed(operator: Operator, watch: Watch) -> None:
    async with AsyncExitStack() as taken:
        listener = await anyio.create_tcp_listener(
            local_host="127.0.0.1", local_port=operator.page, family=AddressFamily.AF_INET
        )
        await taken.enter_async_context(listener)
        async with operator.daemon():
            await watch.fires("ReelkeepServerUnavailable", of=LOG_ALONE)
            await watch.fires("ReelkeepDown", of=PAGE_ALONE)
            await taken.aclose()
            await watch.rests("ReelkeepServerUnavailable", "ReelkeepDown")
