"""Wait for an archive that is not there or cannot be used, and say so everywhere until it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from reelkeep.errors import StorageUnavailable
from reelkeep.ports import Report
from reelkeep.telemetry.notify import Notifier

LOOK_AGAIN = 5.0
"""Seconds between two attempts to open the archive."""

Wait = Callable[[float], Awaitable[object]]
"""Returns after so many seconds, or when it is worth trying earlier."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Absence:
    """What keeps a daemon from opening its archive; `reason` is None while nothing does."""

    report: Report
    notifier: Notifier
    reason: str | None = None
    _since: float = field(default=0.0)

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
        """Enter `opening()` on `stack`, as soon as the archive is there; return what it gives.

        Until then `serving` answers those who ask how the daemon is. Nothing is locked while it
        waits, so that an operator can work on archive and catalog.
        """
        async with AsyncExitStack() as meanwhile:
            while True:
                try:
                    opened = await stack.enter_async_context(opening())
                except StorageUnavailable as error:  # `ArchiveAbsent` is one, too
                    first = self.reason is None
                    self._note(str(error))
                    if first:
                        await serving(meanwhile)
                    await wait(LOOK_AGAIN)
                else:
                    self._end()
                    return opened

    def _note(self, reason: str) -> None:
        if self.reason is None:
            self._since = anyio.current_time()
        if reason != self.reason:  # said once, and again when it is another archive
            self.report("archive.absent", reason=reason)
            self.notifier.ready()  # a service that waits has started: others need not wait for it
            self.notifier.status(f"waiting: {reason}")
        self.reason = reason

    def _end(self) -> None:
        if self.reason is not None:
            self.reason = None
            seconds = round(anyio.current_time() - self._since, 3)
            self.report("archive.found", seconds=seconds)
