"""Say what an account lacks, before it matters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from reelkeep.core.model import RecordingId
from reelkeep.errors import ProviderError
from reelkeep.ports import Clock, Finding
from reelkeep.providers.zoom.client import Client
from reelkeep.providers.zoom.days import Days
from reelkeep.providers.zoom.grants import Bearer
from reelkeep.providers.zoom.itinerary import Itinerary, Place
from reelkeep.providers.zoom.paths import encoded
from reelkeep.providers.zoom.places import Places
from reelkeep.providers.zoom.verdicts import Denied, Misplaced, Verdict
from reelkeep.providers.zoom.wholes import Wholes

NOWHERE: Final = RecordingId("AAAAAAAAAAAAAAAAAAAAAA==")
"""The id of no recording: whether one may ask for it shows in how it is not found."""

_FINE: Final = {
    Verdict.NOTHING: "allowed",
    Verdict.NO_MEETING: "allowed",
    Verdict.NO_PLAN: "allowed; the user that was asked about has no cloud recording",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Asks every kind of question once, each as cheaply as it goes.

    A missing scope shows in no other way: every kind of question has its own.
    """

    client: Client
    bearer: Bearer
    places: Places
    itinerary: Itinerary
    wholes: Wholes
    clock: Clock

    async def check(self) -> Sequence[Finding]:
        """Return what works and what does not; nothing more is asked where it would be in vain."""
        findings = [await finding("token", self._token)]
        samples: list[Place] = []
        if findings[0].ok:
            findings.append(await finding("users", partial(self._users, samples)))
        for place in samples:
            findings.append(await finding("listing", partial(self._listing, place)))
            findings.append(await finding("files", self._files))
        return findings

    async def _token(self) -> str:
        await self.bearer.get()
        return "accepted"

    async def _users(self, samples: list[Place]) -> str:
        """Put a place to be asked about into `samples`."""
        place = await self.places.sample()
        samples.append(place)
        return "allowed" if place.user else "not needed: the account is listed as a whole"

    async def _listing(self, place: Place) -> str:
        today = self.clock().date()
        listing = self.itinerary.narrow(place, Days(today, today))
        await self.client.ask(listing.question)
        return "allowed"

    async def _files(self) -> str:
        """Ask for what does not exist: that it is not found is for those only who may ask.

        How it is not found is not documented, so any 404 will do; a wrong address shows in the
        listing.
        """
        try:
            await self.client.ask(self.wholes.question(encoded(NOWHERE)))
        except Misplaced:
            return "allowed"
        except Denied as denied:
            if denied.status != 404:
                raise
        return "allowed"


async def finding(subject: str, ask: Callable[[], Awaitable[str]]) -> Finding:
    """Return what came of asking; `ask` returns what is good to know."""
    try:
        return Finding(subject, ok=True, message=await ask())
    except Denied as denied:
        fine = _FINE.get(denied.verdict)
        return Finding(subject, ok=fine is not None, message=fine or str(denied))
    except ProviderError as error:
        return Finding(subject, ok=False, message=str(error))
