"""A Docker engine of our own, out of Debian's packages: without registry and bridge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio

import workshop

SUITE = "trixie"
"""Docker 26 with buildx and compose; the engine before it knows no build secrets."""

PACKAGES = ("docker.io", "docker-cli", "containerd", "docker-buildx", "docker-compose")
PLUGINS = "usr/libexec/docker/cli-plugins"
START_SECONDS = 60
STOP_SECONDS = 30


class Docker:
    """The client of an engine."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.data = folder / "data"
        self._docker = programs / "usr/bin/docker"
        self._environ = {
            **os.environ,
            "DOCKER_HOST": f"unix://{folder}/docker.sock",
            "DOCKER_CONFIG": str(folder / "config"),
        }

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `docker` with these arguments."""
        command = [self._docker, *arguments]
        environ = {**self._environ, **options.pop("env", {})}
        return subprocess.run(
            command, check=False, capture_output=True, text=True, env=environ, **options
        )

    def ok(self, *arguments: str | Path, **options: Any) -> str:
        """Run `docker`, which has to succeed, and return what it prints."""
        ran = self.run(*arguments, **options)
        assert ran.returncode == 0, f"{arguments}: {ran.stdout[-3000:]}{ran.stderr[-5000:]}"
        return ran.stdout.strip()

    async def call(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run `docker` while this loop goes on, with the simulator in it."""
        return await anyio.to_thread.run_sync(lambda: self.run(*arguments))

    def inspect(self, thing: str) -> dict[str, Any]:
        """Return all that the engine knows of a container, an image or a volume."""
        (found,) = json.loads(self.ok("inspect", thing))
        assert isinstance(found, dict)
        return found

    def log(self, container: str) -> str:
        """Return what a container has said on stderr."""
        return self.run("logs", container).stderr

    def volume(self, name: str) -> Path:
        """Return where the files of a volume are."""
        return self.data / "volumes" / name / "_data"


@contextmanager
def engine() -> Iterator[Docker]:
    """Run an engine of our own; its images and volumes are gone with it."""
    programs = workshop.kept(f"docker-{SUITE}", " ".join(PACKAGES), _fetch)
    workshop.require("runc", "runc")
    workshop.require("iptables", "iptables")  # it looks for it, even to leave it alone
    with TemporaryDirectory(prefix="reelkeep-engine-") as name:
        folder = Path(name)
        shutil.copytree(programs / PLUGINS, folder / "config" / "cli-plugins")
        dockerd = _begin(programs, folder)
        try:
            docker = Docker(programs, folder)
            up = workshop.wait_for(lambda: docker.run("version").returncode == 0, START_SECONDS)
            assert up, (folder / "dockerd.log").read_text("utf-8", "replace")
            yield docker
            for container in docker.ok("ps", "--all", "--quiet").split():
                docker.run("rm", "--force", "--volumes", container)
        finally:
            _end(dockerd)
            namespace = folder / "exec" / "netns" / "default"
            subprocess.run(["umount", namespace], check=False, capture_output=True)
            workshop.forget_groups(folder.name)


def _begin(programs: Path, folder: Path) -> subprocess.Popen[bytes]:
    path = f"{programs}/usr/bin:{programs}/usr/sbin:{os.environ['PATH']}"
    with (folder / "dockerd.log").open("w") as log:
        return subprocess.Popen(
            _command(programs, folder),
            env={**os.environ, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _end(dockerd: subprocess.Popen[bytes]) -> None:
    dockerd.terminate()
    try:
        dockerd.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        dockerd.kill()
        dockerd.wait()


def _command(programs: Path, folder: Path) -> Sequence[str | Path]:
    return [
        programs / "usr/sbin/dockerd",
        f"--host=unix://{folder}/docker.sock",
        f"--data-root={folder}/data",
        f"--exec-root={folder}/exec",
        f"--pidfile={folder}/dockerd.pid",
        f"--cgroup-parent=/{folder.name}",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
        "--default-ulimit=nofile=8192:8192",
    ]


def _fetch(new: Path) -> None:
    """Unpack the packages of the engine into `new`; apt's own state is not touched."""
    apt = new / "apt"
    for name in ("lists/partial", "cache/archives/partial", "packages"):
        (apt / name).mkdir(parents=True)
    keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
    sources = apt / "sources.list"
    sources.write_text(f"deb [signed-by={keys}] {workshop.mirror()} {SUITE} main\n")
    options = (
        f"Dir::Etc::sourcelist={sources}",
        "Dir::Etc::sourceparts=/dev/null",
        f"Dir::State::lists={apt}/lists",
        f"Dir::Cache={apt}/cache",
        "APT::Sandbox::User=root",
    )
    get = ("apt-get", "-qq", *(word for option in options for word in ("-o", option)))
    workshop.run(*get, "update")
    workshop.run(*get, "download", *PACKAGES, cwd=apt / "packages")
    for package in (apt / "packages").glob("*.deb"):
        workshop.run("dpkg-deb", "--extract", package, new)
    shutil.rmtree(apt)
