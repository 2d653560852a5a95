"""The same listing polled beside a small and a large catalog: the cost must not differ."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.cases.daemon import archived, watch
from benchmarks.contenders import Task
from benchmarks.ground import Ground
from benchmarks.model import Measured, Reading
from benchmarks.ours import Reelkeep, providing
from benchmarks.peers.environment import ROOT
from benchmarks.processes import Job, measured
from benchmarks.scale import GIB

_LISTED, _SIZE = 200, 20_000


def measure(ground: Ground) -> Measured:
    """Watch a daemon beside each catalog in turn.

    Raises:
        Mishap: It failed, or something that the benchmark itself needs.
    """
    began = time.monotonic()
    costs: dict[int, list[float]] = {size: [] for size in ground.scale.catalogs}
    with (
        ground.room(GIB // 4) as home,
        providing("recent", count=_LISTED, size=_SIZE) as providers,
    ):
        ours = Reelkeep(providers=providers, pace={"interval": "250ms"})
        tasks = {
            size: Task(goods=providers.goods, origin="", home=home / str(size)) for size in costs
        }
        for size, task in tasks.items():
            task.home.mkdir()
            archived(ours, task)
            _stuff(ours, task, size - _LISTED)
        for number in range(ground.rounds):
            for size, task in tasks.items():
                watched = watch(ours, task, ground.scale.polling)
                costs[size].append(round(1000 * watched.cpu / watched.polls, 3))
            told = ", ".join(f"{size:,} recordings {ms[-1]:.2f} ms" for size, ms in costs.items())
            ground.say(f"polls {number + 1}/{ground.rounds}: {told}")
        statements = [_statements(ours, task) for task in tasks.values()]
    small, large = costs.values()
    growth = [many / few for few, many in zip(small, large, strict=True)]
    return Measured(
        case="polls",
        day=datetime.now(UTC).date(),
        rounds=ground.rounds,
        seconds=round(time.monotonic() - began, 1),
        readings=(
            Reading(name="growth", values=tuple(round(each, 4) for each in growth)),
            Reading(name="small", values=tuple(small)),
            Reading(name="large", values=tuple(large)),
            Reading(name="statements, small", values=(statements[0],)),
            Reading(name="statements, large", values=(statements[1],)),
        ),
    )


def _stuff(ours: Reelkeep, task: Task, count: int) -> None:
    """Let the catalog hold `count` recordings more, all of them archived."""
    pass_ = ours.again(task)
    measured(replace(pass_, command=_script("stuffing", _configuration(pass_), str(count))))


def _statements(ours: Reelkeep, task: Task) -> float:
    """Return how many SQL statements a whole pass takes that finds nothing new."""
    pass_, result = ours.again(task), task.home / "statements"
    measured(replace(pass_, command=_script("counting", str(result), *pass_.command[1:])))
    return float(result.read_text(encoding="utf-8"))


def _script(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *arguments]


def _configuration(pass_: Job) -> str:
    return pass_.command[2]
