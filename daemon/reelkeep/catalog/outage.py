"""Wait while the catalog's disk fails: each transaction is tried until it is durable."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import anyio

from reelkeep.errors import CatalogUnavailable
from reelkeep.ports import Report

T = TypeVar("T")

LOOK_AGAIN = timedelta(seconds=5)
"""How often a transaction that failed is tried again."""

Sleep = Callable[[float], Awaitable[None]]


class Outage:
    """Knows whether the catalog can be written, and holds back what needs it until it can.

    It is over when no transaction waits any more: a small one may succeed where a large one still
    finds no room.
    """

    def __init__(self, report: Report, *, sleep: Sleep = anyio.sleep) -> None:
        self._report = report
        self._sleep = sleep
        self._waiting = 0
        self._since = 0.0
        self._is_stopping = False
        self.reason: str | None = None  #: Why the catalog cannot be used; None: it can.

    def stop_waiting(self) -> None:
        """Let transactions fail from now on: the process is about to end."""
        self._is_stopping = True

    async def outlast(self, transaction: Callable[[], Awaitable[T]], *, writes: bool) -> T:
        """Return what `transaction` returns; repeat it while the catalog's disk fails.

        A transaction that failed is rolled back. Only where the flush of a commit failed may it be
        found done after all, as after a power cut. Outcomes are not written twice then: they are
        those of files that are under way, which the first commit ended.

        Raises:
            CatalogUnavailable: The process is about to end.
            CatalogError: The catalog is unusable for another reason.
        """
        try:
            found = await transaction()
        except CatalogUnavailable as error:
            found = await self._repeat(transaction, error)
        else:
            if not writes:
                return found
        self._end()
        return found

    async def _repeat(
        self, transaction: Callable[[], Awaitable[T]], error: CatalogUnavailable
    ) -> T:
        self._waiting += 1
        try:
            while True:
                self._begin(error)
                if self._is_stopping:
                    raise error
                await self._sleep(LOOK_AGAIN.total_seconds())
                try:
                    return await transaction()
                except CatalogUnavailable as failure:
                    error = failure
        finally:
            self._waiting -= 1

    def _begin(self, error: CatalogUnavailable) -> None:
        if self.reason is None:
            self._since = anyio.current_time()
            self._report("catalog.unavailable", reason=str(error))
        self.reason = str(error)

    def _end(self) -> None:
        if self.reason is None or self._waiting:
            return
        self.reason = None
        seconds = round(anyio.current_time() - self._since, 3)
        self._report("catalog.available", seconds=seconds)
