"""Do for many at once what many ask for one by one: one visit to a thread for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from anyio import CancelScope, Event, Semaphore

from reelkeep.archive.threads import Threads
from reelkeep.disk import disk_error
from reelkeep.errors import TransferError

Wish = TypeVar("Wish")
Grant = TypeVar("Grant")

MOST = 64
"""Wishes in one visit."""

VISITS = 2
"""Visits at a time: while one waits for the disk, the next is prepared."""


@dataclass(slots=True, eq=False)
class _Waiting(Generic[Wish, Grant]):
    """Somebody's wish, and what became of it."""

    wish: Wish
    done: Event = field(default_factory=Event)
    answer: Grant | OSError | TransferError | None = None


class Batches(Generic[Wish, Grant]):
    """Whoever comes while others are served waits, and is served with all who wait by then.

    `work` runs in a thread, and returns for each wish what was asked for, or why not.
    """

    def __init__(
        self,
        threads: Threads,
        work: Callable[[Sequence[Wish]], Sequence[Grant | OSError | TransferError]],
    ) -> None:
        self._threads = threads
        self._work = work
        self._waiting: list[_Waiting[Wish, Grant]] = []
        self._visits = Semaphore(VISITS, fast_acquire=True)

    async def __call__(self, wish: Wish) -> Grant:
        """Return what became of `wish`.

        Raises:
            DiskFull, IoFailed: The disk failed it.
        """
        mine: _Waiting[Wish, Grant] = _Waiting(wish)
        self._waiting.append(mine)
        try:
            async with self._visits:
                if mine in self._waiting:
                    await self._serve()
            await mine.done.wait()
        finally:
            if mine in self._waiting:  # we were torn away before our turn
                self._waiting.remove(mine)
        return _granted(mine)

    async def _serve(self) -> None:
        """Serve all who wait; others depend on it, so that whoever does it is not cancelled."""
        batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            with CancelScope(shield=True):
                answers = await self._threads.run(self._work, [each.wish for each in batch])
            for each, answer in zip(batch, answers, strict=True):
                each.answer = answer
        finally:
            for each in batch:
                each.done.set()


def _granted(waiting: _Waiting[Wish, Grant]) -> Grant:
    answer = waiting.answer
    if isinstance(answer, OSError):
        raise disk_error(answer) from answer
    if isinstance(answer, TransferError):
        raise answer
    if answer is None:
        raise RuntimeError("a batch left somebody without an answer")
    return answer
