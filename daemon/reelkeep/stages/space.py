"""Hold transfers back while the disk has too little room, and let them go on by themselves."""

from __future__ import annotations

from datetime import timedelta

import anyio

from reelkeep.core.model import Download
from reelkeep.errors import TransferError
from reelkeep.ports import Archive, Report
from reelkeep.stages.flights import Flights

LOOK_AGAIN = timedelta(seconds=5)
"""How often a full disk is looked at."""

FRESH = 1.0
"""Seconds for which a reading of the free space is believed."""


class Space:
    """Admits a file if the free space holds it and all that the transfers under way still need."""

    def __init__(self, archive: Archive, flights: Flights, report: Report) -> None:
        self._archive = archive
        self._flights = flights
        self._report = report
        self._read_at = -FRESH
        self._free = 0
        self.low_since: float | None = None  #: On the loop's clock; None: there is room.

    async def wait_for(self, download: Download) -> None:
        """Return once there is room for `download`."""
        while not await self._fits(download.size or 0):  # noqa: ASYNC110 (a disk rings no bell)
            await anyio.sleep(LOOK_AGAIN.total_seconds())

    async def _fits(self, size: int) -> bool:
        free = await self.free()
        left = sum(max(0, (f.total or 0) - f.done) for f in self._flights.under_way)
        wanted = left + size
        fits = free > 0 and free >= wanted
        if not fits and not self.low:
            self.low_since = anyio.current_time()
            self._report("disk.low", free=free, wanted=wanted)
        elif fits and self.low:
            self.low_since = None
            self._report("disk.recovered", free=free)
        return fits

    @property
    def low(self) -> bool:
        """Whether transfers wait for room."""
        return self.low_since is not None

    async def free(self) -> int:
        """Return the bytes that may be used, read at most FRESH seconds ago."""
        now = anyio.current_time()
        if now - self._read_at >= FRESH or self.low:
            try:
                self._free = await self._archive.free()
            except TransferError:
                self._free = 0  # a disk that cannot even be asked holds nothing
            self._read_at = now
        return self._free
