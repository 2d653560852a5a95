"""Real file systems: power cuts, full, read-only and failing disks, under the real archive."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio

from soak import checks, ground, worker
from soak.checks import Promises
from soak.ground import Ground

MANY = 100
EPOCH = 20  # cuts until a new file system is made
DEADLINE = 300.0  # seconds that a worker may take for what is left


class Worker:
    """A process that works in an archive, and what it promises."""

    def __init__(self, root: Path, boot: str, promises: Promises, count: int = MANY) -> None:
        self._promises = promises
        heard, said = os.pipe()
        first = promises.first_open
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(said, 1)
            _be_a_worker(root, boot, range(first, first + count))
        os.close(said)
        self._heard = os.fdopen(heard)

    def hear_until(self, enough: Callable[[], bool]) -> None:
        """Listen until that is so, or the process has ended."""
        for line in self._heard:
            self._promises.hear(line)
            if enough():
                return

    def end(self) -> None:
        """Kill it, and hear what it said before."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        self.hear_until(lambda: False)
        os.waitpid(self.pid, 0)
        self._heard.close()


def _be_a_worker(root: Path, boot: str, numbers: range) -> None:
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        anyio.run(worker.work, root, boot, numbers)
        code = 0
    finally:
        os._exit(code)


def power_cuts(kind: str, cuts: int, rng: random.Random) -> str:
    """Cut the power so often; return what was seen, or raise what was broken."""
    done = promised = 0
    while done < cuts:
        with ground.on_loop(kind, 400) as place:
            promises = Promises()
            for number in range(min(EPOCH, cuts - done)):
                _cut_once(place, f"boot-{number}", promises, rng)
                done += 1
            promised += len(promises.published)
    return f"{done} cuts survived, {promised} recordings published"


def _cut_once(place: Ground, boot: str, promises: Promises, rng: random.Random) -> None:
    root = place.mount / "archive"
    before = len(promises.stored) + len(promises.published)
    process = Worker(root, boot, promises)
    lines = rng.randint(0, 40)
    if lines:
        process.hear_until(lambda: len(promises.stored) + len(promises.published) >= before + lines)
    time.sleep(rng.random() * 0.05)
    place.cut()
    process.end()
    place.again()
    expect_none(checks.broken(root, promises))


def full() -> str:
    """Let a disk fill up in the middle of files, and give it room again."""
    with ground.on_tmpfs(4) as place:
        promises, root = Promises(), place.mount / "archive"
        process = Worker(root, "boot", promises, 12)
        process.hear_until(lambda: promises.failures >= 3)
        expect_none(checks.broken(root, promises))
        place.remount("size=256m")
        process.wait()
        _expect_all(root, promises, 12)
    return f"{promises.failures} failures overcome"


def read_only() -> str:
    """Let a file system become read-only for a while."""
    with ground.on_loop("ext4", 200) as place:
        promises, root = Promises(), place.mount / "archive"
        process = Worker(root, "boot", promises, 40)
        process.hear_until(lambda: len(promises.published) > 2)
        until = time.monotonic() + DEADLINE
        while not place.remount("ro"):  # not while a file is open for writing
            if time.monotonic() > until:
                raise AssertionError("the file system never was without a writer")
        before = promises.failures
        process.hear_until(lambda: promises.failures > before)
        expect_none(checks.broken(root, promises))
        place.remount("rw")
        process.wait()
        _expect_all(root, promises, 40)
    return f"{promises.failures} failures overcome"


def failing_calls(rounds: int, rng: random.Random) -> str:
    """Let the kernel answer single calls with EIO and ENOSPC, by strace."""
    failures = 0
    for number in range(rounds):
        with ground.on_tmpfs(64) as place:
            promises, root = Promises(), place.mount / "archive"
            call = ("fsync", "fdatasync", "pwritev", "rename", "mkdir", "ftruncate")[number % 6]
            error = rng.choice(["EIO", "ENOSPC"])
            when = f"{rng.randint(6, 12)}+{rng.randint(7, 13)}"
            fault = f"inject={call}:error={error}:when={when}"
            command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", fault]
            command += [sys.executable, "-m", "soak.worker", str(root), "boot", "0", "8"]
            ran = subprocess.run(
                command, check=False, capture_output=True, text=True, timeout=DEADLINE
            )
            for line in ran.stdout.splitlines():
                promises.hear(line)
            expect_none(checks.broken(root, promises))
            if ran.returncode:  # it could not start on such a disk: the next one can
                Worker(root, "boot", promises, 8).wait()
            _expect_all(root, promises, 8)
            failures += promises.failures
    return f"{failures} failed attempts overcome in {rounds} rounds"


def expect_none(found: list[str]) -> None:
    if found:
        raise AssertionError("\n".join(found))


def _expect_all(root: Path, promises: Promises, count: int) -> None:
    expect_none(checks.broken(root, promises))
    missing = set(range(count)) - set(promises.published)
    if missing:
        raise AssertionError(f"recordings were given up: {sorted(missing)}")
