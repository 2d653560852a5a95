"""Read again, politely, the windows that an operator wants."""

from __future__ import annotations

import anyio

from reelkeep.core.poll_window import PartlyRead, since_epoch, slice_of
from reelkeep.errors import ProviderError
from reelkeep.ports import Backfills, Clean, Clock, Provider, Report
from reelkeep.stages.discovery import WindowReader
from reelkeep.stages.provider_health import pause_after

LOOK = 30.0
"""Seconds between two looks for windows while there is none."""

BREATH = 1.0
"""The least pause after a slice, in seconds; else it is as long as the slice took."""


class Backfiller:
    """Works off the wanted windows of one provider, a slice at a time.

    A window is shortened only after a slice of it was read wholly: whatever ends the process, it
    goes on there. After each slice it rests for as long as that took, so that polls and downloads
    have at least half of what the provider allows.
    """

    def __init__(
        self, provider: Provider, backfills: Backfills, reader: WindowReader, *, clock: Clock,
        report: Report, clean: Clean = str,
    ) -> None:  # fmt: skip
        self._provider = provider
        self._backfills = backfills
        self._reader = reader
        self._clock = clock
        self._report = report
        self._clean = clean
        self.error: str | None = None  #: Why the last slice could not be read.

    async def forever(self) -> None:
        """Read what is wanted until cancelled; failures only make it wait longer."""
        while True:
            began = anyio.current_time()
            try:
                more = await self.once()
            except ProviderError as error:
                pause = pause_after(error, self._provider.traits.interval, self._clock())
                await anyio.sleep(pause.total_seconds())
                continue
            await anyio.sleep(max(BREATH, anyio.current_time() - began) if more else LOOK)

    async def all(self) -> None:
        """Read all that is wanted; what cannot be read is noted in `error`, and left.

        Raises:
            CatalogError: The catalog failed us.
        """
        first: str | None = None
        try:
            while await self.once():
                first = first or self.error
        except ProviderError:
            return  # said already
        self.error = first

    async def once(self) -> bool:
        """Read the next slice; return whether there was one.

        Raises:
            ProviderError: It could not be read wholly; reported when that happens first.
            CatalogError: The catalog failed us.
        """
        name = self._provider.name
        wanted = await self._backfills.next(name)
        if wanted is None:
            return False
        window = since_epoch(wanted.window, self._provider.traits.epoch)
        part, began = slice_of(window), anyio.current_time()
        try:
            tally = await self._reader.read(part)
        except PartlyRead as error:
            self._failed(error)
            if error.unread is None:
                raise
            # what is unread is noted for the polls; the rest of the window goes on
            await self._backfills.advance(wanted, part.until)
            return True
        except ProviderError as error:
            self._failed(error)
            raise
        await self._backfills.advance(wanted, part.until)
        self.error = None
        self._report(
            "backfill.advanced",
            provider=name,
            since=part.since,
            until=part.until,
            listed=tally.listed,
            new=tally.new,
            changed=tally.changed,
            seconds=round(anyio.current_time() - began, 3),
        )
        if part.until >= window.until:
            self._report("backfill.completed", provider=name, until=part.until)
        return True

    def _failed(self, error: ProviderError) -> None:
        reason = self._clean(str(error))
        if self.error is None:
            name = self._provider.name
            self._report("backfill.failed", provider=name, code=error.code, reason=reason)
        self.error = reason
