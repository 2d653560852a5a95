"""`python -m benchmarks`, which `make bench` is."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.catalogue import ENTRIES
from benchmarks.model import Measured, Results, dumps, loads
from benchmarks.pages import QUIET, RESULTS, ROOT, summary, write
from benchmarks.scale import QUICK, Scale

_KEYS = [entry.key for entry in ENTRIES]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write what is to be kept; return 1 if a case failed."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.keep and options.quick:
        parser.error("figures of --quick mean nothing, so that there is nothing to --keep")
    if options.render:
        write(loads(RESULTS.read_text(encoding="utf-8")))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended
    began = time.monotonic()
    results, failed = _measured(options)
    _print(results, meaningless=options.quick)
    _say(f"took {(time.monotonic() - began) / 60:.1f} min")
    if options.output:
        options.output.write_text(dumps(results), encoding="utf-8")
    if failed:
        _say(f"failed, so that nothing is written to the manual: {', '.join(failed)}")
        return 1
    if options.keep or not (options.case or options.quick):
        write(_kept(results) if options.case else results)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure reelkeep and peers.")
    parser.add_argument("--case", action="append", choices=_KEYS, help="only this; repeatable")
    parser.add_argument("--rounds", type=int, help="pairs against each rival, else 5")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--keep", action="store_true", help="write a --case to the manual, too")
    parser.add_argument("--render", action="store_true", help="only write the manual anew")
    parser.add_argument("--output", type=Path, help="also write the results to this file")
    parser.add_argument(
        "--tmpfs",
        type=Path,
        default=Path("/dev/shm"),  # noqa: S108 (what goes there gets a name of its own)
        help="a directory in memory",
    )
    parser.add_argument(
        "--disk", type=Path, default=ROOT / ".bench", help="a directory on a real disk"
    )
    return parser


def _measured(options: argparse.Namespace) -> tuple[Results, list[str]]:
    """Run the cases; return what they brought, and the keys of those that failed."""
    from benchmarks.cases import cases
    from benchmarks.ground import ground
    from benchmarks.machine import machine, versions
    from benchmarks.peers.environment import furnish
    from benchmarks.processes import Mishap

    scale, rounds = (QUICK, 1) if options.quick else (Scale(), 5)
    load = os.getloadavg()[0]
    if load > QUIET and not options.quick:
        _say(f"this machine is busy (its load is {load:.1f}), so that the figures will be off")
    found: list[Measured] = []
    failed: list[str] = []
    furnish()
    with ground(
        tmpfs=options.tmpfs, disk=options.disk, scale=scale, rounds=options.rounds or rounds
    ) as place:
        for key, case in cases(scale).items():
            if options.case and key not in options.case:
                continue
            try:
                found.append(case(place))
            except Mishap as mishap:
                _say(f"{key}: {mishap}")
                failed.append(key)
        results = Results(
            machine=machine(place.disk),
            versions=versions(),
            cases=tuple(found),
            load=round(load, 2),
        )
    return results, failed


def _kept(results: Results) -> Results:
    """Return the results of the manual with these in place of the same cases."""
    if not RESULTS.exists():
        return results
    return loads(RESULTS.read_text(encoding="utf-8")).merged(results)


def _print(results: Results, *, meaningless: bool) -> None:
    from benchmarks.tables import case_table

    for measured in results.cases:
        sys.stdout.write(f"\n{measured.case}, {measured.seconds:.0f} s\n\n{case_table(measured)}")
    said = "It works; at this size the figures mean nothing.\n" if meaningless else summary(results)
    sys.stdout.write(f"\n{said}")


def _say(line: str) -> None:
    sys.stderr.write(f"bench: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
