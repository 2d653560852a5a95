"""The adapter of both APIs; see `reelkeep.ports.Provider`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain

from reelkeep.core.model import FileId, Locator, ProviderName, Recording, RecordingId, Window
from reelkeep.core.unread import Unread, merged
from reelkeep.ports import Dice, Finding, Traits
from reelkeep.providers.zoom.api_errors import Denied
from reelkeep.providers.zoom.checking import Checker
from reelkeep.providers.zoom.days import DAY, halves
from reelkeep.providers.zoom.describing import Describer
from reelkeep.providers.zoom.itinerary import Itinerary, Place
from reelkeep.providers.zoom.locating import LOST, Finder
from reelkeep.providers.zoom.removal import Removal
from reelkeep.providers.zoom.survey import Survey
from reelkeep.providers.zoom.surveyed import ListingTask
from reelkeep.providers.zoom.users import GROUPS, Places, at_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoom:
    """One account. It neither transcodes nor is told what is archived; it has a trash."""

    name: ProviderName
    traits: Traits
    places: Places
    itinerary: Itinerary
    survey: Survey
    describer: Describer
    finder: Finder
    removal: Removal
    checker: Checker
    dice: Dice

    def discover(self, span: Window) -> AsyncGenerator[Sequence[Recording], None]:
        return self.discover_with(span, ())

    async def discover_with(
        self, span: Window, unread: Sequence[Unread]
    ) -> AsyncGenerator[Sequence[Recording], None]:
        known, plan = await self.places.all(span), self.itinerary
        unread = [each for each in unread if each.part not in known.excluded]
        again = self._again(known.places, [each for each in unread if not _covers(span, each)])
        hidden = [Unread(part, span) for part in known.unlisted]
        hidden += [each for each in unread if each.part in known.unlisted]
        errands = chain(plan.errands(known.places, span), again)
        survey = self.survey.discover(
            errands,
            plan.trash(known.places),
            troubled={each.part for each in unread},
            unlisted=list(known.unlisted.values()),
            hidden=hidden,
            witnesses=plan.witnesses(known.places, span, self.dice()),
        )
        async with aclosing(survey) as batches:
            async for batch in batches:
                yield batch

    def _again(self, places: Sequence[Place], unread: Sequence[Unread]) -> list[ListingTask]:
        """Return what to ask again, in halves, in any order: bad days shall not hide good ones."""
        if not unread:
            return []
        by_name: dict[str, list[Place]] = {}
        for place in places:
            for name in {place.user, place.group or place.user}:
                by_name.setdefault(name, []).append(place)
        errands: list[ListingTask] = []
        for each in _halved(unread):
            known = [] if each.part in GROUPS else [at_user(each.part)]
            errands += self.itinerary.errands(by_name.get(each.part, known), each.window)
        return sorted(errands, key=lambda _: self.dice())

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        if not self.traits.describes:
            return recordings
        return await self.describer.describe(recordings)

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        return await self.finder.locate(recording, file, fresh=fresh)

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        """Do nothing: there is nothing to be transcoded."""

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        """Accept nothing: there is nobody to be told."""
        return recordings[:0]

    async def look_up(self, recording: RecordingId) -> Recording | None:
        try:
            seen = await self.removal.wholes.get(recording, asked_for=True)
        except Denied as denied:
            if denied.verdict in LOST:
                return None
            raise
        return seen.recording

    async def current(self, recording: RecordingId) -> Recording:
        return await self.removal.current(recording)

    async def trash(self, recording: RecordingId) -> None:
        await self.removal.trash(recording)

    async def check(self) -> Sequence[Finding]:
        return await self.checker.check()


def _halved(unread: Iterable[Unread]) -> list[Unread]:
    """Return longer windows in halves, and single days together."""
    pieces = [Unread(each.part, half) for each in unread for half in halves(each.window)]
    single = [each for each in pieces if each.window.until - each.window.since <= DAY]
    longer = [each for each in pieces if each.window.until - each.window.since > DAY]
    return [*longer, *merged(single, meeting=True)]


def _covers(span: Window, unread: Unread) -> bool:
    return span.since <= unread.window.since and unread.window.until <= span.until
