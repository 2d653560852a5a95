"""Prove that the loop turns, for as long as the daemon lives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import anyio

from reelkeep.telemetry.notify import Notifier

TICK = 5.0
"""The most seconds between two proofs."""

STARTING = timedelta(minutes=1)
"""How much longer a start may take after each proof: to take over an archive takes its time."""


class Watchdog:
    """Beats on the loop and depends on nothing else: a busy catalog does not make us look dead."""

    def __init__(self, notifier: Notifier, lagged: Callable[[float], object]) -> None:
        self._notifier = notifier
        self._lagged = lagged  # told by how many seconds each turn was late
        self._turned_at = anyio.current_time()
        self.starting = True  #: Not ready for the first time yet; systemd bounds how long.

    @property
    def healthy(self) -> bool:
        """Whether the loop has turned lately."""
        return anyio.current_time() - self._turned_at < 4 * TICK

    async def forever(self) -> None:
        """Tell systemd after each turn that we are alive; until cancelled."""
        interval = self._notifier.watchdog_interval
        pause = TICK if interval is None else min(TICK, interval.total_seconds())
        while True:
            self._turned_at = anyio.current_time()
            self._notifier.alive()
            if self.starting:
                self._notifier.extend(STARTING)
            await anyio.sleep(pause)
            self._lagged(anyio.current_time() - self._turned_at - pause)
