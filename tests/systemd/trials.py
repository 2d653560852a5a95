"""reelkeep as a service of a real systemd: `make test-systemd`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

import workshop
from premises import BUFFERS, MIB, NONE, SOME, Premises, events, held, premises, until
from reelkeep.core.events import EVENTS
from reelkeep.telemetry.logs import message_id
from systemd.machine import Machine, booted

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300, func_only=True)]

SERVICES = ("reelkeep", "reelkeep-sync", "reelkeep-verify")
DROP_IN = "/run/systemd/system/reelkeep.service.d/trial.conf"
CONFIGURATION = "/etc/reelkeep/reelkeep.yaml"
CREDENTIALS = "/etc/reelkeep/credentials"
STATE = "/var/lib/reelkeep"
TREE = "/srv/tree"


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which reelkeep was installed from its wheel."""
    folder = tmp_path_factory.mktemp("machine")
    wheel = workshop.own_wheel(folder)
    with booted(folder) as machine:
        tree = machine.path(TREE)
        shutil.copytree(workshop.ROOT / "systemd", tree / "systemd")
        shutil.copytree(workshop.ROOT / "config", tree / "config")
        shutil.copy(workshop.ROOT / "constraints.txt", tree)
        shutil.copytree(workshop.wheels(), machine.path("/srv/wheels"))
        shutil.copy(wheel, machine.path("/srv/wheels"))
        install(machine, wheel.name)
        yield machine


def install(machine: Machine, wheel: str, *environ: str) -> None:
    """Install as an operator without a network would."""
    offline = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/srv/wheels", *environ)
    machine.ok("env", *offline, f"{TREE}/systemd/install", f"/srv/wheels/{wheel}")


class Service:
    """The daemon as a unit, and the providers that it looks after."""

    def __init__(self, machine: Machine, place: Premises) -> None:
        self.machine = machine
        self.place = place
        self.archive = machine.path(f"{STATE}/archive")

    def write(self, text: str | None = None, **changes: Any) -> None:
        """Write the configuration."""
        self.machine.path(CONFIGURATION).write_text(
            self.place.text(**changes) if text is None else text
        )
        self.machine.ok("systemd-tmpfiles", "--create", "/usr/local/lib/tmpfiles.d/reelkeep.conf")

    def drop_in(self, text: str) -> None:
        """Change the unit for one trial."""
        path = self.machine.path(DROP_IN)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[Service]\n{text}\n")
        self.machine.ok("systemctl", "daemon-reload")

    async def does(self, verb: str) -> None:
        """Let systemd do something with the unit, which has to succeed."""
        ran = await self.machine.call("systemctl", verb, "reelkeep")
        assert ran.returncode == 0, ran.stderr + self.machine.ok("journalctl", "-n", "50")

    async def refuses(self, verb: str) -> bool:
        """Let systemd do something with the unit; return whether that failed."""
        return (await self.machine.call("systemctl", verb, "reelkeep")).returncode != 0

    def show(self, name: str) -> str:
        return self.machine.show("reelkeep", name)[name]

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return what the journal has of `event`, since this trial began."""
        lines = [str(line["MESSAGE"]) for line in self.machine.journal("reelkeep")]
        return events("\n".join(lines), event)

    async def says(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        await until(lambda: len(self.said(event)) >= times)
        return self.said(event)

    def clear(self) -> None:
        """Take away whatever an earlier trial left."""
        machine = self.machine
        machine.run("systemctl", "stop", "reelkeep")
        machine.run("systemctl", "reset-failed", "reelkeep")
        machine.path(DROP_IN).unlink(missing_ok=True)
        machine.ok("systemctl", "daemon-reload")
        shutil.rmtree(machine.path(STATE), ignore_errors=True)
        machine.ok("sh", "-c", "journalctl --rotate && journalctl --vacuum-time=1us")
        for path in machine.path(CREDENTIALS).iterdir():
            path.unlink()


@asynccontextmanager
async def serving(machine: Machine, extent: Any) -> AsyncIterator[Service]:
    async with premises(extent, lambda name: {"credential": f"reelkeep_{name}"}) as place:
        service = Service(machine, place)
        service.clear()
        for name, secret in place.sim.environment().items():
            machine.path(f"{CREDENTIALS}/{name}").write_text(secret)
        service.write()
        yield service
        machine.run("systemctl", "stop", "reelkeep")


@pytest.fixture
async def service(machine: Machine) -> AsyncIterator[Service]:
    """A service that is not started; there is nothing to do for it yet."""
    async with serving(machine, NONE) as service:
        yield service


@pytest.fixture
async def busy(machine: Machine) -> AsyncIterator[Service]:
    """A service that is not started; there are recordings."""
    async with serving(machine, SOME) as service:
        yield service


# --- The units ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_understood_and_its_sandbox_tight(machine: Machine, name: str) -> None:
    machine.ok("systemd-analyze", "verify", "--recursive-errors=yes", f"{name}.service")
    rated = machine.ok("systemd-analyze", "security", "--threshold=15", "--no-pager", name)
    print(rated.splitlines()[-1])  # noqa: T201 - for whoever asks for the score with -s


async def test_it_is_ready_when_the_start_returns(service: Service) -> None:
    began = time.monotonic()
    await service.does("start")
    took = time.monotonic() - began
    (ready,) = service.said("daemon.ready")
    print(f"start to ready: {took:.2f} s, of which open: {ready['seconds']} s")  # noqa: T201 - as above
    await until(lambda: service.show("StatusText") == "0 in flight, 0 pending, 0.0 MB/s")
    assert service.show("ActiveState") == "active"
    assert (await service.machine.calls("reelkeep", "health")).endswith("is healthy\n")


async def test_it_archives_with_its_credentials_as_its_own_user(busy: Service) -> None:
    await busy.does("start")
    await until(lambda: not busy.place.missing(busy.archive))
    ids = {(path.stat().st_uid, path.stat().st_mode & 0o007) for path in busy.archive.rglob("*")}
    assert ids == {(int(busy.machine.ok("id", "-u", "reelkeep")), 0)}
    secret = next(busy.machine.path(CREDENTIALS).iterdir())
    assert secret.stat().st_mode & 0o777 == 0o600
    assert busy.machine.run(
        "setpriv", "--reuid=reelkeep", "cat", f"{CREDENTIALS}/{secret.name}"
    ).returncode


async def test_the_journal_has_its_events_with_their_fields(busy: Service) -> None:
    await busy.does("start")
    stored = await busy.says("file.stored", len(busy.place.sim.world.expected()))
    assert {line["sha256"] for line in stored} == {
        each.sha256 for each in busy.place.sim.world.expected()
    }
    assert {"timestamp", "level", "provider", "recording", "file", "bytes"} <= stored[0].keys()
    lines = [line for line in busy.machine.journal("reelkeep") if "_EXE" in line]
    ours = [line for line in lines if line["MESSAGE"].startswith("{")]
    assert {line["_SYSTEMD_UNIT"] for line in ours} == {"reelkeep.service"}
    assert {line["SYSLOG_IDENTIFIER"] for line in ours} == {"reelkeep"}
    ready = next(line for line in ours if line["REELKEEP_EVENT"] == "daemon.ready")
    assert (ready["PRIORITY"], ready["MESSAGE_ID"]) == ("6", message_id("daemon.ready"))
    secrets = busy.place.sim.environment().values()
    assert not [line for line in lines for secret in secrets if secret in line["MESSAGE"]]


# --- Reload ---------------------------------------------------------------------------------------


def test_the_journal_can_explain_its_events(machine: Machine) -> None:
    listed = machine.ok("journalctl", "--list-catalog", message_id("disk.low"))
    assert EVENTS["disk.low"].meaning in listed


async def test_a_good_configuration_is_put_in_force_by_a_reload(service: Service) -> None:
    await service.does("start")
    pid = service.show("MainPID")
    service.write(providers=service.place.document["providers"][:1])
    await service.does("reload")
    (line,) = await service.says("config.reloaded")
    assert line["providers"] == ["support"]
    await until(lambda: service.show("ActiveState") == "active")
    assert service.show("MainPID") == pid


async def test_a_bad_configuration_fails_the_reload_and_nothing_else(service: Service) -> None:
    await service.does("start")
    pid = service.show("MainPID")
    service.write(nonsense=1)
    assert await service.refuses("reload")
    (line,) = await service.says("config.rejected")
    assert "nonsense" in line["reason"]
    assert (service.show("ActiveState"), service.show("MainPID")) == ("active", pid)
    service.place.add_recording()
    await service.says("recording.archived")


# --- Trouble --------------------------------------------------------------------------------------


async def test_a_stuck_process_is_ended_and_started_again(service: Service) -> None:
    service.drop_in("WatchdogSec=3s\nRestartSec=100ms")
    await service.does("start")
    pid = service.show("MainPID")
    await service.machine.calls("sh", "-c", f"kill -STOP {pid}")
    await until(lambda: service.show("NRestarts") == "1" and service.show("SubState") == "running")
    assert service.show("MainPID") != pid
    told = [line["MESSAGE"] for line in service.machine.journal("reelkeep")]
    assert any("Watchdog timeout" in line for line in told)
    service.place.add_recording()
    await service.says("recording.archived")


async def test_a_stop_in_the_middle_of_a_file_costs_no_bytes(service: Service) -> None:
    key, size = service.place.add_stalling()
    await service.does("start")
    await service.place.stalls(key, service.archive)
    began = time.monotonic()
    await service.does("stop")
    assert time.monotonic() - began < 10
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    assert service.said("daemon.stopped")
    service.place.sim.faults.clear()
    await service.does("start")
    (resumed,) = await service.says("file.resumed")
    await service.says("recording.archived")
    assert resumed["offset"] >= 3 * MIB
    assert service.place.sim.journal.bytes_served[key] <= size + BUFFERS


@pytest.mark.parametrize("flaw", [{"nonsense": 1}, {"providers": []}], ids=str)
async def test_a_wrong_configuration_is_no_start_and_not_tried_again(
    service: Service, flaw: dict[str, Any]
) -> None:
    service.drop_in("RestartSec=100ms")
    service.write(**flaw)
    assert await service.refuses("start")
    await stays_failed(service)


async def test_a_missing_credential_is_a_wrong_configuration(service: Service) -> None:
    service.drop_in("RestartSec=100ms")
    service.machine.path(f"{CREDENTIALS}/SIM_ZOOM_SECRET").unlink()
    assert await service.refuses("start")
    await stays_failed(service)
    told = [str(line["MESSAGE"]) for line in service.machine.journal("reelkeep")]
    assert any("reelkeep_SIM_ZOOM_SECRET" in line for line in told)


async def stays_failed(service: Service) -> None:
    await until(lambda: service.show("ActiveState") == "failed")
    await service.machine.calls("sleep", "1")  # many times RestartSec=
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("failed", "0")
    assert service.show("ExecMainStatus") == "78"


async def test_it_waits_for_whoever_holds_the_archive(service: Service) -> None:
    service.drop_in("RestartSec=100ms")
    await service.does("start")
    await service.does("stop")
    lock = f"{STATE}/catalog.db.lock"
    holder = ("systemd-run", "--quiet", "--unit=holder", "flock", lock, "sleep", "infinity")
    await service.machine.calls(*holder)
    await service.machine.calls("systemctl", "start", "--no-block", "reelkeep")
    await until(lambda: int(service.show("NRestarts")) >= 2)
    assert service.show("ExecMainStatus") in ("0", "75")
    await service.machine.calls("systemctl", "stop", "holder")
    await until(lambda: service.show("ActiveState") == "active")


# --- What the manual says of drop-ins -------------------------------------------------------------


async def test_an_archive_elsewhere_has_to_be_let_through(service: Service) -> None:
    archive = service.machine.path("/srv/recordings")
    archive.mkdir(exist_ok=True)
    service.machine.ok("chown", "reelkeep:", "/srv/recordings")
    service.write(archive={"path": "/srv/recordings", "min_free": 0})
    assert await service.refuses("start")
    assert service.show("ExecMainStatus") == "78"
    service.drop_in("ReadWritePaths=/srv/recordings")
    await service.does("start")
    service.place.add_recording()
    await service.says("recording.archived")
    assert not service.place.missing(archive)


async def test_a_secret_may_be_encrypted_on_disk(service: Service) -> None:
    machine, name = service.machine, "SIM_ZOOM_SECRET"
    plain, sealed = f"{CREDENTIALS}/{name}", "/etc/reelkeep/zoom.cred"
    machine.ok("systemd-creds", "encrypt", "--with-key=host", "--name=zoom-secret", plain, sealed)
    machine.path(plain).unlink()
    service.drop_in(f"LoadCredentialEncrypted=zoom-secret:{sealed}")
    service.write(service.place.text().replace(f"reelkeep_{name}", "zoom-secret"))
    await service.does("start")
    assert await service.says("poll.completed", 3)
    assert service.said("poll.failed") == []
    await service.does("reload")
    await machine.calls("reelkeep", "check")


# --- Without a daemon, and by hand ----------------------------------------------------------------


async def test_a_pass_and_a_verification_are_units_too(busy: Service) -> None:
    await busy.machine.calls("systemctl", "start", "reelkeep-sync")
    assert not busy.place.missing(busy.archive)
    await busy.machine.calls("systemctl", "start", "reelkeep-verify")
    video = next(path for path in busy.archive.rglob("*.mp4"))
    video.write_bytes(b"damaged")
    assert (await busy.machine.call("systemctl", "start", "reelkeep-verify")).returncode
    assert busy.machine.show("reelkeep-verify", "ExecMainStatus")["ExecMainStatus"] == "1"
    told = [str(line["MESSAGE"]) for line in busy.machine.journal("reelkeep-verify")]
    assert any(video.name in line for line in told)
    busy.machine.ok("systemctl", "reset-failed")


def test_the_timers_are_understood(machine: Machine) -> None:
    for name in ("reelkeep-sync", "reelkeep-verify"):
        machine.ok("systemctl", "enable", "--now", f"{name}.timer")
        assert machine.show(f"{name}.timer", "ActiveState")["ActiveState"] == "active"
        machine.ok("systemctl", "disable", "--now", f"{name}.timer")


async def test_what_root_runs_by_hand_runs_as_the_service_does(busy: Service) -> None:
    ran = await busy.machine.call("reelkeep", "sync")
    assert ran.returncode == 0, ran.stderr
    assert not busy.place.missing(busy.archive)
    status = json.loads(await busy.machine.calls("reelkeep", "status", "--json"))
    assert sum(line["stored"] for line in status["providers"]) == len(
        busy.place.sim.world.expected()
    )
    assert (await busy.machine.call("reelkeep", "-c", "/nowhere", "check")).returncode == 78
    owners = {path.stat().st_uid for path in busy.machine.path(STATE).rglob("*")}
    assert owners == {int(busy.machine.ok("id", "-u", "reelkeep"))}


async def test_what_root_runs_by_hand_ends_in_order_when_it_is_interrupted(
    service: Service,
) -> None:
    key, _ = service.place.add_stalling()
    machine, codes = service.machine, list[int]()

    async def by_hand() -> None:
        ran = await machine.call("sh", "-c", "echo $$ > /run/by-hand; exec reelkeep sync")
        codes.append(ran.returncode)

    async with anyio.create_task_group() as group:
        group.start_soon(by_hand)
        await service.place.stalls(key, service.archive)
        await machine.calls("sh", "-c", "kill -INT $(cat /run/by-hand)")
    assert codes == [1]
    units = machine.ok("systemctl", "list-units", "--all", "reelkeep-by-hand-*")
    assert "0 loaded units" in units
    assert held(service.archive) >= 3 * MIB


# --- Upgrade and removal, at the end --------------------------------------------------------------


async def test_an_upgrade_takes_the_place_of_the_running_one_and_can_be_removed(
    service: Service,
) -> None:
    machine = service.machine
    await service.does("start")
    pid, before = service.show("MainPID"), machine.path("/opt/reelkeep/current").readlink()
    wheel = next(machine.path("/srv/wheels").glob("reelkeep-*")).name
    install(machine, wheel, "PIP_NO_COMPILE=1")  # it need not start quickly
    await service.says("daemon.ready", 2)
    assert service.show("MainPID") != pid
    assert machine.path("/opt/reelkeep/current").readlink() != before
    machine.ok(f"{TREE}/systemd/install", "--remove")
    assert machine.show("reelkeep", "LoadState")["LoadState"] == "not-found"
    assert not machine.path("/opt/reelkeep").exists()
    assert machine.run("sh", "-c", "command -v reelkeep").returncode
    assert machine.path(f"{STATE}/catalog.db").exists()
    assert machine.path(CONFIGURATION).exists()
