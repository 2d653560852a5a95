"""Make finished recordings appear in the archive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import anyio

from reelkeep.core.model import Holding
from reelkeep.errors import TransferError
from reelkeep.ports import Archive, Ledger, Report
from reelkeep.stages.bells import Bell, Ringing

MOST = 100
"""Recordings whose folders are committed in one transaction."""

AGAIN = timedelta(seconds=30)
"""When a recording that could not be published is tried again, and time is looked at."""


class Publisher:
    """Publishes whatever the ledger says is behind; `done` rings after each commit."""

    def __init__(self, ledger: Ledger, archive: Archive, *, report: Report, done: Ringing) -> None:
        self._ledger = ledger
        self._archive = archive
        self._report = report
        self._done = done
        self.stuck: set[int] = set()  #: Rows that could not be published when last tried.

    async def forever(self, recorded: Bell) -> None:
        """Publish whenever `recorded` rings, and once in a while."""
        while True:
            await self.once()
            await recorded.wait(AGAIN.total_seconds())

    async def once(self) -> None:
        """Publish all that is behind, and move on what time alone moves on."""
        self.stuck.clear()
        while True:
            behind = await self._ledger.publishable(MOST + len(self.stuck))
            todo = [holding for holding in behind if holding.row not in self.stuck]
            if not todo:
                break
            await self._publish(todo[:MOST])
        await self._ledger.sweep()
        self._done.ring()

    async def _publish(self, todo: Sequence[Holding]) -> None:
        done: list[tuple[Holding, str]] = []
        async with anyio.create_task_group() as group:
            for holding in todo:
                group.start_soon(self._one, holding, done)
        if done:
            await self._ledger.published(done)
            self._done.ring()

    async def _one(self, holding: Holding, done: list[tuple[Holding, str]]) -> None:
        try:
            folder = await self._archive.publish(holding)
        except TransferError as error:
            self.stuck.add(holding.row)
            self._report(
                "recording.publish_failed",
                provider=holding.provider,
                recording=holding.id,
                code=error.code,
                reason=str(error),
            )
        else:
            done.append((holding, folder))
