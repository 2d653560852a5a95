"""Programs of others: from `.ci/tools`, and from Debian's packages where root allows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest


def run(name: str, *arguments: str, cwd: Path, stdin: str = "") -> str:
    """Return what the program prints; it must end with 0."""
    ran = subprocess.run(
        [found(name), *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def found(name: str) -> str:
    """Return where the program is; without it the test fails."""
    ours = Path(sys.prefix) / "tools" / name
    place = str(ours) if ours.exists() else shutil.which(name)
    if place is None:
        pytest.fail(f"{name} is not there; run `.ci/tools`, which says why", pytrace=False)
    return place


def install(packages: Mapping[str, str]) -> Sequence[str]:
    """Install the package of each program that is not there; return the programs still lacking."""
    wanted = sorted({package for name, package in packages.items() if not shutil.which(name)})
    if wanted and os.geteuid() == 0 and shutil.which("apt-get"):
        get = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "-qq")
        command = [*get, "--no-install-recommends", *wanted]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    return [name for name in packages if not shutil.which(name)]
