"""Fetch the same files with everybody, from nothing: the large, the single and the small case."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender, Task
from benchmarks.figures import GB
from benchmarks.ground import Ground
from benchmarks.model import Measured, Run
from benchmarks.nginx import Nginx, serving
from benchmarks.ours import Providers, Reelkeep, providing
from benchmarks.processes import Mishap, measured
from benchmarks.referee import fight

_CONTROL = 60.0
"""Seconds after which a contender that refuses a server may be stopped: it refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One such case."""

    key: str
    scheme: str
    world: str  #: See `benchmarks.provider`.
    count: int  #: Of recordings.
    size: int  #: Bytes of each; their other files included.
    rivals: Sequence[Contender]
    durable: bool = False  #: On the real disk, rather than in memory.
    settings: Mapping[str, Any] = field(default_factory=dict)

    def measure(self, ground: Ground) -> Measured:
        """Let everybody run.

        Raises:
            Mishap: reelkeep failed, or something that the benchmark itself needs.
        """
        began = time.monotonic()
        total = self.count * self.size
        with (
            ground.room(total) as home,
            serving(home, ground.certificates) as nginx,
            providing(
                self.world,
                count=self.count,
                size=self.size,
                goods=nginx.goods,
                downloads=nginx.origin(self.scheme),
            ) as providers,
        ):
            match = _Match(self, ground, nginx, providers)
            ours = Reelkeep(providers=providers, settings=self.settings)
            if self.scheme == "https":
                for contender in (ours, *self.rivals):
                    match.control(contender)
            spent = nginx.cpu()
            duels = fight(ground, ours, self.rivals, match.attempt, title=self.key)
            served = match.runs * providers.goods.size
            return Measured(
                case=self.key,
                day=datetime.now(UTC).date(),
                rounds=ground.rounds,
                seconds=round(time.monotonic() - began, 1),
                files=len(providers.goods.items),
                size=providers.goods.size,
                server=round((nginx.cpu() - spent) * GB / served, 3),
                duels=duels,
            )


@dataclass(slots=True)
class _Match:
    case: Transfer
    ground: Ground
    nginx: Nginx
    providers: Providers
    runs: int = 0

    def attempt(self, contender: Contender) -> Run:
        """Let `contender` fetch everything into a fresh directory; compare every byte."""
        size = self.providers.goods.size
        place = nullcontext(self.ground.plot(size)) if self.case.durable else self.ground.room(size)
        with place as home:
            task = self._task(home, self.ground.certificates.authority)
            job = contender.job(task)
            run = measured(job)
            task.goods.prove(job.harvest)
        self.runs += 1
        return run

    def control(self, contender: Contender) -> None:
        """See that `contender` refuses a server whose authority it was not told of.

        Raises:
            Mishap: It does not look at certificates, so that its figures would mean nothing.
        """
        with self.ground.room(self.providers.goods.size) as home:
            task = self._task(home, None)
            job = contender.job(task)
            try:
                measured(job, patience=_CONTROL)
                task.goods.prove(job.harvest)
            except Mishap:
                return
        raise Mishap(f"{contender.name} does not verify certificates")

    def _task(self, home: Path, authority: Path | None) -> Task:
        return Task(
            goods=self.providers.goods,
            origin=self.nginx.origin(self.case.scheme),
            home=home,
            authority=authority,
        )
