"""Make sure that the programs are installed, and `.venv-bench` with the libraries."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.processes import Mishap, last_words

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-bench" / "bin" / "python"
CONSTRAINTS = ROOT / "benchmarks" / "constraints.txt"

PROGRAMS = {"nginx": "nginx", "aria2c": "aria2", "wget2": "wget2", "curl": "curl"}
"""The Debian package of each program."""

LIBRARIES = ("parfive", "pypdl")


def furnish() -> None:
    """Install what is missing.

    Raises:
        Mishap: It cannot be installed; the message says how to.
    """
    missing = [package for name, package in PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        _install(missing)
    if not _is_ready():
        _make_environment()


def versions() -> dict[str, str]:
    """Return the versions of all programs and libraries, by name."""
    asked = {
        "nginx": ["nginx", "-v"],
        "aria2c": ["aria2c", "--version"],
        "wget2": ["wget2", "--version"],
        "curl": ["curl", "--version"],
        **{name: [str(PYTHON), "-m", "pip", "show", name] for name in LIBRARIES},
    }
    return {name: _version(command) for name, command in asked.items()}


def _install(packages: list[str]) -> None:
    wanted = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Mishap(f"missing programs. On Debian and Ubuntu, as root: apt-get install {wanted}")
    sys.stderr.write(f"bench: installing {wanted} with apt-get\n")
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    update = ["apt-get", "update", "-qq"]
    if _succeeds(install, environment):
        return
    if not (_succeeds(update, environment) and _succeeds(install, environment)):
        raise Mishap(f"apt-get install {wanted} failed")


def _succeeds(command: list[str], environment: dict[str, str]) -> bool:
    silent = subprocess.DEVNULL
    ran = subprocess.run(command, env=environment, stdout=silent, check=False)
    return ran.returncode == 0


def _fingerprint() -> str:
    made_from = CONSTRAINTS.read_bytes() + f"{sys.version} {ROOT}".encode()
    return hashlib.sha256(made_from).hexdigest()


def _stamp() -> Path:
    return PYTHON.parents[1] / ".stamp"


def _is_ready() -> bool:
    return _stamp().is_file() and _stamp().read_text(encoding="utf-8") == _fingerprint()


def _make_environment() -> None:
    home = PYTHON.parents[1]
    sys.stderr.write(f"bench: making {home.name}\n")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--no-input", "--constraint", str(CONSTRAINTS), *LIBRARIES]
    for command in ([sys.executable, "-m", "venv", "--clear", str(home)], pip):
        log = ROOT / ".venv-bench.log"
        with log.open("wb") as output:
            ran = subprocess.run(command, stdout=output, stderr=output, check=False)
        said = last_words(log)
        log.unlink()
        if ran.returncode != 0:
            raise Mishap(f"{home.name} cannot be made: {said}")
    _stamp().write_text(_fingerprint(), encoding="utf-8")


def _version(command: list[str]) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.]*", ran.stdout + ran.stderr)
    return found[0] if found else "unknown"
