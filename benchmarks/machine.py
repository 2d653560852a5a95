"""Describe the machine and the programs that were measured."""

from __future__ import annotations

import os
import platform
import re
import ssl
import subprocess
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers import environment

_LIBRARIES = ("aiohttp", "anyio", "SQLAlchemy")


def machine(disk: Path) -> dict[str, str]:
    """Return what it is made of; `disk` is on its real disk."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "disk": filesystem(disk),
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that runs."""
    return {
        "reelkeep": f"{version('reelkeep')}, commit {_commit()}",
        "Python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
        "OpenSSL": ssl.OPENSSL_VERSION.split()[1],
        **environment.versions(),
    }


def filesystem(place: Path) -> str:
    """Return the type of the file system that `place` is on."""
    found = "", "unknown"
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, mounted, kind, *_ = line.split()
        if place.is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = mounted, kind
    return found[1]


def _processor() -> str:
    listed = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"model name\s*: (.+)", listed)
    return found[1] if found else platform.machine()


def _commit() -> str:
    ran = subprocess.run(
        ["git", "log", "-1", "--format=%h", "--", "daemon"],
        cwd=environment.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout.strip() or "unknown"
