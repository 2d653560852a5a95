"""What trials on the real thing are made from; it is kept between runs, outside of the tree."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reelkeep-trials"

CGROUPS = Path("/sys/fs/cgroup")

T = TypeVar("T")

SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
"""The Debian whose Python is as ours, so that the wheels made here fit."""


def run(*command: str | Path, **options: object) -> str:
    """Return what `command` prints; what it says is shown if it fails."""
    ran = subprocess.run(command, check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload]  # as run takes them
    assert ran.returncode == 0, f"{command}: {ran.stdout[-2000:]}{ran.stderr[-4000:]}"
    return str(ran.stdout)


def kept(name: str, made_from: str, make: Callable[[Path], object]) -> Path:
    """Return the folder that `make` fills, of an earlier run if that made it from the same."""
    place = CACHE / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}"
    if place.exists():
        return place
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{name}-") as folder:
        new = Path(folder) / "new"
        new.mkdir(mode=0o755)
        make(new)
        try:
            new.rename(place)
        except OSError:
            assert place.exists()  # somebody else made it meanwhile
    return place


def require(program: str, *packages: str) -> None:
    """Install the Debian packages that `program` comes with, unless it is there."""
    if shutil.which(program) is None:
        apt = ("apt-get", "-o", "DPkg::Lock::Timeout=300")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = (*apt, "install", "-y", "-qq", "--no-install-recommends", *packages)
        if subprocess.run(install, env=environ, check=False, capture_output=True).returncode:
            run(*apt, "update", "-qq", env=environ)
            run(*install, env=environ)


def mirror() -> str:
    """Return where this machine has Debian from."""
    listed = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Component: main")
    return next(line.split()[1] for line in listed.splitlines() if line.startswith("Debian "))


def suite() -> str:
    """Return the Debian whose Python is as ours."""
    ours = sys.version_info[:2]
    assert ours in SUITES, f"expected a Python of {SUITES}, got {ours}: PYTHON=… make chooses one"
    return SUITES[ours]


def debian(name: str, packages: Sequence[str]) -> Path:
    """Return the root of a small Debian with these packages."""
    require("mmdebstrap", "mmdebstrap")

    def make(new: Path) -> None:
        include = f"--include={','.join(packages)}"
        run("mmdebstrap", "--quiet", "--variant=minbase", include, suite(), new, mirror())

    return kept(f"{name}-{suite()}", ",".join(packages), make)


def wheels() -> Path:
    """Return a folder with the wheels of everything that reelkeep needs, and is built by."""
    constraints = ROOT / "constraints.txt"
    builder = "hatchling"

    def make(new: Path) -> None:
        pip("wheel", "--constraint", constraints, "--wheel-dir", new, ROOT, builder)
        for own in new.glob("reelkeep-*"):
            own.unlink()

    needs = (ROOT / "pyproject.toml").read_text("utf-8").partition("[project.optional")[0]
    fits = f"{sys.version_info[:2]}{platform.machine()}"
    made_from = f"{builder}{needs}{constraints.read_text('utf-8')}{fits}"
    return kept("wheels", made_from, make)


def own_wheel(folder: Path) -> Path:
    """Build the wheel of this tree in `folder`, and return it."""
    pip("wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("reelkeep-*.whl")
    return wheel


def pip(*arguments: str | Path) -> None:
    run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def wait_for(ask: Callable[[], T | None], seconds: float) -> T | None:
    """Return what `ask` finds at last, or nothing: what starts elsewhere rings no bell."""
    deadline = time.monotonic() + seconds
    while not (found := ask()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def forget_groups(name: str) -> None:
    """Remove the control groups called `name` that containers left: empty, where nobody tidies."""
    for group in (*CGROUPS.glob(name), *CGROUPS.glob(f"*/{name}")):
        for folder, _, _ in os.walk(group, topdown=False):
            with suppress(OSError):  # in use by another
                Path(folder).rmdir()
