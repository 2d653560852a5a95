"""Three providers that have nothing new, each polled every second."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from benchmarks.cases.daemon import archived, watch
from benchmarks.contenders import Task
from benchmarks.ground import Ground
from benchmarks.model import Measured, Reading
from benchmarks.ours import Reelkeep, providing
from benchmarks.scale import MIB

_COUNT, _SIZE = 10, 20_000


def measure(ground: Ground) -> Measured:
    """Watch the daemon once; the rounds do not count here.

    Raises:
        Mishap: It failed, or something that the benchmark itself needs.
    """
    began = time.monotonic()
    with (
        ground.room(64 * MIB) as home,
        providing("mixed", count=_COUNT, size=_SIZE) as providers,
    ):
        ours = Reelkeep(providers=providers, pace={"interval": "1s"})
        task = Task(goods=providers.goods, origin="", home=home)
        archived(ours, task)
        watched = watch(ours, task, ground.scale.idle)
    share = 100 * watched.cpu / watched.seconds
    a_poll = 1000 * watched.cpu / watched.polls
    ground.say(f"idle: {share:.2f} % of a core, {watched.polls} polls, {a_poll:.1f} ms each")
    return Measured(
        case="idle",
        day=datetime.now(UTC).date(),
        rounds=1,
        seconds=round(time.monotonic() - began, 1),
        readings=(
            Reading(name="share", values=(round(share, 3),)),
            Reading(name="polls", values=(round(watched.polls / watched.seconds, 2),)),
            Reading(name="a poll", values=(round(a_poll, 2),)),
        ),
    )
