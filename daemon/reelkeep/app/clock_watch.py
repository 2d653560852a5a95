"""Notice that the clock is wrong, and that it was set while the program runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import anyio

from reelkeep.catalog.database import Database
from reelkeep.catalog.instants import latest_noted, reset_instants
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.recording_state import announce
from reelkeep.core.instants import PLAUSIBLE_SINCE, believed, step
from reelkeep.core.replies import ODD_SKEW, server_time, skew_in_words
from reelkeep.ports import Clock, Reply, Report, Request, Transport

LOOK = 5.0
"""Seconds between two looks at the clock."""


class ClockCheck:
    """Compares our clock with what the providers' APIs say, and reports once that it is wrong.

    It is wrong while none of the APIs that were asked agrees with it, within four minutes, and
    while it shows a time before this program was made.
    """

    def __init__(self, clock: Clock, report: Report) -> None:
        self._clock = clock
        self._report = report
        self._skews: dict[str, timedelta] = {}  # by origin
        self._since = 0.0
        self.problem: str | None = None  #: What is wrong with our clock.

    def watching(self, transport: Transport) -> Transport:
        """Return `transport`, of whose replies the time is compared."""
        return _Compared(transport, self)

    def compare(self, reply: Reply, *, seconds: float) -> None:
        """Compare our clock with the `Date` of `reply`, which took so long."""
        theirs = server_time(reply.headers)
        if theirs is not None and reply.headers.get("Age", "0").strip() == "0":  # not from a cache
            self._skews[reply.origin] = self._clock() - timedelta(seconds=seconds / 2) - theirs
            self.judge()

    def forget(self) -> None:
        """Forget what was compared: our clock was set."""
        self._skews.clear()
        self.judge()

    def judge(self) -> None:
        """Report that our clock is wrong, or that it is right again, if that is new."""
        now = self._clock()
        skew = min(self._skews.values(), key=abs, default=timedelta())
        if now < PLAUSIBLE_SINCE:
            reason = f"the clock of this machine shows {now:%Y-%m-%d}, before this program was made"
            self._begin(reason, time=now)
        elif abs(skew) >= ODD_SKEW:
            reason = f"the clock of this machine is {skew_in_words(skew)} the providers'"
            self._begin(reason, time=now, seconds=round(skew.total_seconds()))
        elif self.problem is not None:
            self.problem = None
            self._report("clock.right", seconds=round(anyio.current_time() - self._since, 3))

    def _begin(self, reason: str, **keys: Any) -> None:
        if self.problem is None:
            self._since = anyio.current_time()
            self._report("clock.wrong", reason=reason, **keys)
        self.problem = reason


@dataclass(frozen=True, slots=True)
class _Compared:
    inner: Transport
    check: ClockCheck

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[Reply]:
        began = anyio.current_time()
        async with self.inner.open(request) as reply:
            self.check.compare(reply, seconds=anyio.current_time() - began)
            yield reply


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWatch:
    """Resets what a wrong clock noted in the catalog, at the start and when the clock is set."""

    check: ClockCheck
    clock: Clock
    database: Database
    queue: SqlQueue  #: It knows the longest delays that are set, also after a reload.
    report: Report

    async def reset_instants(self, *, thorough: bool = False) -> None:
        """Reset times in the catalog that cannot be right, and report how many."""
        self.check.judge()
        now = self.clock()
        latest = await latest_noted(self.database)
        longest = self.queue.longest
        counts, steps = await reset_instants(self.database, now, longest, thorough=thorough)
        announce(self.report, steps)
        if counts:
            doubt = (
                {} if latest is None or believed(latest, now, timedelta()) else {"latest": latest}
            )
            instants = sum(counts.values())
            self.report("catalog.instants_reset", instants=instants, columns=list(counts), **doubt)

    async def watch(self, stepped: Callable[[], None]) -> None:
        """Compare the clock with the time that passes, until cancelled.

        When the clock was set, times in the catalog that cannot be right are reset, and `stepped`
        is called, so that everything that waits for a time looks at it again.
        """
        wall, monotonic = self.clock(), anyio.current_time()
        while True:
            await anyio.sleep(LOOK)
            now, passed = self.clock(), anyio.current_time() - monotonic
            moved = step(wall=now - wall, passed=timedelta(seconds=passed))
            wall, monotonic = now, anyio.current_time()
            if moved is None:
                continue
            self.report("clock.stepped", seconds=round(moved.total_seconds()), time=now)
            self.check.forget()
            await self.reset_instants(thorough=True)
            stepped()
