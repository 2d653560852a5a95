"""Programs of others, as `.ci/tools` provides them."""

from __future__ import annotations

import shutil
import subprocess
import sys
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
        timeout=100,
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
