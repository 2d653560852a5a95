"""A machine with a systemd of its own, booted in a container on this machine's network."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio

import workshop

PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv")
BOOT_SECONDS = 60
HALT_SECONDS = 30


class Machine:
    """A running machine; what it changes is gone with it."""

    def __init__(self, nspawn: int, init: int) -> None:
        self._nspawn = nspawn
        self._enter = ["nsenter", "-t", str(init), "-m", "-u", "-i", "-p", "-C", "--"]
        self.root = Path(f"/proc/{init}/root")

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command there, and wait for it."""
        return subprocess.run(
            [*self._enter, *command], check=False, capture_output=True, text=True, **options
        )

    def ok(self, *command: str, **options: Any) -> str:
        """Run a command there that has to succeed, and return what it prints."""
        ran = self.run(*command, **options)
        assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    async def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command there while this loop goes on, with the simulator in it."""
        return await anyio.to_thread.run_sync(lambda: self.run(*command))

    async def calls(self, *command: str) -> str:
        """Run a command there that has to succeed, while this loop goes on."""
        return await anyio.to_thread.run_sync(lambda: self.ok(*command))

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        """Return properties of a unit."""
        lines = self.ok("systemctl", "show", unit, f"--property={','.join(properties)}")
        return dict(line.split("=", 1) for line in lines.splitlines())

    def journal(self, unit: str) -> list[dict[str, Any]]:
        """Return what the journal has of a unit since it was rotated last."""
        lines = self.ok("journalctl", "--output=json", f"--unit={unit}", "--boot")
        return [json.loads(line) for line in lines.splitlines()]

    def path(self, inside: str) -> Path:
        """Return where a path of the machine is, seen from here."""
        return self.root / inside.removeprefix("/")


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot a machine; its console is written into `folder`."""
    workshop.require("systemd-nspawn", "systemd-container")
    root = workshop.debian("root", PACKAGES)
    alone = () if Path("/run/systemd/system").is_dir() else ("--register=no", "--keep-unit")
    command = [
        "systemd-nspawn", "--quiet", "--boot", f"--directory={root}", "--volatile=overlay",
        f"--machine=reelkeep-{os.getpid()}", "--console=pipe", "--link-journal=no",
        "--resolv-conf=off", "--timezone=off", *alone,
    ]  # fmt: skip
    with (folder / "console").open("w") as console:
        nspawn = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _started(nspawn, folder / "console")
    finally:
        _halt(nspawn)
        workshop.forget_groups("payload")


def _started(nspawn: subprocess.Popen[bytes], console: Path) -> Machine:
    def machine() -> Machine | None:
        assert nspawn.poll() is None, console.read_text("utf-8", "replace")
        children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children").read_text().split()
        if not children:
            return None
        found = Machine(nspawn.pid, int(children[0]))
        state = found.run("systemctl", "is-system-running").stdout.strip()
        return found if state in ("running", "degraded") else None

    found = workshop.wait_for(machine, BOOT_SECONDS)
    assert found is not None, console.read_text("utf-8", "replace")
    return found


def _halt(nspawn: subprocess.Popen[bytes]) -> None:
    nspawn.terminate()  # nspawn asks its init to power off
    try:
        nspawn.wait(HALT_SECONDS)
    except subprocess.TimeoutExpired:
        nspawn.kill()
        nspawn.wait()
