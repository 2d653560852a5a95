"""The adapter of both APIs; see `reelkeep.ports.Provider`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from reelkeep.core.model import (
    FileId,
    Locator,
    ProviderName,
    Readiness,
    Recording,
    RecordingId,
    Window,
)
from reelkeep.ports import Finding, Report, Traits
from reelkeep.providers.zoom.checking import Checker
from reelkeep.providers.zoom.itinerary import Itinerary
from reelkeep.providers.zoom.lanes import in_lanes
from reelkeep.providers.zoom.locating import LOST, Finder, report_refusal
from reelkeep.providers.zoom.places import Places
from reelkeep.providers.zoom.removal import Removal
from reelkeep.providers.zoom.shapes import Sighting, merged
from reelkeep.providers.zoom.survey import Survey
from reelkeep.providers.zoom.verdicts import Denied
from reelkeep.providers.zoom.wholes import Wholes


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoom:
    """One account. It neither transcodes nor is told what is archived; it has a trash."""

    name: ProviderName
    traits: Traits
    places: Places
    itinerary: Itinerary
    survey: Survey
    wholes: Wholes
    finder: Finder
    removal: Removal
    checker: Checker
    report: Report

    async def discover(self, span: Window) -> AsyncGenerator[Sequence[Recording], None]:
        places, plan = await self.places.all(span), self.itinerary
        errands, trash = plan.errands(places, span), plan.trash(places)
        async with aclosing(self.survey.discover(errands, trash)) as batches:
            async for batch in batches:
                yield batch

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        if not self.traits.describes:
            return recordings
        described: list[Recording] = []
        async with aclosing(in_lanes(self._described, recordings)) as lanes:
            async for batch in lanes:
                described += batch
        return [each for each in described if each.readiness is Readiness.READY]

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        return await self.finder.locate(recording, file, fresh=fresh)

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        """Do nothing: there is nothing to be transcoded."""

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        """Accept nothing: there is nobody to be told."""
        return recordings[:0]

    async def current(self, recording: RecordingId) -> Recording:
        return await self.removal.current(recording)

    async def trash(self, recording: RecordingId) -> None:
        await self.removal.trash(recording)

    async def check(self) -> Sequence[Finding]:
        return await self.checker.check()

    async def _described(self, listed: Recording) -> Recording:
        """Return `listed` with the files that no listing shows; as it is, if it is not found."""
        try:
            whole = await self.wholes.get(listed.id)
        except Denied as denied:
            if denied.verdict not in LOST:
                report_refusal(self.report, self.name, listed.id, denied)
            return listed
        known = merged(Sighting(listed, {}), whole).recording
        return replace(known, facts=whole.recording.facts)
