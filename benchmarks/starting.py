"""Say how long the daemon takes to be ready, and its memory: `starting.py CONFIG [ROUNDS]`.

`stuffing.py` makes a large catalog for the same configuration first. Each start is a new process;
the time runs from before it is made until it says that it is ready.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.processes import Mishap, cpu_of, end

_ROUNDS = 5
_LINGER = 10.0
"""Seconds after which memory is read once more."""


def start(path: Path, *, linger: float = _LINGER) -> dict[str, float]:
    """Start the daemon once, and return seconds and MiB, some of them after `linger` seconds.

    Raises:
        Mishap: It did not become ready.
    """
    began = time.monotonic()
    command = [sys.executable, "-m", "reelkeep.cli", "--config", str(path), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ) as process:
        try:
            if not any(line["event"] == "daemon.ready" for line in _said(process)):
                raise Mishap("the daemon did not become ready")
            ready, cpu = time.monotonic() - began, cpu_of(process.pid)
            at_ready = _resident(process.pid)
            time.sleep(linger)
            later = _resident(process.pid)
        finally:
            end(process)
    return {"seconds": ready, "cpu": cpu, "mib": at_ready, "mib later": later}


def _said(process: subprocess.Popen[bytes]) -> Iterator[dict[str, str]]:
    if process.stderr is not None:
        yield from map(json.loads, process.stderr)


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _print(rounds: list[dict[str, float]]) -> None:
    for name in rounds[0]:
        values = sorted(each[name] for each in rounds)
        print(f"{name:10} median {median(values):7.2f}, {values[0]:.2f} … {values[-1]:.2f}")  # noqa: T201


if __name__ == "__main__":
    many = int(sys.argv[2]) if len(sys.argv) > 2 else _ROUNDS
    _print([start(Path(sys.argv[1])) for _ in range(many)])
