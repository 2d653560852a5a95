"""Wait for an archive and a catalog that cannot be opened, and say so everywhere until they can."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio

from reelkeep.disk import Disk
from reelkeep.errors import (
    ArchiveAbsent,
    CatalogUnavailable,
    DiskFull,
    Error,
    StorageUnavailable,
)
from reelkeep.ports import Report
from reelkeep.telemetry.notify import Notifier

LOOK_AGAIN = 5.0
"""Seconds between two attempts to open them."""

Wait = Callable[[float], Awaitable[object]]
"""Returns after so many seconds, or when it is worth trying earlier."""

_T = TypeVar("_T")


def room_at(path: Path, min_free: int) -> dict[str, int | None]:
    """Return the figures of the disk at `path`, as `disk.low` has them. Blocking."""
    try:
        free = Disk().free(path)
    except OSError:
        free = None
    return {"free": free, "min_free": min_free}


def _unknown() -> dict[str, int | None]:
    return {"free": None, "min_free": None}


@dataclass(slots=True)
class Absence:
    """What keeps a daemon from opening archive and catalog; `reason` is None while nothing does.

    Each condition has the events that it has in a running daemon; `room` gives the figures of the
    archive's disk for those about its room.
    """

    report: Report
    notifier: Notifier
    room: Callable[[], Mapping[str, int | None]] = _unknown
    reason: str | None = None
    _since: float = field(default=0.0)
    _ends: str = field(default="")  # the event that ends the condition

    async def reasons(self) -> list[str]:
        """Return why the daemon is not ready."""
        return [] if self.reason is None else [self.reason]

    async def outlast(
        self,
        stack: AsyncExitStack,
        opening: Callable[[], AbstractAsyncContextManager[_T]],
        *,
        serving: Callable[[AsyncExitStack], Awaitable[None]],
        wait: Wait,
    ) -> _T:
        """Enter `opening()` on `stack`, as soon as that can be done; return what it gives.

        Until then `serving` answers those who ask how the daemon is. Nothing is locked while it
        waits, so that an operator can work on archive and catalog.
        """
        first = True
        async with AsyncExitStack() as meanwhile:
            while True:
                try:
                    opened = await stack.enter_async_context(opening())
                except (StorageUnavailable, DiskFull, CatalogUnavailable) as error:
                    self._note(error)
                    if first:
                        await serving(meanwhile)
                        first = False
                    await wait(LOOK_AGAIN)
                else:
                    self._end()
                    return opened

    def _note(self, error: Error) -> None:
        reason = str(error)
        begins, ends, keys = _events(error)
        if begins == "disk.low":
            keys = self.room()
        if ends != self._ends:
            self._end()
            self._since, self._ends = anyio.current_time(), ends
        if reason != self.reason:  # said once, and again when it is another archive
            self.report(begins, **keys, reason=reason)
            self.notifier.ready()  # a service that waits has started: others need not wait for it
            self.notifier.status(f"waiting: {reason}")
        self.reason = reason

    def _end(self) -> None:
        if self.reason is None:
            return
        seconds = round(anyio.current_time() - self._since, 3)
        keys = self.room() if self._ends == "disk.recovered" else {"seconds": seconds}
        self.report(self._ends, **keys)
        self.reason, self._ends = None, ""


def _events(error: Error) -> tuple[str, str, Mapping[str, Any]]:
    """Return the events that begin and end the condition, and what the first says of it."""
    if isinstance(error, CatalogUnavailable):
        return "catalog.unavailable", "catalog.available", {}
    if isinstance(error, DiskFull):
        return "disk.low", "disk.recovered", {}
    if isinstance(error, StorageUnavailable) and not isinstance(error, ArchiveAbsent):
        return "archive.unavailable", "archive.available", {"condition": error.condition}
    return "archive.absent", "archive.found", {}
