"""Stop or kill a transfer at seven tenths, and measure the run that ends it."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from subprocess import TimeoutExpired

from benchmarks.contenders import Contender, Task
from benchmarks.goods import written
from benchmarks.ground import Ground
from benchmarks.model import Duel, Measured, Run
from benchmarks.nginx import Manner, Nginx, serving
from benchmarks.ours import Providers, Reelkeep, providing
from benchmarks.peers.programs import Aria2
from benchmarks.processes import Job, Mishap, measured, started
from benchmarks.referee import fight
from benchmarks.scale import MIB

_AT = 0.7
_REIN = 100 * MIB
"""Bytes a second of each connection until the order comes: slow enough to hit the mark, and that
little is on its way then."""

_PATIENCE = 60.0

RIVAL = Aria2(name="aria2c -c", jobs=1, resumes=True)
ENDINGS = {"stopped": signal.SIGTERM, "killed": signal.SIGKILL}


def measure(ground: Ground) -> Measured:
    """Resume over https and http, after both endings, against aria2c.

    Raises:
        Mishap: reelkeep failed, or something that the benchmark itself needs.
    """
    began = time.monotonic()
    size = ground.scale.resumed
    manner = Manner(rein=_REIN, counted=True)
    duels: list[Duel] = []
    for scheme in ("https", "http"):
        with (
            ground.room(size) as home,
            serving(home, ground.certificates, manner) as nginx,
            providing(
                "meetings",
                count=1,
                size=size,
                goods=nginx.goods,
                downloads=nginx.origin(scheme),
            ) as providers,
        ):
            ours = Reelkeep(providers=providers, settings={"shutdown_grace": "1s"})
            for ending, order in ENDINGS.items():
                trial = _Trial(ground, nginx, providers, scheme, order)
                duels += fight(
                    ground, ours, [RIVAL], trial.attempt,
                    title="resume", variant=f"{scheme}, {ending}",
                )  # fmt: skip
    return Measured(
        case="resume",
        day=datetime.now(UTC).date(),
        rounds=ground.rounds,
        seconds=round(time.monotonic() - began, 1),
        files=1,
        size=size,
        duels=tuple(duels),
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    ground: Ground
    nginx: Nginx
    providers: Providers
    scheme: str
    order: signal.Signals

    def attempt(self, contender: Contender) -> Run:
        """Let `contender` be ended at seven tenths, then let it end what it began."""
        goods = self.providers.goods
        with self.ground.room(goods.size) as home:
            task = Task(
                goods=goods,
                origin=self.nginx.origin(self.scheme),
                home=home,
                authority=self.ground.certificates.authority if self.scheme == "https" else None,
            )
            self.nginx.forget()
            with self.nginx.reined():
                self._break_off(contender.job(task), task)
            job = contender.job(task)
            run = measured(job)
            goods.prove(job.harvest)
        sent = sum(reply.size for reply in self.nginx.served())
        return Run(wall=run.wall, cpu=run.cpu, peak=run.peak, resent=max(0, sent - goods.size))

    def _break_off(self, job: Job, task: Task) -> None:
        with started(job.command, job.environment, job.log) as process:
            _wait_for_most(task)
            if process.poll() is not None:
                raise Mishap("it ended before it could be stopped")
            process.send_signal(self.order)
            try:
                process.wait(_PATIENCE)
            except TimeoutExpired:
                raise Mishap("it does not stop when it is told to") from None


def _wait_for_most(task: Task) -> None:
    """Wait until seven tenths of the bytes are on disk, by however many connections."""
    deadline = time.monotonic() + _PATIENCE
    while written(task.home) < _AT * task.goods.size:
        if time.monotonic() > deadline:
            raise Mishap("it did not come to seven tenths")
        time.sleep(0.01)
