"""The contender that this is all about: the command `reelkeep sync`, and its providers."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import yaml

from benchmarks.contenders import Task
from benchmarks.goods import Goods, Item
from benchmarks.peers.environment import ROOT
from benchmarks.processes import Job, Mishap, surroundings

REELKEEP = Path(sys.executable).with_name("reelkeep")

_ANSWER = 180.0
"""Seconds that the providers may take to write their files."""

_EAGER: Mapping[str, Mapping[str, Any]] = {
    "gotoassist": {"requests_per_second": 100},
    "zoom": {"plan": "business"},
    "zoom-videosdk": {"plan": "business"},
}
"""A benchmark has no provider's limits to respect."""


@dataclass(slots=True)
class Providers:
    """The simulated providers, in a process of their own."""

    process: subprocess.Popen[bytes]
    goods: Goods
    configuration: dict[str, Any]
    environment: Mapping[str, str]

    def forget(self) -> None:
        """Let the providers forget that they were told of archived recordings."""
        _input(self.process).write(b"\n")
        _input(self.process).flush()
        _answer(self.process)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reelkeep:
    """reelkeep as it comes, with `settings` in place of defaults."""

    providers: Providers
    settings: Mapping[str, Any] = field(default_factory=dict)
    pace: Mapping[str, Any] = field(default_factory=dict)  #: Settings of every provider.
    name: str = "reelkeep"

    def job(self, task: Task) -> Job:
        """Write a configuration with a new archive and a new catalog, for one pass."""
        self.providers.forget()
        return self.again(task)

    def again(self, task: Task) -> Job:
        """Return a pass over what an earlier pass has left in the home of `task`."""
        path = task.home / "reelkeep.yaml"
        path.write_text(json.dumps(self.configured(task)), encoding="utf-8")
        return Job(
            command=[str(REELKEEP), "-c", str(path), "sync"],
            environment=surroundings(**self.providers.environment),
            log=task.home / "log",
            harvest=task.home / "archive",
        )

    def configured(self, task: Task) -> dict[str, Any]:
        """Return the whole configuration."""
        given = self.providers.configuration
        trust = {"ca_file": str(task.authority)} if task.authority else {}
        return {
            "archive": {"path": str(task.home / "archive")},
            "catalog": {"url": f"sqlite:///{task.home}/catalog.db"},
            "server": {"listen": None},
            **given,
            "network": {**given["network"], **trust},
            "providers": [
                {**each, **_EAGER[each["type"]], **self.pace} for each in given["providers"]
            ],
            **self.settings,
        }


@contextmanager
def providing(
    kind: str,
    *,
    count: int,
    size: int = 0,
    goods: Path | None = None,
    downloads: str | None = None,
) -> Iterator[Providers]:
    """Run providers with a world of that kind; see `benchmarks.provider`."""
    command = [sys.executable, "-m", "benchmarks.provider", kind]
    command += [f"--count={count}", f"--size={size}"]
    command += [f"--goods={goods}"] if goods else []
    command += [f"--downloads={downloads}"] if downloads else []
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said = _answer(process)
        yield Providers(
            process,
            Goods([Item(*item) for item in said["goods"]]),
            _as_json(yaml.safe_load(said["configuration"])),
            said["environment"],
        )
    finally:
        _end(process)


def _as_json(configuration: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with dates as texts, in which reelkeep reads them, too."""
    plain: dict[str, Any] = json.loads(json.dumps(configuration, default=str))
    return plain


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    output = process.stdout
    if output is None or not select.select([output], [], [], _ANSWER)[0]:
        raise Mishap("the simulated providers do not answer")
    line = output.readline()
    if not line:
        raise Mishap("the simulated providers have ended")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise Mishap("the simulated providers have no input")
    return process.stdin


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the input, at which the process ends; kill it if it does not."""
    with suppress(OSError):
        _input(process).close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()
