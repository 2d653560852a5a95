"""Leave the event loop for a disk, and come back with this package's errors only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

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

        def translating() -> _T:
            with translated():
                return work(*args)

        return await to_thread.run_sync(translating, abandon_on_cancel=False, limiter=self._limiter)
