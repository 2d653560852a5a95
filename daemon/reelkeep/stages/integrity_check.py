"""Read folders of the archive again, a little at a time, and note how their files were found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import anyio

from reelkeep.core.instants import believed
from reelkeep.core.integrity import (
    DAMAGE,
    FOLDER_ITSELF,
    Blemish,
    FileHealth,
    FolderVerdict,
    blemishes,
    health,
    next_portion,
    portion,
    rate,
    weight,
)
from reelkeep.core.lifecycle import FileState
from reelkeep.core.model import Holding
from reelkeep.core.retry import reason_code
from reelkeep.errors import TransferError
from reelkeep.ports import Checks, Clock, Report


class Read(Protocol):
    """Reads a folder; files that are `known` are not read again."""

    def __call__(self, folder: str, *, known: Collection[str] = ()) -> Awaitable[FolderVerdict]: ...


@dataclass(frozen=True, slots=True)
class Inspected:
    """One folder, what the catalog knows of it, and what is wrong."""

    verdict: FolderVerdict
    holding: Holding | None
    blemishes: tuple[Blemish, ...]


class Inspector:
    """Inspects folders by `read`. Without a catalog (`checks`), their own sums decide."""

    def __init__(self, read: Read, checks: Checks | None, *, report: Report) -> None:
        self._read = read
        self._checks = checks
        self._report = report

    async def inspect(
        self, folder: str, holding: Holding | None, *, known: Collection[str] = ()
    ) -> Inspected:
        """Return how `folder` is found. What seems damaged is read twice.

        Somebody may have changed it while it was read; then both are looked at anew.

        Raises:
            IoFailed: The archive itself is not there.
        """
        began = anyio.current_time()
        verdict = await self._read(folder, known=known)
        found = list(blemishes(verdict, holding))
        if found and verdict.is_recording:
            if self._checks is not None and holding is not None:
                holding = next(iter(await self._checks.in_folders([folder])), holding)
            verdict = await self._read(folder, known=known)
            found = list(blemishes(verdict, holding))
        self._tell(verdict, holding, found, anyio.current_time() - began)
        return Inspected(verdict, holding, tuple(found))

    def _tell(
        self,
        verdict: FolderVerdict,
        holding: Holding | None,
        found: Sequence[Blemish],
        seconds: float,
    ) -> None:
        """Report what the catalog has no place for: the folder itself, and its papers."""
        if holding is None or verdict.away is not None:
            return
        self._report(
            "recording.checked",
            provider=holding.provider,
            recording=holding.id,
            folder=verdict.folder,
            bytes=sum(each.size or 0 for each in verdict.checked),
            seconds=round(seconds, 3),
        )
        stored = {file.name for file in holding.files if file.state == FileState.STORED}
        for each in found:
            if each.file == FOLDER_ITSELF and stored:
                continue  # said of each file in it
            if each.mark in DAMAGE and each.file not in stored:
                self._report(
                    "manifest.damaged",
                    provider=each.provider,
                    recording=each.recording,
                    folder=each.folder,
                    file=each.file,
                    reason=each.reason or each.mark.value,
                )


def findings(inspected: Inspected) -> list[FileHealth]:
    """Return what there is to note in the catalog."""
    if inspected.holding is None:
        return []
    return list(health(inspected.verdict, inspected.holding))


MOST = 100
"""Recordings of one portion."""

LOOK_AGAIN = timedelta(hours=1)
"""How often it is looked whether there is something to do, at least."""

WHEN = "scrub"
"""The moment in the catalog at which the next portion is due."""


class Scrubber:
    """Reads every published file once in each `period`, the one longest unread first.

    The catalog knows when each was read, and when to read on: a restart changes nothing. `slow`
    hears at how many bytes a second to read from now on.
    """

    def __init__(
        self,
        inspector: Inspector,
        checks: Checks,
        *,
        period: timedelta,
        clock: Clock,
        report: Report,
        slow: Callable[[int], None],
    ) -> None:
        self._inspector = inspector
        self._checks = checks
        self._period = period
        self._clock = clock
        self._report = report
        self._slow = slow
        self._failing = False

    async def forever(self) -> None:
        """Read portion after portion, each when it is due; until cancelled."""
        while True:
            now = self._clock()
            due = await self._checks.moment(WHEN) or now
            if due <= now or not believed(due, now, self._period):
                due = await self._try()
            left = due - self._clock()
            await anyio.sleep(min(max(left, timedelta()), LOOK_AGAIN).total_seconds())

    async def once(self) -> datetime:
        """Read one portion; return when the next is due, which the catalog knows then.

        Raises:
            IoFailed: The archive is not there.
        """
        stock = await self._checks.stock()
        if stock.oldest is None:
            return self._clock() + LOOK_AGAIN
        total = weight(stock.bytes, stock.recordings)
        self._slow(rate(total, self._period))
        read = await self._read(portion(total, self._period))
        now, period = self._clock(), self._period
        if not read:  # all volumes are away: none of it can be read now
            return now + LOOK_AGAIN
        due = next_portion(read, total, period=period, oldest=stock.oldest, now=now)
        await self._checks.keep_moment(WHEN, due)
        return due

    async def _try(self) -> datetime:
        try:
            due = await self.once()
        except TransferError as error:
            if not self._failing:
                self._report("scrub.failed", code=reason_code(error), reason=str(error))
            self._failing = True
            return self._clock() + LOOK_AGAIN
        if self._failing:
            self._report("scrub.recovered")
        self._failing = False
        return due

    async def _read(self, most: int) -> int:
        """Read recordings until `most` bytes are read; return how many were.

        What lies on a volume that is away is passed over: nothing is found out about it.
        """
        read, away, todo = 0, set[str](), [*await self._checks.oldest(MOST)]
        while todo and read < most:
            holding = todo.pop(0)
            if holding.folder is None:
                continue
            inspected = await self._inspector.inspect(holding.folder, holding)
            if (volume := inspected.verdict.away) is not None:
                away.add(volume)
                todo = [*await self._checks.oldest(MOST, beside=away)]
                continue
            await self._checks.noted(findings(inspected))
            read += weight(_size(holding))
        return read


def _size(holding: Holding) -> int:
    stored = (file for file in holding.files if file.state == FileState.STORED)
    return sum(file.size or 0 for file in stored)
