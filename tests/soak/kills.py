"""The daemon as a process, killed at random moments, before providers that misbehave.

A watcher hashes whatever appears under a final name, and holds it against what the simulator has.
Whenever the daemon was killed, what a provider was told of is whole in the archive.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from integration.test_daemon import MIB, Daemon, Place, running, simulated
from reelkeep.archive.paths import OURS
from reelkeep.core.manifest import MANIFEST, SUMS
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.switches import Chaos, Fault, Flaw, page

GLANCE = 0.05  # seconds between two looks of the watcher
LONGEST = 4.0  # seconds that a daemon lives at most before it is killed
PATIENCE = 180.0  # seconds in which the last daemon comes to the end
EXTENT = Extent(recordings=3, meetings=3, sessions=2, odd=False, sizes=(16_384, 3 * MIB))
FAULTS = (
    Fault(flaw=Flaw.RESET, at=9_000),
    Fault(flaw=Flaw.TRUNCATE, at=100_000),
    Fault(flaw=Flaw.IGNORE_RANGE),
    Fault(flaw=Flaw.CHUNKED),
    Fault(flaw=Flaw.STALL, at=50_000, seconds=1),
    page(),
)

Seen = tuple[int, int, int]


@dataclass
class Watcher:
    """Looks at an archive from outside, and notes what is wrong."""

    place: Place
    wrong: list[str] = field(default_factory=list)
    _seen: dict[Path, tuple[Seen, str]] = field(default_factory=dict)

    async def forever(self) -> None:
        while True:
            await anyio.to_thread.run_sync(self.look)
            await anyio.sleep(GLANCE)

    def look(self) -> set[str]:
        """Hash what is new under a final name; return the digests of all that is there."""
        root = self.place.root / "archive"
        known = {each.sha256 for each in self.place.sim.world.expected()}
        found = set()
        for path in _visible(root):
            if path.name not in (MANIFEST, SUMS) and path.is_file():
                found.add(digest := self._digest(path))
                if digest not in known:
                    self.wrong.append(f"wrong bytes in {path.relative_to(root)}")
        return found

    def _digest(self, path: Path) -> str:
        status = path.stat()
        now = status.st_ino, status.st_size, status.st_mtime_ns
        before, digest = self._seen.get(path, (None, ""))
        if before != now:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self._seen[path] = now, digest
        return digest

    def lies(self) -> list[str]:
        """Return what a provider was told that is not so."""
        there = self.look()
        return [
            f"{file.key} was acknowledged, and is not there"
            for recording in self.place.sim.world.recordings
            if recording.archived and not recording.archived_before
            for file in recording.files
            if file.attainable and file.content.sha256 not in there
        ]


def _visible(root: Path) -> Iterator[Path]:
    """Yield what has a final name below `root`, which comes and goes meanwhile."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != OURS]
        yield from (Path(folder, name) for name in files)


async def kills(root: Path, *, seed: int, times: int, seconds: float = 0) -> str:
    """Kill the daemon so often, and for so many seconds at least; then let it come to the end."""
    rng = random.Random(seed)
    count, until = 0, time.monotonic() + seconds
    async with simulated(root, EXTENT) as place, anyio.create_task_group() as group:
        place.sim.faults.chaos = Chaos(seed, 0.3, FAULTS)
        watcher = Watcher(place)
        group.start_soon(watcher.forever)
        while count < times or time.monotonic() < until:
            place.add_recording(size=rng.randint(20_000, 6 * MIB))
            async with running(place) as daemon:
                await _live_a_while(daemon, rng)
            count += 1
            expect_none([*watcher.wrong, *watcher.lies()])
        async with running(place) as daemon:
            await _come_to_the_end(place, daemon)
        expect_none([*watcher.wrong, *watcher.lies()])
        group.cancel_scope.cancel()
    files = len(place.sim.world.expected())
    return f"{count} kills survived, {files} files archived and found right"


async def _live_a_while(daemon: Daemon, rng: random.Random) -> None:
    """Return after some of its events, or a little later."""
    await daemon.says("daemon.started")
    lines = rng.randint(1, 60)
    with anyio.move_on_after(LONGEST):
        while len(daemon.lines) < lines and daemon.process.returncode is None:  # noqa: ASYNC110 - any event will do
            await anyio.sleep(0.01)
    await anyio.sleep(rng.random() * 0.05)


async def _come_to_the_end(place: Place, daemon: Daemon) -> None:
    with anyio.fail_after(PATIENCE):
        while place.missing() or not all(each.archived for each in place.sim.world.recordings):  # noqa: ASYNC110 - a disk rings no bell
            await anyio.sleep(0.5)
    assert daemon.complaints == []


def expect_none(found: list[str]) -> None:
    if found:
        raise AssertionError("\n".join(found))
