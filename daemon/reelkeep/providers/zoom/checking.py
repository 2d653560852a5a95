"""Say what an account lacks, before it matters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from reelkeep.errors import ProviderError
from reelkeep.ports import Clock, Finding
from reelkeep.providers.zoom.api_errors import ApiVerdict, CredentialsRejected, Denied, Misplaced
from reelkeep.providers.zoom.auth import Bearer
from reelkeep.providers.zoom.client import Question, ZoomClient
from reelkeep.providers.zoom.discovery import Itinerary, Place
from reelkeep.providers.zoom.endpoints import encoded
from reelkeep.providers.zoom.json_values import quoted
from reelkeep.providers.zoom.listing import Days
from reelkeep.providers.zoom.options import ACCOUNT
from reelkeep.providers.zoom.recording_api import NOWHERE, RecordingApi
from reelkeep.providers.zoom.users import WHOLE_ACCOUNT, AllUsers, Places

_FINE: Final = {
    ApiVerdict.NOTHING: "allowed",
    ApiVerdict.NO_MEETING: "allowed",
    ApiVerdict.NO_PLAN: "allowed; the user that was asked about has no cloud recording",
}

_WHOLE_ACCOUNT: Final = (
    "allowed, and recommended: `users: account` lists everybody at once, including what belongs "
    "to users who left, where `users: all` asks for each user in every poll"
)
_EACH_USER: Final = (
    "allowed, too, but `users: account` is recommended: it needs far fewer requests, and shows "
    "what belongs to users who left"
)
_NOT_ALLOWED: Final = {
    "whole account": (
        "not allowed, and not needed by `users: all`; with the scope "
        "cloud_recording:read:list_account_recordings:admin, `users: account` would need far "
        "fewer requests"
    ),
    "each user": "not allowed, and not needed by `users: account`",
}


def _about_user(refused: Finding) -> Finding:
    """Return what it means that a listing is refused while another user's is served."""
    return replace(refused, subject="one user", message=f"{refused.message}; others are served")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """Asks every kind of question once, each as cheaply as it goes.

    A missing scope shows in no other way: every kind of question has its own.
    """

    client: ZoomClient
    bearer: Bearer
    places: Places
    itinerary: Itinerary
    wholes: RecordingApi
    clock: Clock
    users: str = ""  #: `all` or `account`: the other way to list is asked about, too.

    async def check(self) -> Sequence[Finding]:
        """Return what works and what does not; nothing more is asked where it would be in vain."""
        findings = [await finding("token", self._token)]
        samples: list[Place] = []
        if findings[0].ok:
            findings.append(await finding("users", partial(self._users, samples)))
        if samples:
            findings += await self._listings(samples)
            findings.append(await finding("files", self._files))
        if findings[0].ok and self.users:
            findings.append(await self._other_way())
        return findings

    async def _token(self) -> str:
        await self.bearer.get()
        return "accepted"

    async def _users(self, samples: list[Place]) -> str:
        """Put places to be asked about into `samples`."""
        samples += await self.places.samples()
        return "allowed" if samples[0].user else "not needed: the account is listed as a whole"

    async def _listings(self, samples: Sequence[Place]) -> list[Finding]:
        """Ask for the listing of one user after the other until one is served.

        What is refused for one and served for another is about the user, not about the app.
        """
        refused: list[Finding] = []
        for place in samples:
            found = await finding("listing", partial(self._listing, place))
            if found.ok:
                return [*(_about_user(each) for each in refused), found]
            whose = f"{quoted(place.host or place.user)}: " if place.user else ""
            refused.append(replace(found, message=f"{whose}{found.message}"))
        return refused[:1]

    async def _listing(self, place: Place) -> str:
        await self.client.ask(self._question(place))
        return "allowed"

    def _question(self, place: Place) -> Question:
        today = self.clock().date()
        return self.itinerary.narrow(place, Days(today, today)).question

    async def _other_way(self) -> Finding:
        """Say whether the listing that is not configured is allowed, and which is better."""
        if self.users == ACCOUNT:
            subject, allowed, ask = "each user", _EACH_USER, self._each_user
        else:
            subject, allowed, ask = "whole account", _WHOLE_ACCOUNT, self._whole_account
        try:
            await ask()
        except (Denied, CredentialsRejected) as error:
            return Finding(subject, ok=True, message=f"{_NOT_ALLOWED[subject]} {error.details}")
        except ProviderError as error:
            return Finding(subject, ok=True, message=f"not known, and not needed: {error}")
        return Finding(subject, ok=True, message=allowed)

    async def _whole_account(self) -> None:
        await self.client.ask(self._question(WHOLE_ACCOUNT))

    async def _each_user(self) -> None:
        (place, *_) = await AllUsers(self.client, self.clock).samples()
        await self.client.ask(self._question(place))

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
