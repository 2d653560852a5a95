"""Fetch over many slow connections at once, and see how much memory that takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from benchmarks.contenders import Task
from benchmarks.figures import peak
from benchmarks.ground import Ground
from benchmarks.model import Measured, Reading, Run
from benchmarks.nginx import Manner, Nginx, Served, serving
from benchmarks.ours import Reelkeep, providing
from benchmarks.processes import measured


def measure(ground: Ground) -> Measured:
    """Run reelkeep alone, with as many workers as there are files.

    Raises:
        Mishap: It failed, or something that the benchmark itself needs.
    """
    began = time.monotonic()
    scale = ground.scale
    count, total = scale.streams, scale.streams * scale.stream
    manner = Manner(rate=scale.stream_rate, counted=True)
    with (
        ground.room(total) as home,
        serving(home, ground.certificates, manner) as nginx,
        providing(
            "meetings",
            count=count,
            size=scale.stream,
            goods=nginx.goods,
            downloads=nginx.origin("https"),
        ) as providers,
    ):
        settings = {"downloads": {"workers": count, "per_host": count}}
        ours = Reelkeep(providers=providers, settings=settings)
        runs, streams = [], []
        for _ in range(ground.rounds):
            nginx.forget()
            runs.append(_attempt(ground, ours, nginx))
            streams.append(at_once(nginx.served()))
            ground.say(f"slow64: {peak(runs[-1]):.0f} MiB, {streams[-1]} streams at once")
    return Measured(
        case="slow64",
        day=datetime.now(UTC).date(),
        rounds=ground.rounds,
        seconds=round(time.monotonic() - began, 1),
        files=count,
        size=total,
        readings=(
            Reading(name="peak", values=tuple(round(peak(run), 1) for run in runs)),
            Reading(name="streams", values=tuple(map(float, streams))),
            Reading(name="cpu", values=tuple(run.cpu for run in runs)),
        ),
    )


def at_once(replies: Iterable[Served]) -> int:
    """Return how many of `replies` were under way at the same time, at most."""
    moments = [(reply.began, 1) for reply in replies] + [(reply.ended, -1) for reply in replies]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def _attempt(ground: Ground, ours: Reelkeep, nginx: Nginx) -> Run:
    goods = ours.providers.goods
    with ground.room(goods.size) as home:
        task = Task(
            goods=goods,
            origin=nginx.origin("https"),
            home=home,
            authority=ground.certificates.authority,
        )
        job = ours.job(task)
        run = measured(job)
        goods.prove(job.harvest)
    return run
