"""Leave the event loop for a disk, in turn and at a pace; come back with this package's errors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar, TypeVarTuple

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from reelkeep.core.rates import Allowance
from reelkeep.disk import translated

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Threads:
    """Runs blocking work, at most as much at once as `limiter` allows.

    A cancelled caller waits for its thread, so that nothing it opened is closed under it (rule
    28 of the transfer notes). Hence one piece of work should take well under a second.
    """

    def __init__(self, limiter: CapacityLimiter) -> None:
        self._limiter = limiter

    async def run(self, work: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """Return `work(*args)`.

        Raises:
            DiskFull: The disk has no room.
            IoFailed: Any other failure of the operating system.
        """
        with translated():
            return await to_thread.run_sync(
                work, *args, abandon_on_cancel=False, limiter=self._limiter
            )


class Turns:
    """Contexts for the threads that work on one file; each waits until it may."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._beside = 0
        self._alone: int | None = None  # the thread that works while nobody else does

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Work beside others that do so too."""
        with self._changed:
            self._changed.wait_for(lambda: self._alone is None)
            self._beside += 1
        try:
            yield
        finally:
            with self._changed:
                self._beside -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work while no other thread does."""
        if self._alone == threading.get_ident():
            yield
            return
        with self._changed:
            self._changed.wait_for(lambda: self._alone is None and not self._beside)
            self._alone = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._alone = None
                self._changed.notify_all()


T = TypeVar("T")

Steps = Generator[int, None, T]
"""Blocking work that yields how many bytes it has read since the last time."""

Progress = Callable[[int], None]
"""Hears of each portion that was read how many bytes it was."""

PORTION: Final = 8 << 20
"""Bytes that are read in one thread hop: some milliseconds' worth."""

LEAST: Final = 64 << 10


class Pace:
    """At most `rate` bytes a second over all who share it; None: as fast as it goes."""

    def __init__(self, rate: int | None = None) -> None:
        self._allowance = Allowance(rate)
        self.keep_to(rate)

    def keep_to(self, rate: int | None) -> None:
        """Let `rate` hold from now on."""
        self._allowance.keep_to(rate)
        self.portion = PORTION if rate is None else min(PORTION, max(LEAST, rate // 8))

    async def spend(self, size: int) -> None:
        """Wait until `size` bytes that were read are paid for; nothing is saved up."""
        if self._allowance.rate is not None:
            await anyio.sleep(self._allowance.spend(size, anyio.current_time()))


async def drive(threads: Threads, steps: Steps[T], *, pace: Pace, progress: Progress) -> T:
    """Return what `steps` return; they run in threads, a portion at a time.

    Raises:
        IoFailed: The steps let an `OSError` out.
    """
    done = False
    try:
        while True:
            read, answers = await threads.run(_advance, steps, pace.portion)
            progress(read)
            if answers:
                done = True
                return answers[0]
            await pace.spend(read)
    finally:
        if not done:
            with CancelScope(shield=True):
                await threads.run(steps.close)


def _advance(steps: Steps[T], most: int) -> tuple[int, list[T]]:
    """Return how much was read, and the answer if there is one."""
    read = 0
    while read < most:
        try:
            read += next(steps)
        except StopIteration as end:
            return read, [end.value]
    return read, []
