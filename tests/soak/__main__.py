"""Crashes and load for as long as wanted: what takes long, or needs root."""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio

from soak import disks, ground, kills, load

ROOT = Path(__file__).parents[2]
STATES = ["test_crashes.py", "test_power_cuts.py", "test_catalog_crashes.py"]

Case = Callable[[], str]


def main() -> int:
    options = _options()
    if os.geteuid() == 0:
        ground.be_alone()
    failed = 0
    for name, case in _cases(options).items():
        if options.only in (None, name):
            failed += not _ran(name, case)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="what chance is made from")
    parser.add_argument("--cuts", type=int, default=100, help="of the power, on each file system")
    parser.add_argument("--rounds", type=int, default=12, help="of failing system calls")
    parser.add_argument("--kills", type=int, default=20, help="of the daemon, at least")
    parser.add_argument("--seconds", type=float, default=600, help="of killing, at least")
    parser.add_argument("--files", type=int, default=200_000, help="to fetch under load")
    parser.add_argument("--large", type=float, default=0.05, help="the share of large ones")
    parser.add_argument("--niceness", type=int, default=0, help="of the busy loops beside them")
    parser.add_argument("--only", metavar="CASE", help="daemon, states, load, ext4, xfs, full, ...")
    return parser.parse_args()


def _cases(options: argparse.Namespace) -> dict[str, Case]:
    rng = random.Random(options.seed)
    return {
        "daemon": partial(_daemon, options),
        "states": _states,
        "load": partial(load.run, _plan(options), say=_say),
        "ext4": _as_root(partial(disks.power_cuts, "ext4", options.cuts, rng)),
        "xfs": _as_root(partial(disks.power_cuts, "xfs", options.cuts, rng)),
        "full": _as_root(disks.full),
        "read-only": _as_root(disks.read_only),
        "calls": _as_root(partial(disks.failing_calls, options.rounds, rng)),
    }


def _plan(options: argparse.Namespace) -> load.Plan:
    return load.Plan(
        seed=options.seed, files=options.files, large=options.large, niceness=options.niceness
    )


def _daemon(options: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory(prefix="reelkeep-soak-") as place:
        work = partial(
            kills.kills,
            Path(place),
            seed=options.seed,
            times=options.kills,
            seconds=options.seconds,
        )
        return anyio.run(work)


def _states() -> str:
    """Leave out nothing of what the test suite only samples."""
    tests = [f"tests/integration/{name}" for name in STATES]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--timeout", "7200", *tests],
        env={**os.environ, "REELKEEP_EXHAUSTIVE": "1"},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise AssertionError(ran.stdout[-4000:])
    return f"states: {ran.stdout.strip().splitlines()[-1]}"


def _as_root(case: Case) -> Case:
    def checked() -> str:
        obstacle = ground.missing_programs()
        return case() if obstacle is None else f"not run: {obstacle};"

    return checked


def _ran(name: str, case: Case) -> bool:
    began = time.monotonic()
    try:
        told = case()
    except AssertionError as error:
        _say(f"{name}: BROKEN\n{error}")
        return False
    _say(f"{name}: {told} in {time.monotonic() - began:.0f} s")
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
