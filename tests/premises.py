"""Simulated providers for a daemon that runs elsewhere on this machine: in a container, say."""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import yaml

from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Fault, Flaw, Switches
from reelkeep.simulator.world import SimRecording

MIB = 1 << 20
PATIENCE = 60  # seconds until a trial gives up; none of its steps takes more than a few
BUFFERS = 2 * MIB + 512 * 1024  # what may be on its way when a transfer is cut: batch and sockets
SOME = Extent(recordings=3, meetings=3, sessions=2, odd=False)
NONE = Extent(recordings=0, meetings=0, sessions=0, odd=False)

Way = Callable[[str], dict[str, str]]
"""How the configuration says where the secret of a name is."""


@dataclass
class Premises:
    """Simulated providers, and the configuration that points at them."""

    sim: Simulator
    document: dict[str, Any]

    def text(self, **changes: Any) -> str:
        """Return the configuration, as YAML."""
        return yaml.safe_dump({**self.document, **changes})

    @property
    def port(self) -> int:
        """Where the daemon's pages are."""
        return int(self.document["server"]["listen"].rpartition(":")[2])

    def add_recording(self, size: int | None = None) -> SimRecording:
        """Let a session of an hour ago appear."""
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        return self.sim.studio.add_recording(began, size=size)

    def add_stalling(self) -> tuple[str, int]:
        """Let a file appear that stalls in the middle until the faults are cleared."""
        recording = self.add_recording(size=6 * MIB)
        key, size = recording.video.key, recording.video.content.size
        self.sim.faults.add(key, Fault(flaw=Flaw.STALL, at=4 * MIB, seconds=PATIENCE))
        return key, size

    async def stalls(self, key: str, archive: Path) -> None:
        """Wait until all that `key` gives before it stalls is on disk, but for a buffer."""
        await until(
            lambda: self.sim.journal.bytes_served[key] >= 4 * MIB and held(archive) >= 3 * MIB
        )

    def missing(self, archive: Path) -> set[str]:
        """Return the keys of files that the simulator has and `archive` has not."""
        stored = {hashlib.sha256(each.read_bytes()).hexdigest() for each in kept_files(archive)}
        return {each.file for each in self.sim.world.expected() if each.sha256 not in stored}


def kept_files(archive: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(archive):
        if ".reelkeep" not in Path(folder).parts:
            yield from (Path(folder) / name for name in names)


def held(archive: Path) -> int:
    """Return the size of the largest part."""
    parts = (archive / ".reelkeep" / "parts").rglob("*")
    return max((path.stat().st_size for path in parts if path.is_file()), default=0)


def events(log: str, event: str) -> list[dict[str, Any]]:
    """Return the lines of a log in JSON that tell of `event`."""
    lines = [json.loads(line) for line in log.splitlines() if re.match(r'\{"timestamp"', line)]
    return [line for line in lines if line["event"] == event]


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds that rings no bell."""
    with anyio.fail_after(PATIENCE):
        while not holds():  # noqa: ASYNC110 - it rings no bell
            await anyio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def premises(extent: Extent, way: Way) -> AsyncIterator[Premises]:
    """Run a simulator in this loop; its providers are polled every second."""
    async with Simulator(7, extent=extent, switches=Switches().unlimited()) as sim:
        document = _with_secrets(sim.configuration(), way)
        for provider in document["providers"]:
            provider["interval"] = "1s"
        document |= {
            "archive": {"min_free": 0},
            "server": {"listen": f"127.0.0.1:{free_port()}"},
            "shutdown_grace": "5s",
        }
        yield Premises(sim, document)


def _with_secrets(value: Any, way: Way) -> Any:
    if isinstance(value, list):
        return [_with_secrets(each, way) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"env"}:
        return way(value["env"])
    return {key: _with_secrets(each, way) for key, each in value.items()}
