"""Start programs, measure them, and end them by their own ids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.model import Run

PATIENCE = 300.0
"""Seconds after which a run is given up."""

_GRACE = 20.0
_LAUNCHER = Path(__file__).with_name("launcher.py")
_TICK = os.sysconf("SC_CLK_TCK")


class Mishap(Exception):
    """Something did not go as a benchmark needs it to; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A command that is to be run, and where it leaves what it fetched."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path  #: Takes what it says.
    harvest: Path


def surroundings(**more: str) -> dict[str, str]:
    """Return an environment without anything that could steer a contender, and `more`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", **more}


def measured(job: Job, *, patience: float = PATIENCE) -> Run:
    """Run `job` to its end, and return what it took.

    All that is still to be written to disk by others is written before.

    Raises:
        Mishap: It failed, or did not end in time.
    """
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as result:
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), result.name]
        with started([*launcher, *job.command], job.environment, job.log) as process:
            try:
                code = process.wait(patience)
            except subprocess.TimeoutExpired:
                raise Mishap(f"it did not end within {patience:.0f} s") from None
        if code != 0:
            raise Mishap(f"it ended with {code}: {last_words(job.log)}")
        return Run(**json.loads(result.read()))


@contextmanager
def started(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command` in a process group of its own, and end what is left of it afterwards.

    It begins in the directory of its log, as some write there without being asked to.
    """
    os.sync()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process that `started` has started; kill what is left of it and its children."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def cpu_of(pid: int) -> float:
    """Return the CPU seconds that a running process and its threads have taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def children_of(pid: int) -> list[int]:
    """Return the ids of the running children of a process."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(child) for child in listed.split()]


def last_words(log: Path) -> str:
    """Return the end of what a program said."""
    said = log.read_text(encoding="utf-8", errors="replace").strip()
    return said[-500:] or "it said nothing"
