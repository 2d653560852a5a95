"""Pause all transfers while nothing can be stored, and know what fits on the disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import anyio

from reelkeep.core.file_system import Room, room_left
from reelkeep.core.model import Download, ProviderName
from reelkeep.core.text import describe_error
from reelkeep.errors import ArchiveAbsent, ConfigError, DiskFull, IoFailed, TooLarge, TransferError
from reelkeep.ports import Archive, Clock, PassedOver, Queue, Report
from reelkeep.stages.signals import Notifiable
from reelkeep.stages.worker_pool import ActiveTransfers

FRESH = 1.0
"""Seconds for which a reading of the free space is believed."""

KEPT_FRESH = timedelta(seconds=30)
"""For how long it is believed how much room endangered recordings need."""

MOST = 1000
"""Files remembered at most of which it was said that they do not fit."""


class DiskSpace:
    """Reckons what fits: free bytes, less what transfers under way need, less what is kept.

    `names` gives the providers that are worked for now.
    """

    def __init__(
        self, archive: Archive, transfers: ActiveTransfers, queue: Queue, report: Report, *,
        clock: Clock, names: Callable[[], Sequence[ProviderName]],
    ) -> None:  # fmt: skip
        self._archive = archive
        self._transfers = transfers
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
        under_way = (max(0, (each.total or 0) - each.done) for each in self._transfers.under_way)
        return room_left(free, under_way=under_way, kept=kept)

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
            self._read_at, self._received = now, self._transfers.received
        return self._free - (self._transfers.received - self._received)

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


LOOK_AGAIN = timedelta(seconds=5)
"""How often a small write is tried while nothing can be stored."""

LOOK = timedelta(minutes=1)
"""How often the figures of the disk are looked at while all is well."""


class Storage:
    """Knows whether the archive takes files, and what an error of the disk is about.

    `low_since` and `unavailable_since` are on the loop's clock; None: the condition does not hold.
    """

    def __init__(
        self, archive: Archive, report: Report, *, reopened: Notifiable | None = None
    ) -> None:
        """`reopened` is notified when transfers may go on."""
        self._archive = archive
        self._report = report
        self._reopened = reopened
        self.low_since: float | None = None  #: The disk has no room for anything.
        self.unavailable_since: float | None = None  #: The archive cannot be written.
        self.reason: str | None = None  #: Why transfers pause.
        self._is_absent = False  # another archive, or none, is there
        self._turn = anyio.Lock()
        self._begun = self._written = 0  # looks so far, and the last one of them that wrote

    @property
    def paused(self) -> bool:
        """Whether nothing can be stored, and all transfers wait."""
        return self.paused_since is not None

    @property
    def paused_since(self) -> float | None:
        """Since when all transfers wait, on the loop's clock."""
        since = [at for at in (self.low_since, self.unavailable_since) if at is not None]
        return min(since, default=None)

    def document(self) -> dict[str, str | None]:
        """Return the condition as plain data."""
        if self.unavailable_since is not None:
            return {"state": "unavailable", "reason": self.reason}
        if self.low_since is not None:
            return {"state": "low", "reason": self.reason}
        return {"state": "ok", "reason": None}

    async def opened(self) -> None:
        """Return once something can be stored."""
        while self.paused:
            await anyio.sleep(LOOK_AGAIN.total_seconds())
            await self.look()

    @property
    def pause(self) -> float:
        """Seconds until the disk is to be looked at again."""
        return (LOOK_AGAIN if self.paused else LOOK).total_seconds()

    async def look(self, *, write: bool = False) -> None:
        """Look at the figures of the disk; with `write`, and while transfers pause, write, too.

        One caller at a time: a look that began after they called counts for those who wait.
        """
        called = self._begun
        async with self._turn:
            if (self._written if write else self._begun) <= called:
                self._begun += 1
                if write or self.paused:
                    self._written = self._begun
                await self._look_now(write=self._written == self._begun)

    async def _look_now(self, *, write: bool) -> None:
        error: Exception | None = None
        free: int | None = None
        try:
            free = await self._archive.free()
            await self._archive.probe(write=write)
        except (TransferError, ConfigError) as failure:
            error = failure
        self._note(error, free)

    async def examine(self, error: TransferError) -> TransferError:
        """Return what an attempt that failed with `error` is to be recorded as.

        The kernel names what happened, not what it is about. If a small write fails, too, it is
        the place, and `error` is returned: nobody is at fault. Else it is about the one file.
        """
        if not _is_suspect(error):
            return error
        await self.look(write=True)
        if self.paused:
            return error
        if not isinstance(error, DiskFull):
            return IoFailed(str(error))
        return error if isinstance(error, TooLarge) else TooLarge(str(error))

    def _note(self, error: Exception | None, free: int | None) -> None:
        """Begin and end the conditions that a look has found, each said once."""
        was_paused = self.paused
        full = error is None and free is not None and free <= 0
        if full or isinstance(error, DiskFull):
            self.reason = "archive.min_free is reached" if error is None else describe_error(error)
            self._begin_low(free)
            self._end_unavailable()
        elif error is not None:
            self.reason = describe_error(error)
            self._begin_unavailable(error)
        else:
            self._end_low(free)
            self._end_unavailable()
            self.reason = None
            if was_paused and self._reopened is not None:
                self._reopened.notify()

    def _begin_low(self, free: int | None) -> None:
        if self.low_since is None:
            self.low_since = anyio.current_time()
            free = self._plain(free)
            self._report("disk.low", free=free, min_free=self._kept, reason=self.reason)

    def _end_low(self, free: int | None) -> None:
        if self.low_since is not None:
            self.low_since = None
            self._report("disk.recovered", free=self._plain(free), min_free=self._kept)

    def _begin_unavailable(self, error: Exception) -> None:
        """Report it; that another archive, or none, is there, is an event of its own."""
        if self.unavailable_since is not None:
            return
        self.unavailable_since = anyio.current_time()
        self._is_absent = isinstance(error, ArchiveAbsent)
        if self._is_absent:
            self._report("archive.absent", reason=self.reason)
        else:
            condition = getattr(error, "condition", "place")
            self._report("archive.unavailable", condition=condition, reason=self.reason)

    def _end_unavailable(self) -> None:
        if self.unavailable_since is None:
            return
        seconds = round(anyio.current_time() - self.unavailable_since, 3)
        self.unavailable_since = None
        self._report("archive.found" if self._is_absent else "archive.available", seconds=seconds)

    @property
    def _kept(self) -> int:
        return self._archive.min_free

    def _plain(self, free: int | None) -> int | None:
        """Return all free bytes of the disk, those that are kept free included."""
        return None if free is None else free + self._kept


def _is_suspect(error: TransferError) -> bool:
    """Whether `error` may be about the place rather than about one file."""
    waits = isinstance(error, IoFailed) and error.remedy is not IoFailed.remedy
    return isinstance(error, DiskFull) or (waits and error.remedy.value == "wait")
