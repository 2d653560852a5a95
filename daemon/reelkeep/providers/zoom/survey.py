"""Read many listings, each for what it is worth."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from reelkeep.core.model import ProviderName, Recording, RecordingId
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
        self, errands: Iterable[Errand]
    ) -> AsyncGenerator[Sequence[Recording], None]:
        """Yield what the listings hold; see `reelkeep.ports.Provider.discover`.

        A user who is not on the account, or has no cloud recording, is passed over.
        """
        absent: set[str] = set()

        async def read(errand: Errand) -> Sequence[Recording]:
            return await self._read(errand, absent)

        async with aclosing(in_lanes(read, errands)) as lanes:
            async for results in lanes:
                for recordings in results:
                    for start in range(0, len(recordings), BATCH):
                        yield recordings[start : start + BATCH]

    async def _read(self, errand: Errand, absent: set[str]) -> Sequence[Recording]:
        if errand.user in absent or self._is_planless(errand.user):
            return ()
        try:
            drained = await drain(self._client, errand.listing, self._clock)
        except Denied as denied:
            if denied.verdict is not Verdict.NOTHING:
                self._pass_over(errand.user, denied, absent)
            return ()
        return self._recordings(drained, errand)

    def _recordings(self, drained: Drained, errand: Errand) -> Sequence[Recording]:
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
        return [each.recording for each in found.values()]

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
