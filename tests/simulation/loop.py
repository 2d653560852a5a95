"""A loop on which a seed decides everything: no thread, no socket, no address of an object.

It is alone: when nothing can run and no timer is set, nobody will ever wake it. That is a
deadlock, and raised. So is a loop that turns on and on while no time passes.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import anyio
from anyio._backends import _asyncio as backend

from simulation.fate import Fate, Killed
from virtual import Jumping, VirtualLoop

MOST_TURNS = 20_000
"""Turns of the loop while the clock stands: more are a livelock."""

MOST_STEPS = 3_000_000
"""Turns of the loop in one simulation."""


class Deadlock(AssertionError):
    """Everybody waits for somebody."""


class Livelock(AssertionError):
    """Everybody works, and nothing comes of it."""


class _Alone(Jumping):
    """Nobody outside ever speaks up."""

    _loop: SimLoop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise Deadlock("nothing can run, and no timer is set")
        self._loop.turned()
        self._loop.jump(timeout)
        return []


class SimLoop(VirtualLoop):
    """The loop of one simulation."""

    selector = _Alone

    def __init__(self) -> None:
        self._turns = 0
        self.steps = 0
        super().__init__()

    def turned(self) -> None:
        self._turns += 1
        self.steps += 1
        if self._turns > MOST_TURNS:
            raise Livelock(f"{MOST_TURNS} turns of the loop, and no time has passed")
        if self.steps > MOST_STEPS:
            raise Livelock(f"{MOST_STEPS} turns of the loop, and no end")

    def jump(self, seconds: float) -> None:
        if seconds > 0:
            self._turns = 0
        super().jump(seconds)

    def run_in_executor(  # type: ignore[override]  # the types of a pass-through say nothing
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """Do it at once: this is for what goes to files by `aiofiles`."""
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever awaits it gets it
            future.set_exception(error)
        return future


class Ordered(dict[Any, None]):
    """A set that is walked in the order of its making, wherever its members lie in memory."""

    add = dict.setdefault

    def remove(self, member: Any) -> None:
        del self[member]

    def discard(self, member: Any) -> None:
        self.pop(member, None)

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple(self.keys()))


class Hops:
    """Runs the work of threads inline, a little sooner or later as the dice say.

    A process may die just before the work, or after it and before anybody hears of it.
    """

    def __init__(self, rng: Callable[[], float]) -> None:
        self._rng = rng
        self.fate = Fate()

    async def run(
        self,
        func: Any,
        args: Any,
        abandon_on_cancel: bool = False,
        limiter: Any = None,
    ) -> Any:
        del abandon_on_cancel
        await backend.AsyncIOBackend.checkpoint()
        fate = self.fate
        async with limiter or backend.AsyncIOBackend.current_default_thread_limiter():
            with suppress(Killed), anyio.CancelScope(shield=True):
                await self._loiter()
                fate.tick()
                found = func(*args)
                fate.tick()
                await self._loiter()
                return found
        await fate.reach()
        raise AssertionError("it is dead")

    async def _loiter(self) -> None:
        if self._rng() < 0.1:
            await asyncio.sleep(self._rng() * 0.05)


@contextmanager
def deterministic(hops: Hops) -> Iterator[None]:
    """Take threads and the order of sets out of anyio's backend, and who we are out of the disk.

    The lock of an archive tells process and host: a longer number would leave fewer bytes free.
    """

    async def run(_cls: type, *args: Any, **options: Any) -> Any:
        return await hops.run(*args, **options)

    with (
        patch.object(backend, "set", Ordered, create=True),
        patch.object(backend.AsyncIOBackend, "run_sync_in_worker_thread", classmethod(run)),
        patch.object(os, "getpid", lambda: 4711),
        patch.object(socket, "gethostname", lambda: "archive-host"),
    ):
        yield
