"""reelkeep in a container of a real engine: `make test-image`."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import workshop
from image.engine import Docker, engine
from premises import BUFFERS, MIB, NONE, SOME, Premises, events, premises, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300, func_only=True)]

IMAGE = "reelkeep:trial"
BASE = "python-trial"
BASE_PACKAGES = ("python3", "python3-venv", "ca-certificates")
STATE = "/var/lib/reelkeep"
CONFIGURATION = "/etc/reelkeep/reelkeep.yaml"
WATCHWORD = "a-password-for-a-mirror"


@pytest.fixture(scope="session")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """An engine that holds the image, built from this tree upon a base made here."""
    folder = tmp_path_factory.mktemp("build")
    with engine() as docker:
        root = workshop.debian("base", BASE_PACKAGES)
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as tar:
            docker.ok("import", "-", BASE, stdin=tar.stdout)
        settings = folder / "pip.conf"
        settings.write_text(f"# {WATCHWORD}\n[global]\ntimeout = 60\n")
        docker.ok(
            "build", "--tag", IMAGE, "--build-arg", f"BASE={BASE}", "--network=host",
            "--build-context", f"wheels={workshop.wheels()}", "--build-arg", "PIP_NO_INDEX=1",
            "--secret", f"id=pip,src={settings}", workshop.ROOT,
            env={"DOCKER_BUILDKIT": "1"},
        )  # fmt: skip
        yield docker


class Box:
    """Containers of the image, with the same volumes and configuration."""

    def __init__(self, docker: Docker, place: Premises, folder: Path) -> None:
        self.docker = docker
        self.place = place
        self.name = folder.name
        self.volumes = {name: f"{folder.name}-{name}" for name in ("state", "archive")}
        self.file = folder / "reelkeep.yaml"
        self.file.write_text(place.text())
        self.file.chmod(0o644)

    @property
    def archive(self) -> Path:
        return self.docker.volume(self.volumes["archive"])

    @property
    def options(self) -> list[str]:
        secrets = [f"--env={n}={value}" for n, value in self.place.sim.environment().items()]
        return [
            "--network=host", *secrets,
            f"--volume={self.file}:{CONFIGURATION}:ro",
            f"--volume={self.volumes['state']}:{STATE}",
            f"--volume={self.volumes['archive']}:{STATE}/archive",
        ]  # fmt: skip

    def start(self, name: str, *options: str) -> str:
        """Start the daemon, and return the name of its container."""
        container = f"{self.name}-{name}"
        self.docker.ok("run", "--detach", f"--name={container}", *self.options, *options, IMAGE)
        return container

    async def command(self, *command: str, options: tuple[str, ...] = ()) -> Any:
        """Run a command of reelkeep in a container of its own."""
        return await self.docker.call("run", "--rm", *self.options, *options, IMAGE, *command)

    def health(self, container: str) -> str:
        return str(self.docker.inspect(container)["State"]["Health"]["Status"])

    async def says(self, container: str, event: str) -> list[dict[str, Any]]:
        await until(lambda: events(self.docker.log(container), event))
        return events(self.docker.log(container), event)


@asynccontextmanager
async def boxed(docker: Docker, extent: Any, folder: Path) -> AsyncIterator[Box]:
    async with premises(extent, lambda name: {"env": name}) as place:
        box = Box(docker, place, folder)
        yield box
        listed = docker.ok("ps", "--all", "--quiet", f"--filter=name={box.name}-")
        for container in listed.split():
            docker.ok("rm", "--force", container)
        for volume in box.volumes.values():
            docker.run("volume", "rm", volume)


@pytest.fixture
async def box(docker: Docker, tmp_path: Path) -> AsyncIterator[Box]:
    """There is nothing to do yet."""
    async with boxed(docker, NONE, tmp_path) as box:
        yield box


@pytest.fixture
async def busy(docker: Docker, tmp_path: Path) -> AsyncIterator[Box]:
    """There are recordings."""
    async with boxed(docker, SOME, tmp_path) as box:
        yield box


# --- The image ------------------------------------------------------------------------------------


def test_it_says_how_it_is_run(docker: Docker) -> None:
    config = docker.inspect(IMAGE)["Config"]
    assert config["User"] == "10001:10001"
    assert (config["Entrypoint"], config["Cmd"]) == (["reelkeep"], ["run"])
    assert config["Healthcheck"]["Test"] == ["CMD", "reelkeep", "health"]
    assert set(config["Volumes"]) == {STATE, f"{STATE}/archive"}


def test_no_layer_holds_what_the_build_was_told_in_secret(docker: Docker, tmp_path: Path) -> None:
    saved = tmp_path / "image.tar"
    docker.ok("save", "--output", saved, IMAGE)
    assert subprocess.run(["grep", "-q", WATCHWORD, saved], check=False).returncode == 1
    history = docker.ok("history", "--no-trunc", IMAGE)
    assert WATCHWORD not in history


def test_it_adds_little_to_its_base(docker: Docker) -> None:
    size, base = (docker.inspect(name)["Size"] for name in (IMAGE, BASE))
    print(f"image {size / 1e6:.0f} MB, of which base {base / 1e6:.0f} MB")  # noqa: T201 - for whoever asks with -s
    assert size - base < 150e6


async def test_it_holds_neither_pip_nor_what_built_it(docker: Docker) -> None:
    program = (
        "import importlib.util as u; print([n for n in ('pip','hatchling') if u.find_spec(n)])"
    )
    ran = docker.ok("run", "--rm", "--network=none", "--entrypoint=python3", IMAGE, "-c", program)
    assert ran == "[]"


# --- The daemon -----------------------------------------------------------------------------------


async def test_it_becomes_healthy_and_archives(busy: Box) -> None:
    began = time.monotonic()
    container = busy.start("one", "--health-interval=1s")
    await until(lambda: busy.health(container) == "healthy")
    took = time.monotonic() - began
    (ready,) = await busy.says(container, "daemon.ready")
    print(f"run to healthy: {took:.2f} s, of which open: {ready['seconds']} s")  # noqa: T201 - as above
    await until(lambda: not busy.place.missing(busy.archive))


async def test_a_stuck_daemon_is_unhealthy(box: Box) -> None:
    container = box.start("one", "--health-interval=1s", "--health-retries=1")
    await until(lambda: box.health(container) == "healthy")
    os.kill(int(box.docker.inspect(container)["State"]["Pid"]), 19)  # SIGSTOP
    await until(lambda: box.health(container) == "unhealthy")


async def test_a_stop_in_the_middle_of_a_file_costs_no_bytes(box: Box) -> None:
    key, size = box.place.add_stalling()
    first = box.start("first")
    await box.place.stalls(key, box.archive)
    began = time.monotonic()
    assert (await box.docker.call("stop", "--time=30", first)).returncode == 0
    assert time.monotonic() - began < 10
    assert box.docker.inspect(first)["State"]["ExitCode"] == 0
    box.place.sim.faults.clear()
    second = box.start("second")
    (resumed,) = await box.says(second, "file.resumed")
    await box.says(second, "recording.archived")
    assert resumed["offset"] >= 3 * MIB
    assert box.place.sim.journal.bytes_served[key] <= size + BUFFERS


async def test_a_wrong_configuration_ends_with_78(box: Box) -> None:
    box.file.write_text(box.place.text(nonsense=1))
    ran = await box.command("run")
    assert ran.returncode == 78
    assert "nonsense" in ran.stderr


async def test_a_full_volume_is_waited_out(box: Box) -> None:
    volume = box.volumes["archive"]
    small = ("type=tmpfs", "device=tmpfs", "o=size=4m,mode=1777")
    box.docker.ok("volume", "create", *(f"--opt={each}" for each in small), volume)
    container = box.start("one", "--health-interval=1s")
    await until(lambda: box.health(container) == "healthy")
    box.place.add_recording(size=6 * MIB)  # larger than the volume: only this file waits
    await box.says(container, "file.too_large")
    filler = box.archive / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(bytes(MIB // 16)):
            pass
    box.place.add_recording(size=MIB)  # would fit, were the volume not full
    await box.says(container, "disk.low")
    assert box.health(container) == "healthy"
    workshop.run("mount", "-o", "remount,size=64m", box.archive)
    await box.says(container, "disk.recovered")
    await until(lambda: not box.place.missing(box.archive))
    filler.unlink()


# --- As somebody else, and with nothing to write on -----------------------------------------------


@pytest.mark.parametrize("user", ["4321:4321", "0:0", "10001:10001"])
async def test_a_pass_by_any_user_on_a_read_only_root(busy: Box, user: str) -> None:
    strict = (f"--user={user}", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
    ran = await busy.command("sync", options=strict)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert not busy.place.missing(busy.archive)
    owners = {path.stat().st_uid for path in busy.archive.rglob("*")}
    assert owners == {int(user.partition(":")[0])}
    assert (await busy.command("verify", options=strict)).returncode == 0


# --- Compose --------------------------------------------------------------------------------------


async def test_compose_brings_it_up_healthy_with_secrets_from_files(
    busy: Box, tmp_path: Path
) -> None:
    project = tmp_path / "compose"
    (project / "secrets").mkdir(parents=True)
    for name, secret in busy.place.sim.environment().items():
        (project / "secrets" / name).write_text(secret)
    async with premises(SOME, lambda name: {"file": f"/run/secrets/{name}"}) as place:
        (project / "reelkeep.yaml").write_text(place.text())
        example = workshop.ROOT / "config" / "compose.yaml"
        (project / "compose.yaml").write_text(example.read_text("utf-8"))
        names = sorted(place.sim.environment())
        (project / "compose.override.yaml").write_text(override(names))
        compose = ("compose", f"--project-directory={project}")
        up = await busy.docker.call(*compose, "up", "--detach", "--wait", "--no-build")
        assert up.returncode == 0, up.stderr
        archive = busy.docker.volume("compose_archive")
        await until(lambda: not place.missing(archive))
        down = await busy.docker.call(*compose, "down", "--volumes")
        assert down.returncode == 0, down.stderr


def override(secrets: list[str]) -> str:
    """Return what differs here: no bridge, another tag, and the simulator's secrets."""
    listed = ", ".join(secrets)
    sources = "".join(f"  {name}: {{file: ./secrets/{name}}}\n" for name in secrets)
    return (
        f"services:\n  reelkeep:\n    image: {IMAGE}\n    network_mode: host\n"
        f"    ports: !reset []\n    secrets: !override [{listed}]\n"
        f"    healthcheck: {{interval: 1s}}\n"
        f"secrets:\n  zoom: !reset null\n{sources}"
    )
