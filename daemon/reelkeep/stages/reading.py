"""Read a window of one provider into the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from reelkeep.core.model import Readiness, Recording, Window
from reelkeep.ports import Intake, Provider
from reelkeep.stages.bells import Ringing
from reelkeep.stages.blame import batches, blamed
from reelkeep.stages.rarely import Rarely

LOOK = 60.0
"""Seconds between two looks for transcodings to ask for again, at least."""


@dataclass(slots=True)
class Tally:
    """What one reading brought."""

    listed: int = 0
    new: int = 0
    changed: int = 0
    transcodable: int = 0


class Reader:
    """Makes known to the catalog what a provider lists; `work` rings when some may be fetched."""

    def __init__(self, provider: Provider, intake: Intake, *, work: Ringing) -> None:
        self._provider = provider
        self._intake = intake
        self._work = work
        self._looks = Rarely(LOOK)

    async def read(self, span: Window) -> Tally:
        """Admit all that is in `span`, and ask for the transcodings that it takes.

        Raises:
            ProviderError: `span` was not read wholly; what could be read is admitted.
            CatalogError: The catalog failed us.
        """
        tally = Tally()
        async with aclosing(batches(self._provider, span)) as found:
            async for batch in found:
                await self._admit(batch, tally)
        if self._provider.traits.transcodes and (tally.transcodable or self._looks.due):
            await self._transcode()
        return tally

    async def _admit(self, batch: Sequence[Recording], tally: Tally) -> None:
        name, traits = self._provider.name, self._provider.traits
        admission = await self._intake.admit(name, traits, batch)
        tally.listed += len(batch)
        tally.new += len(admission.new)
        tally.changed += len(admission.changed)
        tally.transcodable += sum(r.readiness is Readiness.TRANSCODABLE for r in batch)
        missing = set(admission.undescribed)
        if traits.describes and missing:
            with blamed():
                found = await self._provider.describe([r for r in batch if r.id in missing])
            if found:
                await self._intake.describe(name, traits, found)
        if admission.new or admission.changed or missing:
            self._work.ring()

    async def _transcode(self) -> None:
        name, traits = self._provider.name, self._provider.traits
        while ids := await self._intake.transcodable(name, traits.batch):
            with blamed():
                await self._provider.transcode(ids)
            await self._intake.transcoding(name, ids, traits.transcode_timeout)
        self._looks.done()
