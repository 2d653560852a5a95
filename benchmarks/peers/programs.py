"""aria2c, wget2 and curl, each told to trust the same authority and to say little."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contenders import Task
from benchmarks.processes import Job, surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Aria2:
    """aria2c with `jobs` files at once, each over `splits` connections."""

    name: str
    jobs: int
    splits: int = 1
    checksum: bool = False
    resumes: bool = False

    def job(self, task: Task) -> Job:
        """Write the list of files, with their digests if those are to be compared."""
        out, listed = _places(task, "list")
        lines = []
        for item in task.goods.items:
            lines += [task.url(item.key), f" out={item.key}"]
            lines += [f" checksum=sha-256={item.sha256}"] if self.checksum else []
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = ["aria2c", "--no-conf", "--quiet", "--file-allocation=none"]
        command += [f"--input-file={listed}", f"--dir={out}", f"-j{self.jobs}"]
        command += [f"-x{self.splits}", f"-s{self.splits}", "--min-split-size=1M"]
        command += ["--continue", "--auto-save-interval=1"] if self.resumes else []
        command += [f"--ca-certificate={task.authority}"] if task.authority else []
        return _errand(task, command, out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wget2:
    """wget2 with `jobs` threads; then `sha256sum` on all cores."""

    name: str
    jobs: int

    def job(self, task: Task) -> Job:
        """Write the list of URLs."""
        out, listed = _places(task, "list")
        urls = [task.url(item.key) for item in task.goods.items]
        listed.write_text("\n".join(urls) + "\n", encoding="utf-8")
        fetch = ["wget2", "--no-config", "--quiet", f"--max-threads={self.jobs}"]
        fetch += [f"--input-file={listed}", f"--directory-prefix={out}"]
        fetch += [f"--ca-certificate={task.authority}"] if task.authority else []
        sums = shlex.quote(str(task.home / "sums"))
        count = f"xargs -0 -n 1 -P {os.cpu_count()} sha256sum"
        both = f"{shlex.join(fetch)} && find {shlex.quote(str(out))} -type f -print0 | {count}"
        return _errand(task, ["sh", "-c", f"{both} > {sums}"], out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """curl with `jobs` transfers at once."""

    name: str
    jobs: int

    def job(self, task: Task) -> Job:
        """Write the list of URLs and names."""
        out, listed = _places(task, "list")
        lines = [
            f'url = "{task.url(item.key)}"\noutput = "{out}/{item.key}"'
            for item in task.goods.items
        ]
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = ["curl", "--disable", "--silent", "--show-error", "--fail"]
        command += ["--parallel", "--parallel-max", str(self.jobs), "--config", str(listed)]
        command += ["--cacert", str(task.authority)] if task.authority else []
        return _errand(task, command, out)


def _places(task: Task, name: str) -> tuple[Path, Path]:
    out = task.home / "out"
    out.mkdir(exist_ok=True)
    return out, task.home / name


def _errand(task: Task, command: list[str], out: Path) -> Job:
    return Job(command=command, environment=surroundings(), log=task.home / "log", harvest=out)
