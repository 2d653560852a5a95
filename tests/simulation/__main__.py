"""Months of operation in seconds, by seed: `make simulate SEEDS=1..5000`.

A seed decides all: what the providers hold and when, how they misbehave, what becomes of each
request, in which order threads come to their work, when the process is stopped or killed and the
power cut. The real stages, adapters, catalog and archive run on a loop whose clock jumps.

    loop, fate       a loop without threads; the life and death of a process
    world, weather   what the providers hold; what goes wrong, until the calm comes
    apis, files      the embedded simulator's APIs, and the download host, behind ...
    network, heard   ... the transport between
    connections      which of them are shared, and which one reader owns
    disk             a folder that knows what a power cut would leave of it
    small            the daemon's measures, in small
    life, seed       one process; one seed, with many of them
    witness, auditor what must hold at every step; what must hold now and then, and at the end
    planted          bugs of other downloaders: each is to be found

A seed that fails prints itself; `make simulate SEEDS=17 ARGS=--trace` tells its whole story.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

from simulation.planted import PLANTS
from simulation.seed import Result, simulate


def main() -> int:
    """Run the seeds that were asked for; return 1 if any failed."""
    asked = _arguments()
    began, total = time.monotonic(), Counter[str]()
    failed: list[Result] = []
    for number, result in enumerate(_results(asked), 1):
        total.update(result.counts)
        total.update(deaths=result.deaths, days=round(result.days))
        if result.error is not None:
            failed.append(result)
            _tell(result, asked.plant)
        if number % 50 == 0 or number == len(asked.seeds):
            seconds = time.monotonic() - began
            _say(f"{number} seeds, {len(failed)} failed, {seconds:.0f} s")
    _say(
        f"{total['days']} days, {total['life.began']} processes, {total['deaths']} of them killed, "
        f"{total['power.cut']} power cuts, {total['net.answer'] + total['net.failed']} requests, "
        f"{total['file.stored']} files stored"
    )
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument(
        "seeds", nargs="?", type=_seeds, default=_seeds("1..100"), help="17 or 1..9"
    )
    parser.add_argument("--seed", dest="seeds", type=_seeds, help="the same")
    parser.add_argument("--plant", choices=sorted(PLANTS), help="put this bug into the daemon")
    parser.add_argument("--trace", action="store_true", help="print all that happens")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    return parser.parse_args()


def _seeds(text: str) -> range:
    first, _, last = text.partition("..")
    return range(int(first), int(last or first) + 1)


def _results(asked: argparse.Namespace) -> Iterator[Result]:
    run = partial(simulate, plant=asked.plant, echo=_say if asked.trace else None)
    if asked.trace or len(asked.seeds) == 1:
        yield from map(run, asked.seeds)
        return
    with get_context("spawn").Pool(asked.jobs) as pool:
        yield from pool.imap(run, asked.seeds)


def _tell(result: Result, plant: str | None) -> None:
    for line in result.last[-20:]:
        _say(f"    {line}")
    again = f" ARGS='--plant {plant}'" if plant else ""
    _say(f"seed {result.seed} failed after {result.days:.1f} days: {result.error}")
    _say(f"again: make simulate SEEDS={result.seed}{again}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
