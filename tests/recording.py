"""Record the log of a real run in which things go wrong: `python tests/recording.py`.

What comes of it, `tests/recorded/daemon.log`, is what programs that read the log are tried with.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE

import anyio
import yaml
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Fault, Flaw, Switches, status

LOG = Path(__file__).parent / "recorded" / "daemon.log"
EXTENT = Extent(recordings=6, meetings=3, sessions=2, odd=False, sizes=(9_000, 60_000))
MIB = 1 << 20


class Run:
    """A daemon in `root`, which should lie on a disk that nobody else writes to."""

    def __init__(self, root: Path, sim: Simulator) -> None:
        self._root = root
        self._sim = sim
        self._ballast = root / "ballast"
        self.lines: list[str] = []

    async def record(self) -> None:
        """Run for a little more than a minute."""
        self._break()
        async with await self._started() as process, anyio.create_task_group() as group:
            group.start_soon(self._listen, process)
            await self._said("disk.low")
            self._ballast.unlink()
            for event in ("provider.auth_failed", "file.failed", "file.quarantined"):
                await self._said(event)
            self._sim.faults.clear()
            process.send_signal(signal.SIGHUP)
            await self._said("provider.auth_recovered")
            await self._said("heartbeat")
            process.send_signal(signal.SIGTERM)

    def _break(self) -> None:
        """Let one thing of each kind go wrong."""
        faults, there = self._sim.faults, self._sim.world.expected()
        large = sorted(there, key=lambda each: -each.size)
        keys = [each.file for each in large if each.provider == "zoom"]
        faults.add("GET /G2A/*", status(500))
        faults.add("POST /oauth/token", status(401, times=4))
        faults.add(keys[0], status(404, times=None))
        faults.add(keys[1], Fault(flaw=Flaw.GROW, at=-9))
        faults.add(keys[2], status(429, retry_after="1"))
        faults.add(keys[3], Fault(flaw=Flaw.RESET, at=9_000))
        self._ballast.write_bytes(bytes(16 * MIB))

    async def _started(self) -> Process:
        free = shutil.disk_usage(self._root).free
        document = {
            "archive": {"path": str(self._root / "archive"), "min_free": free + 8 * MIB},
            "catalog": {"url": f"sqlite:///{self._root / 'catalog.db'}"},
            "downloads": {"retry": {"base": "100ms", "max": "1s", "attempts": 2}},
            "server": {"listen": None},
            "log": {"format": "json", "level": "debug"},
            **self._sim.configuration(),
        }
        for provider in document["providers"]:
            provider["interval"] = "10s"
        file = self._root / "reelkeep.yaml"
        file.write_text(yaml.safe_dump(document))
        return await anyio.open_process(
            [sys.executable, "-m", "reelkeep.cli", "--config", str(file), "run"],
            env={**os.environ, **self._sim.environment()},
            stderr=PIPE,
        )

    async def _listen(self, process: Process) -> None:
        assert process.stderr is not None
        text = ""
        async for piece in TextReceiveStream(process.stderr):
            text += piece
            self.lines = text.splitlines()

    async def _said(self, event: str) -> None:
        with anyio.fail_after(120):
            while not any(f'"event":"{event}"' in line for line in self.lines):  # noqa: ASYNC110 - nobody rings
                await anyio.sleep(0.1)


async def main() -> None:
    """Record, and say which events were met."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="reelkeep-") as root:
        async with Simulator(7, extent=EXTENT, switches=Switches().unlimited()) as sim:
            run = Run(Path(root), sim)
            await run.record()
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("".join(f"{line}\n" for line in run.lines))
    for name in sorted({json.loads(line)["event"] for line in run.lines}):
        print(name)  # noqa: T201 - to whoever records


if __name__ == "__main__":
    anyio.run(main)
