"""Run the daemon for a while, and see how much CPU its polls take."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import Task
from benchmarks.ours import Reelkeep
from benchmarks.processes import Mishap, cpu_of, last_words, measured, started

_SETTLE = 2.0
"""Seconds until the start is over, once the first poll is."""

_START = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    """What a daemon did while it was watched."""

    seconds: float
    cpu: float
    polls: int


def archived(ours: Reelkeep, task: Task) -> None:
    """Let everything be archived, so that there is nothing new from then on."""
    job = ours.job(task)
    measured(job)
    task.goods.prove(job.harvest)


def watch(ours: Reelkeep, task: Task, seconds: float) -> Watched:
    """Run the daemon over what `archived` has left, and watch it after its start.

    Raises:
        Mishap: It does not run, or does not poll.
    """
    pass_ = ours.again(task)
    command = [*pass_.command[:-1], "run"]
    job = replace(pass_, command=command, log=task.home / "daemon.log")
    with started(job.command, job.environment, job.log) as process:
        _wait_for_a_poll(job.log)
        began, cpu, polls = time.monotonic(), cpu_of(process.pid), polls_in(job.log)
        time.sleep(seconds)
        if process.poll() is not None:
            raise Mishap(f"the daemon has ended: {last_words(job.log)}")
        watched = Watched(
            time.monotonic() - began,
            cpu_of(process.pid) - cpu,
            polls_in(job.log) - polls,
        )
    if not watched.polls:
        raise Mishap("the daemon does not poll")
    return watched


def polls_in(log: Path) -> int:
    """Return how many polls the log of a daemon tells of."""
    return log.read_text(encoding="utf-8").count('"poll.completed"')


def _wait_for_a_poll(log: Path) -> None:
    deadline = time.monotonic() + _START
    while not polls_in(log):
        if time.monotonic() > deadline:
            raise Mishap(f"the daemon does not poll: {last_words(log)}")
        time.sleep(0.1)
    time.sleep(_SETTLE)
