"""Know what fits on the disk, and say once of each file that it does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import anyio

from reelkeep.core.model import Download, ProviderName
from reelkeep.core.room import Room, room_left
from reelkeep.errors import TransferError
from reelkeep.ports import Archive, Clock, PassedOver, Queue, Report
from reelkeep.stages.active_transfers import ActiveTransfers

FRESH = 1.0
"""Seconds for which a reading of the free space is believed."""

KEPT_FRESH = timedelta(seconds=30)
"""For how long it is believed how much room endangered recordings need."""

MOST = 1000
"""Files remembered at most of which it was said that they do not fit."""


class Space:
    """Reckons what fits: free bytes, less what transfers under way need, less what is kept.

    `names` gives the providers that are worked for now.
    """

    def __init__(
        self, archive: Archive, flights: ActiveTransfers, queue: Queue, report: Report, *,
        clock: Clock, names: Callable[[], Sequence[ProviderName]],
    ) -> None:  # fmt: skip
        self._archive = archive
        self._flights = flights
        self._queue = queue
        self._report = report
        self._clock = clock
        self._names = names
        self._read_at = -FRESH
        self._free = 0
        self._received = 0  # bytes that had come when the free space was read
        self._kept_at = -KEPT_FRESH.total_seconds()
        self._kept = 0
        self._said: dict[int, PassedOver] = {}
        self._outgrown: dict[int, PassedOver] = {}  # what proved too large only when it came

    async def room(self) -> Room:
        """Return what fits now."""
        free = await self.free()
        kept = await self._kept_room()
        flying = (max(0, (each.total or 0) - each.done) for each in self._flights.under_way)
        return room_left(free, flying=flying, kept=kept)

    async def admits(self, download: Download, deadline: datetime | None) -> bool:
        """Return whether there is room for `download` now."""
        return (await self.room()).fits(download.size, deadline, self._clock())

    async def free(self) -> int:
        """Return the bytes that may be used, less what came since they were read."""
        now = anyio.current_time()
        if now - self._read_at >= FRESH:
            try:
                self._free = await self._archive.free()
            except TransferError:
                self._free = 0  # a disk that cannot even be asked holds nothing
            self._read_at, self._received = now, self._flights.received
        return self._free - (self._flights.received - self._received)

    async def tell(self) -> bool:
        """Report each file that does not fit, once, and once that it is no longer waited for.

        Return whether there were any.
        """
        found = await self._queue.too_large(self._names(), await self.room(), MOST)
        waiting = {each.row: each for each in found} | self._outgrown
        for row, each in waiting.items():
            if row not in self._said:
                self._say("file.too_large", each, bytes=each.size, missing=each.missing)
        for row, each in self._said.items():
            if row not in waiting:
                self._say("file.fits", each, bytes=each.size)
        before, self._said = self._said, waiting
        return bool(before or waiting)

    def outgrown(self, download: Download, size: int | None) -> None:
        """Note that `download`, of which no size was known, did not fit when it came."""
        if download.row not in self._outgrown and len(self._outgrown) < MOST:
            needs = size or download.size or 0
            self._outgrown[download.row] = PassedOver(
                row=download.row, provider=download.provider, recording=download.recording,
                name=download.name, size=needs, missing=max(0, needs - self._free),
            )  # fmt: skip

    def settled(self, row: int) -> None:
        """Note that the file `row` is waited for no longer."""
        self._outgrown.pop(row, None)

    async def _kept_room(self) -> int:
        """Return the bytes that are kept for what is deleted soon."""
        now = anyio.current_time()
        if now - self._kept_at >= KEPT_FRESH.total_seconds():
            try:
                most = await self._archive.capacity()
            except TransferError:
                most = 0
            self._kept = await self._queue.endangered(self._names(), most)
            self._kept_at = now
        return self._kept

    def _say(self, event: str, each: PassedOver, **more: int) -> None:
        self._report(
            event, provider=each.provider, recording=each.recording, file=each.name, **more
        )
