"""An event loop in which waiting takes no time.

When nothing can run, its clock jumps to the next timer. Work in threads and, if asked for, a
little real time for sockets are waited for before a jump, so that real files and real loopback
servers can take part. Use it for a module's asynchronous tests by

    @pytest.fixture
    def anyio_backend() -> Backend:
        return VIRTUAL
"""

from __future__ import annotations

import asyncio
import math
import selectors
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio._backends import _asyncio as backend

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
"""What time it is, by `clock`, when a virtual loop begins."""

Backend = tuple[str, dict[str, Callable[[], asyncio.AbstractEventLoop]]]


class Jumping:
    """A selector that jumps over the waits of its loop."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return self._real.select(None)
        if events := self._real.select(0):
            return events
        while self._loop.busy() and timeout > 0:
            if events := self._real.select(0.01):
                return events
        if timeout > 0 and self._loop.patience and (events := self._patiently(timeout)):
            return events
        self._loop.jump(timeout)
        return []

    def _patiently(self, timeout: float) -> Any:
        """Return what sockets say in a little real time; while others had the CPU counts not."""
        patience = min(timeout, self._loop.patience)
        while True:
            began = time.monotonic()
            if events := self._real.select(patience):
                return events
            if time.monotonic() - began < 2 * self._loop.patience:
                return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock starts at nought and moves by jumps only."""

    selector: type[Jumping] = Jumping
    patience = 0.0
    """Real seconds in which a socket may speak up before the clock jumps."""

    def __init__(self) -> None:
        self._now = 0.0
        self._working: set[asyncio.Future[Any]] = set()
        super().__init__(self.selector(self))  # type: ignore[arg-type]  # it quacks
        self._clock_resolution = 1e-6  # the default of 1e-9 is lost in a float after a few months

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        if seconds > 0:  # a step too small for the float would never get there
            self._now = max(self._now + seconds, math.nextafter(self._now, math.inf))

    def busy(self) -> bool:
        """Whether a thread works for us, be it of asyncio's pool or of anyio's."""
        return bool(self._working) or _anyio_threads_at_work()

    def run_in_executor(  # type: ignore[override]  # the types of a pass-through say nothing
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self._working.add(future)
        future.add_done_callback(self._working.discard)
        return future


class PatientLoop(VirtualLoop):
    """For tests with real sockets: gives them twenty real milliseconds before each jump."""

    patience = 0.02


VIRTUAL: Backend = ("asyncio", {"loop_factory": VirtualLoop})
PATIENT: Backend = ("asyncio", {"loop_factory": PatientLoop})


def clock() -> datetime:
    """Return the time of day of the running loop: `START` and what has passed since."""
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def _anyio_threads_at_work() -> bool:
    try:
        return len(backend._threadpool_workers.get()) > len(backend._threadpool_idle_workers.get())
    except (LookupError, RuntimeError):  # no thread was used so far
        return False
