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
        [_found(name), *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def _found(name: str) -> str:
    ours = Path(sys.prefix) / "tools" / name
    found = str(ours) if ours.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not there; run `.ci/tools`, which says why", pytrace=False)
    return found
