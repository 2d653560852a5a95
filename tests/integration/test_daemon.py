"""The daemon as a process, against the simulator."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import anyio
import pytest
import yaml
from anyio import to_thread

import forked
from reelkeep.app.daemon_client import ask
from reelkeep.core.addresses import SocketFile
from reelkeep.core.events import EVENTS
from reelkeep.core.journal import decode
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Fault, Flaw, Switches, status
from reelkeep.simulator.world import SimRecording

MIB = 1 << 20
PATIENCE = 300  # seconds until a test gives up on a daemon that hangs; none takes more than a few
NONE = Extent(recordings=0, meetings=0, sessions=0, odd=False)
BUFFERS = 2 * MIB + 512 * 1024  # what may be on its way when a transfer is cut: batch and sockets

ONE = {"segments": "off"}  # one request for each file


@dataclass
class Daemon:
    """A running `reelkeep run`, and all that it has said."""

    process: forked.Command
    output: BinaryIO
    lines: list[dict[str, Any]] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)  #: What is no JSON.
    _heard: anyio.Event = field(default_factory=anyio.Event)

    async def listen(self) -> None:
        pending = b""
        while True:
            await anyio.wait_readable(self.output)
            piece = os.read(self.output.fileno(), 1 << 16)
            *whole, pending = (pending + piece).split(b"\n")
            for line in whole:
                self._hear(line.decode())
            self._heard.set()
            self._heard = anyio.Event()
            if not piece:
                return

    def _hear(self, line: str) -> None:
        if line.startswith("{"):
            self.lines.append(json.loads(line))
        else:
            self.foreign.append(line)

    def named(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    async def says(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait until `event` was said so many times."""
        with anyio.fail_after(PATIENCE):
            while len(self.named(event)) < times:
                await self._heard.wait()
        return self.named(event)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ends(self) -> int:
        with anyio.fail_after(PATIENCE):
            return await self.process.wait()

    async def url(self) -> str:
        (line,) = await self.says("server.listening")
        return f"http://{line['host']}:{line['port']}"

    @property
    def complaints(self) -> list[str]:
        """Return what it said that `core.events` does not list."""
        head = {"timestamp", "level", "event"}
        return self.foreign + [
            str(line)
            for line in self.lines
            if line["event"] not in EVENTS or set(line) - head - set(EVENTS[line["event"]].keys)
        ]


@dataclass
class Place:
    """A configuration on disk, and where the archive goes."""

    sim: Simulator
    root: Path
    document: dict[str, Any]

    @property
    def file(self) -> Path:
        return self.root / "reelkeep.yaml"

    def write(self, **changes: Any) -> None:
        self.file.write_text(yaml.safe_dump(self.document | changes))

    def add_recording(self, size: int | None = None) -> SimRecording:
        """Let a session of an hour ago appear."""
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        return self.sim.studio.add_recording(began, size=size)

    def stored(self) -> set[str]:
        """Return the digests of what has been archived."""
        archive = self.root / "archive"
        paths = [path for path in archive.rglob("*") if ".reelkeep" not in path.parts]
        return {hashlib.sha256(each.read_bytes()).hexdigest() for each in paths if each.is_file()}

    def missing(self) -> set[str]:
        """Return the keys of files that the simulator has and the archive has not."""
        stored = self.stored()
        return {each.file for each in self.sim.world.expected() if each.sha256 not in stored}


@asynccontextmanager
async def simulated(
    root: Path, extent: Extent = NONE, *, grace: str = "4s", **options: Any
) -> AsyncIterator[Place]:
    """Run a simulator in this loop; its providers are polled every second."""
    async with Simulator(7, extent=extent, switches=Switches().unlimited()) as sim:
        document = sim.configuration()
        for provider in document["providers"]:
            provider["interval"] = "1s"
        document |= {
            "archive": {"path": str(root / "archive"), "min_free": 0},
            "catalog": {"url": f"sqlite:///{root / 'catalog.db'}"},
            "server": {"listen": "127.0.0.1:0"},
            "log": {"format": "json", "level": "debug"},
            "shutdown_grace": grace,
            **options,
        }
        place = Place(sim, root, document)
        place.write()
        yield place


@asynccontextmanager
async def running(place: Place, environ: Mapping[str, str] | None = None) -> AsyncIterator[Daemon]:
    """Run the daemon; it is killed at the end, unless it ended by itself."""
    arguments = ["--config", str(place.file), "run"]
    env = {**os.environ, **place.sim.environment(), **(environ or {})}
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as heard, os.fdopen(writing, "wb") as stderr:
        async with anyio.create_task_group() as group:
            with forked.started(
                arguments, cwd=place.root, env=env, out=stderr, err=stderr
            ) as process:
                stderr.close()
                daemon = Daemon(process, heard)
                group.start_soon(daemon.listen)
                yield daemon


@asynccontextmanager
async def under_way(place: Place) -> AsyncIterator[tuple[Daemon, str, int]]:
    """Run the daemon until it is in the middle of a large file; yields its key and size."""
    recording = place.add_recording(size=6 * MIB)
    key, size = recording.video.key, recording.video.content.size
    place.sim.faults.add(key, Fault(flaw=Flaw.STALL, at=4 * MIB, seconds=PATIENCE))
    async with running(place) as daemon:
        await daemon.says("file.started")
        with anyio.fail_after(PATIENCE):
            while place.sim.journal.bytes_served[key] < 4 * MIB or _held(place) < 3 * MIB:  # noqa: ASYNC110 - a disk rings no bell
                await anyio.sleep(0.02)
        yield daemon, key, size


def _held(place: Place) -> int:
    parts = (place.root / "archive" / ".reelkeep" / "parts").rglob("*")
    return max((path.stat().st_size for path in parts if path.is_file()), default=0)


def _durable(place: Place) -> int:
    notes = (place.root / "archive" / ".reelkeep" / "parts").glob("*.json")
    return max((note.durable for path in notes if (note := decode(path.read_bytes()))), default=0)


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_it_archives_what_there_is_and_stops_in_order(tmp_path: Path) -> None:
    extent = Extent(recordings=5, meetings=5, sessions=3, odd=False)
    async with simulated(tmp_path, extent) as place, running(place) as daemon:
        with anyio.fail_after(PATIENCE):
            while place.missing():
                await daemon.says(
                    "recording.published", len(daemon.named("recording.published")) + 1
                )
        daemon.tell(signal.SIGTERM)
        assert await daemon.ends() == 0
        assert daemon.complaints == []
        assert daemon.lines[0]["event"] == "daemon.started"
        assert daemon.lines[-1]["event"] == "daemon.stopped"


async def test_what_appears_later_is_archived_too(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        await daemon.says("poll.completed", 3)
        place.add_recording()
        await daemon.says("recording.acknowledged")
        assert not place.missing()


async def test_its_pages_answer(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        url = await daemon.url()
        await daemon.says("poll.completed", 3)
        pages = {
            path: await get(url + path)
            for path in ("/healthz", "/readyz", "/api/v1/status", "/metrics", "/metrics")
        }
    assert {path: code for path, (code, _) in pages.items()} == dict.fromkeys(pages, 200)
    document = json.loads(pages["/api/v1/status"][1])
    assert {line["name"] for line in document["providers"]} == {"support", "meetings", "sdk"}
    assert 'reelkeep_polls_completed_total{provider="sdk"}' in pages["/metrics"][1]
    assert "reelkeep_free_bytes" in pages["/metrics"][1]


async def test_it_answers_on_a_unix_socket(tmp_path: Path) -> None:
    at = SocketFile(tmp_path / "pages")
    async with (
        simulated(tmp_path, server={"listen": str(at)}) as place,
        running(place) as daemon,
    ):
        assert (await daemon.says("server.listening"))[0]["path"] == str(at.path)
        status, body = await to_thread.run_sync(ask, at, "/api/v1/status")
        assert (status, json.loads(body)["archive"]) == (200, str(tmp_path / "archive"))
        daemon.tell(signal.SIGTERM)
        assert await daemon.ends() == 0
    assert not await anyio.Path(at.path).exists()


async def test_a_provider_that_stays_broken_makes_it_unready(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place:
        place.sim.faults.add("GET /G2A/*", status(500, times=None))
        async with running(place) as daemon:
            url = await daemon.url()
            await daemon.says("poll.failed")
            with anyio.fail_after(PATIENCE):
                while (answer := await get(f"{url}/readyz"))[0] == 200:  # noqa: ASYNC110 - its clock rings no bell
                    await anyio.sleep(0.1)
    assert answer[0] == 503
    assert "support" in answer[1]


@pytest.mark.parametrize("after_reload", [False, True])
async def test_systemd_hears_that_it_is_ready_and_that_it_stops(
    tmp_path: Path, after_reload: bool
) -> None:
    path = tmp_path / "notify"
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(simulated(tmp_path))
        socket = await stack.enter_async_context(
            await anyio.create_unix_datagram_socket(local_path=path)
        )
        environ = {"NOTIFY_SOCKET": str(path)}
        daemon = await stack.enter_async_context(running(place, environ))
        heard: set[str] = set()
        with anyio.fail_after(PATIENCE):
            while not {"READY=1", "STATUS=0 in flight, 0 pending, 0.0 MB/s"} <= heard:
                heard.add((await socket.receive())[0].decode())
            if after_reload:
                place.write(shutdown_grace="9s")
                daemon.tell(signal.SIGHUP)
                await daemon.says("config.reloaded")
            daemon.tell(signal.SIGINT)
            while "STOPPING=1" not in heard:
                heard.add((await socket.receive())[0].decode())
            assert "EXTEND_TIMEOUT_USEC=60000000" in heard  # while it started
            wished = (9 if after_reload else 4) + 30  # the grace in force, and then some
            while f"EXTEND_TIMEOUT_USEC={wished}000000" not in heard:
                heard.add((await socket.receive())[0].decode())
        assert await daemon.ends() == 0


async def test_a_stop_in_the_middle_keeps_its_word_and_the_bytes(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place:
        async with under_way(place) as (daemon, key, size):
            began = anyio.current_time()
            daemon.tell(signal.SIGTERM)
            assert await daemon.ends() == 0
            assert anyio.current_time() - began <= 4.5
        place.sim.faults.clear()
        async with running(place) as daemon:
            (resumed,) = await daemon.says("file.resumed")
            await daemon.says("recording.archived")
        assert resumed["offset"] >= 3 * MIB
        assert place.sim.journal.bytes_served[key] <= size + BUFFERS
        assert not place.missing()


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path, grace="10m") as place, under_way(place) as (daemon, _, _):
        daemon.tell(signal.SIGTERM)
        await daemon.says("daemon.stopping")
        daemon.tell(signal.SIGTERM)
        assert await daemon.ends() != 0


async def test_bug_18_a_kill_in_the_middle_costs_no_more_than_the_buffers(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place:
        async with under_way(place) as (daemon, key, size):
            with anyio.fail_after(PATIENCE):
                while _durable(place) < 3 * MIB:  # noqa: ASYNC110 - a disk rings no bell
                    await anyio.sleep(0.02)
            daemon.tell(signal.SIGKILL)
            assert await daemon.ends() == -signal.SIGKILL
        place.sim.faults.clear()
        async with running(place) as daemon:
            await daemon.says("catalog.recovered")
            (resumed,) = await daemon.says("file.resumed")
            await daemon.says("recording.archived")
        assert resumed["offset"] >= 3 * MIB
        assert place.sim.journal.bytes_served[key] <= size + BUFFERS
        assert not place.missing()


async def test_a_provider_that_is_removed_is_asked_no_more(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        await daemon.says("poll.completed", 3)
        place.write(providers=place.document["providers"][:1])
        daemon.tell(signal.SIGHUP)
        (line,) = await daemon.says("config.reloaded")
        assert line["providers"] == ["support"]
        assert line["applied"] == ["providers.meetings (removed)", "providers.sdk (removed)"]
        before = len(daemon.lines)
        polls = len(daemon.named("poll.completed"))
        await daemon.says("poll.completed", polls + 3)
        later = [line for line in daemon.lines[before:] if line["event"] == "poll.completed"]
        assert {line["provider"] for line in later} == {"support"}
        answer = await get(f"{await daemon.url()}/api/v1/status")
        assert [line["name"] for line in json.loads(answer[1])["providers"]] == ["support"]
        daemon.tell(signal.SIGTERM)
        assert await daemon.ends() == 0
        assert daemon.complaints == []


async def test_a_transfer_outlives_a_reload_and_obeys_it(tmp_path: Path) -> None:
    """On one connection: at the old bandwidth, it would take minutes."""
    slow = {"bandwidth": "64KiB", **ONE}
    async with simulated(tmp_path, downloads=slow) as place:
        everyone = place.document["providers"]
        place.write(providers=everyone[:1])
        video = place.add_recording(size=20 * MIB).video
        async with running(place) as daemon:
            await daemon.says("file.started")
            place.write(downloads={"workers": 3, **ONE})
            daemon.tell(signal.SIGHUP)
            (line,) = await daemon.says("config.reloaded")
            assert daemon.named("file.stored") == []
            assert line["applied"] == [
                "downloads.workers",
                "downloads.bandwidth",
                "providers.meetings (added)",
                "providers.sdk (added)",
            ]
            await daemon.says("recording.archived")
            with anyio.fail_after(PATIENCE):
                while {each["provider"] for each in daemon.named("poll.completed")} != {
                    each["name"] for each in everyone
                }:
                    await daemon.says("poll.completed", len(daemon.named("poll.completed")) + 1)
            assert daemon.complaints == []
        assert place.sim.journal.downloads[video.key] == 1
        assert daemon.named("file.resumed") == daemon.named("file.retry") == []
        assert not place.missing()


async def test_a_transfer_outlives_its_provider_in_the_configuration(tmp_path: Path) -> None:
    async with simulated(tmp_path, downloads={"bandwidth": "64KiB", **ONE}) as place:
        video = place.add_recording(size=20 * MIB).video
        async with running(place) as daemon:
            await daemon.says("file.started")
            place.write(providers=place.document["providers"][1:], downloads=ONE)
            daemon.tell(signal.SIGHUP)
            await daemon.says("config.reloaded")
            await daemon.says("file.stored")
            daemon.tell(signal.SIGTERM)
            assert await daemon.ends() == 0
        assert place.sim.journal.downloads[video.key] == 1


async def test_another_level_of_the_log_holds_at_once(tmp_path: Path) -> None:
    quiet = {"format": "json", "level": "error"}
    async with simulated(tmp_path, log=quiet) as place, running(place) as daemon:
        with anyio.fail_after(PATIENCE):
            while not place.sim.journal.calls:  # noqa: ASYNC110 - a simulator rings no bell
                await anyio.sleep(0.02)
        assert daemon.lines == []
        place.write(log={"format": "json", "level": "info"})
        daemon.tell(signal.SIGHUP)
        (line,) = await daemon.says("config.reloaded")
        assert line["applied"] == ["log.level"]


async def test_an_unchanged_configuration_lets_transfers_be_and_polls_at_once(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as place:
        for provider in place.document["providers"]:
            provider["interval"] = "1h"
        place.write()
        async with under_way(place) as (daemon, _, _):
            await daemon.says("poll.completed", 3)
            daemon.tell(signal.SIGHUP)
            await daemon.says("config.reloaded")
            await daemon.says("poll.completed", 6)
            assert daemon.named("file.resumed") == []
            assert len(daemon.named("daemon.ready")) == 1


async def test_an_invalid_configuration_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        await daemon.says("poll.completed", 3)
        place.write(nonsense=1)
        daemon.tell(signal.SIGHUP)
        (line,) = await daemon.says("config.rejected")
        assert "nonsense" in line["reason"]
        place.add_recording()
        await daemon.says("recording.archived")


async def test_what_cannot_change_meanwhile_is_told_and_stays(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as daemon:
        await daemon.says("poll.completed", 3)
        elsewhere = {"path": str(tmp_path / "elsewhere"), "min_free": "1KiB"}
        place.write(archive=elsewhere, server={"listen": None})
        for times in (1, 2):
            daemon.tell(signal.SIGHUP)
            line = (await daemon.says("config.reloaded", times))[-1]
            assert line["needs_restart"] == ["archive.path", "server.listen"]
            assert line["applied"] == (["archive.min_free"] if times == 1 else [])
        place.add_recording()
        await daemon.says("recording.archived")
        assert not place.missing()
        assert (await get(f"{await daemon.url()}/healthz"))[0] == 200


async def test_two_daemons_do_not_share_an_archive(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as first:
        await first.says("daemon.ready")
        async with running(place) as second:
            assert await second.ends() == 75
        said = f"{second.foreign} {second.lines}"
        assert f"process {first.process.pid}" in said


async def test_two_daemons_do_not_share_a_catalog(tmp_path: Path) -> None:
    async with simulated(tmp_path) as place, running(place) as first:
        await first.says("daemon.ready")
        place.write(archive={"path": str(tmp_path / "another"), "min_free": 0})
        async with running(place) as second:
            assert await second.ends() == 75


@pytest.mark.parametrize("flaw", [{"nonsense": 1}, {"providers": []}])
async def test_an_invalid_configuration_is_no_start(tmp_path: Path, flaw: dict[str, Any]) -> None:
    async with simulated(tmp_path) as place:
        place.write(**flaw)
        async with running(place) as daemon:
            assert await daemon.ends() == 78


async def test_a_daemon_archives_while_its_address_is_taken_and_listens_later(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path) as place, running(place) as first:
        taken = (await first.url()).removeprefix("http://")
        elsewhere = {"path": str(tmp_path / "another"), "min_free": 0}
        catalog = {"url": f"sqlite:///{tmp_path / 'another.db'}"}
        place.write(archive=elsewhere, catalog=catalog, server={"listen": taken})
        async with running(place) as second:
            (unavailable, *_) = await second.says("server.unavailable")
            assert "Address already in use" in unavailable["reason"]
            await second.says("daemon.ready")
            first.process.kill()
            (listening, *_) = await second.says("server.listening")
            assert f"{listening['host']}:{listening['port']}" == taken
