"""Read many listings, each for what it is worth."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from reelkeep.core.model import ProviderName, Recording, RecordingId
from reelkeep.errors import BadAnswer
from reelkeep.ports import Clock, Report
from reelkeep.providers.zoom.client import Client
from reelkeep.providers.zoom.foreign import quoted
from reelkeep.providers.zoom.lanes import in_lanes
from reelkeep.providers.zoom.links import Links
from reelkeep.providers.zoom.listing import Drained, Listing, drain
from reelkeep.providers.zoom.shapes import Angle, Sighting, merged, sighting
from reelkeep.providers.zoom.verdicts import Denied, Verdict

BATCH: Final = 500
_PLANLESS_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One listing to read, and how to understand it. `user` is '' for a whole account."""

    listing: Listing
    angle: Angle
    user: str = ""


@dataclass(slots=True)
class _Surveyed:
    """What came of one survey so far."""

    absent: set[str] = field(default_factory=set)  #: Users who are not on the account.
    trashed: dict[RecordingId, Sighting] = field(default_factory=dict)
    told: set[RecordingId] = field(default_factory=set)  #: Of those, what was listed elsewhere.
    error: BadAnswer | None = None

    def put_aside(self, sightings: Sequence[Sighting]) -> Sequence[Recording]:
        """Keep what lies in the trash; tell nothing of it yet."""
        for each in sightings:
            known = self.trashed.get(each.recording.id)
            self.trashed[each.recording.id] = each if known is None else merged(known, each)
        return ()

    def completed(self, sightings: Sequence[Sighting]) -> Sequence[Recording]:
        """Return what was seen, with what lies in the trash of it."""
        both = self.trashed.keys() & {each.recording.id for each in sightings}
        self.told |= both
        return [
            merged(each, self.trashed[each.recording.id]).recording
            if each.recording.id in both
            else each.recording
            for each in sightings
        ]

    def others(self) -> Sequence[Recording]:
        """Return what was seen in the trash only."""
        return [each.recording for id_, each in self.trashed.items() if id_ not in self.told]


def _batches(recordings: Sequence[Recording]) -> Iterator[Sequence[Recording]]:
    for start in range(0, len(recordings), BATCH):
        yield recordings[start : start + BATCH]


class Survey:
    """Reads listings of one account, and remembers which users are not worth asking."""

    def __init__(
        self, name: ProviderName, *, client: Client, links: Links, clock: Clock, report: Report
    ) -> None:
        self._name = name
        self._client = client
        self._links = links
        self._clock = clock
        self._report = report
        self._planless: dict[str, datetime] = {}
        self._told: set[str] = set()

    async def discover(
        self, errands: Iterable[Errand], trash: Iterable[Errand] = ()
    ) -> AsyncGenerator[Sequence[Recording], None]:
        """Yield what the listings hold; see `reelkeep.ports.Provider.discover`.

        A user who is not on the account, or has no cloud recording, is passed over. What `trash`
        lists of a recording is told together with what else is listed of it: else each would seem
        to be a change of the other.
        """
        found = _Surveyed()
        for some, inside in ((trash, True), (errands, False)):
            async with aclosing(self._sightings(some, found)) as lanes:
                async for sightings in lanes:
                    told = found.put_aside(sightings) if inside else found.completed(sightings)
                    for batch in _batches(told):
                        yield batch
        for batch in _batches(found.others()):
            yield batch
        if found.error is not None:
            raise found.error

    async def _sightings(
        self, errands: Iterable[Errand], found: _Surveyed
    ) -> AsyncGenerator[Sequence[Sighting], None]:
        """Yield what each listing holds; the first that cannot be believed is noted in `found`."""

        async def read(errand: Errand) -> Sequence[Sighting]:
            return await self._read(errand, found.absent)

        try:
            async with aclosing(in_lanes(read, errands)) as lanes:
                async for results in lanes:
                    for sightings in results:
                        yield sightings
        except BadAnswer as error:
            found.error = found.error or error

    async def _read(self, errand: Errand, absent: set[str]) -> Sequence[Sighting]:
        if errand.user in absent or self._is_planless(errand.user):
            return ()
        try:
            drained = await drain(self._client, errand.listing, self._clock)
        except Denied as denied:
            if denied.verdict is not Verdict.NOTHING:
                self._pass_over(errand.user, denied, absent)
            return ()
        return self._seen(drained, errand)

    def _seen(self, drained: Drained, errand: Errand) -> Sequence[Sighting]:
        found: dict[RecordingId, Sighting] = {}
        for entry in drained.entries:
            seen = sighting(entry, errand.angle)
            if seen is None:
                self._tell(errand, "a recording has no id: it cannot be archived")
                continue
            known = found.get(seen.recording.id)
            found[seen.recording.id] = seen if known is None else merged(known, seen)
        for each in found.values():
            self._links.remember(each)
        if drained.lacks and errand.listing.counted:
            self._tell(errand, f"{drained.lacks} of {drained.promised} announced are not listed")
        return list(found.values())

    def _pass_over(self, user: str, denied: Denied, absent: set[str]) -> None:
        """Remember a user who is not worth asking.

        Raises:
            Denied: This is no matter of a single user.
        """
        if user and denied.verdict is Verdict.NO_USER:
            absent.add(user)
            self._tell_once(user, str(denied))
        elif user and denied.verdict is Verdict.NO_PLAN:
            self._planless[user] = self._clock() + _PLANLESS_FOR
        else:
            raise denied

    def _is_planless(self, user: str) -> bool:
        until = self._planless.get(user)
        return until is not None and self._clock() < until

    def _tell(self, errand: Errand, what: str) -> None:
        days = f" {errand.listing.days}" if errand.listing.days else ""
        self._tell_once(errand.user, f"listing{days}: {what}")

    def _tell_once(self, user: str, what: str) -> None:
        """Report what lacks, once for a user: some accounts count wrongly for ever."""
        if user not in self._told:
            self._told.add(user)
            whose = f"{quoted(user)}: " if user else ""
            self._report("poll.incomplete", provider=self._name, reason=f"{whose}{what}")
