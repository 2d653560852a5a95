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

_SERVED: Final = frozenset({ApiVerdict.NOTHING, ApiVerdict.NO_MEETING})
"""Only who may ask is told that there is nothing."""

EACH_USER_CHECK: Final = "each user"
WHOLE_ACCOUNT_CHECK: Final = "whole account"
_ACCOUNT_SCOPE: Final = "cloud_recording:read:list_account_recordings:admin"
_USER_SCOPES: Final = (
    "user:read:list_users:admin and cloud_recording:read:list_user_recordings:admin"
)
_NEITHER: Final = (
    f"not allowed, either: add the scope {_ACCOUNT_SCOPE} for `users: account`, or the scopes "
    f"{_USER_SCOPES} for `users: all`"
)
_OTHER_WAY: Final = {
    (WHOLE_ACCOUNT_CHECK, True, True): (
        "allowed, and recommended: `users: account` lists everybody at once, including what "
        "belongs to users who left, where `users: all` asks for each user in every poll"
    ),
    (WHOLE_ACCOUNT_CHECK, True, False): (
        "allowed, and recommended: set `users: account`, since no user's recordings can be listed"
    ),
    (WHOLE_ACCOUNT_CHECK, False, True): (
        f"not allowed, and not needed by `users: all`; with the scope {_ACCOUNT_SCOPE}, "
        "`users: account` would need far fewer requests"
    ),
    (WHOLE_ACCOUNT_CHECK, False, False): _NEITHER,
    (EACH_USER_CHECK, True, True): (
        "allowed, too, but `users: account` is recommended: it needs far fewer requests, and shows "
        "what belongs to users who left"
    ),
    (EACH_USER_CHECK, True, False): (
        "allowed, while the whole account is not: set `users: all`, or add the scope "
        f"{_ACCOUNT_SCOPE} to the app"
    ),
    (EACH_USER_CHECK, False, True): "not allowed, and not needed by `users: account`",
    (EACH_USER_CHECK, False, False): _NEITHER,
}
"""By the way to list that is not configured, whether it is allowed, and whether the other is."""


def other_way(
    subject: str, *, allowed: bool, configured: bool, details: str = "", unfit: Sequence[str] = ()
) -> str:
    """Return what to say of the way to list that is not configured.

    `details` say why it is not `allowed`; `configured`: the configured way is allowed; `unfit`
    names the settings that do not go with `users: account`.
    """
    if subject == WHOLE_ACCOUNT_CHECK and allowed and unfit:
        keys = " and ".join(unfit)
        return f"allowed, but {keys} needs `users: all`: the whole account is one listing"
    told = _OTHER_WAY[subject, allowed, configured]
    return f"{told} {details}" if details else told


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
    unfit: Sequence[str] = ()  #: Settings that do not go with `users: account`.

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
            is_listed = any(each.subject == "listing" and each.ok for each in findings)
            findings.append(await self._other_way(configured=is_listed))
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
        planless = 0
        for place in samples:
            try:
                await self._listing(place)
            except ProviderError as error:
                if _lacks_plan(error) and place.user:
                    planless += 1
                    continue
                whose = f"{quoted(place.host or place.user)}: " if place.user else ""
                refused.append(Finding("listing", ok=False, message=f"{whose}{error}"))
                continue
            served = Finding("listing", ok=True, message="allowed")
            return [*(_about_user(each) for each in refused), served]
        if not planless:
            return refused[:1]
        asked = "the user" if planless == 1 else f"{planless} users"
        told = f"allowed; {asked} that was asked about has no cloud recording"
        if planless > 1:
            told = f"allowed; none of {asked} that were asked about has cloud recording"
        served = Finding("listing", ok=True, message=told)
        return [*(_about_user(each) for each in refused), served]

    async def _listing(self, place: Place) -> None:
        """Ask for the recordings of one day; raise unless one may ask."""
        try:
            await self.client.ask(self._question(place))
        except Denied as denied:
            if denied.verdict not in _SERVED:
                raise

    def _question(self, place: Place) -> Question:
        today = self.clock().date()
        return self.itinerary.narrow(place, Days(today, today)).question

    async def _other_way(self, *, configured: bool) -> Finding:
        """Say whether the listing that is not configured is allowed, and which is better."""
        is_account = self.users == ACCOUNT
        subject = EACH_USER_CHECK if is_account else WHOLE_ACCOUNT_CHECK
        details = ""
        try:
            await (self._each_user() if is_account else self._listing(WHOLE_ACCOUNT))
        except (Denied, CredentialsRejected) as error:
            details = error.details
        except ProviderError as error:
            needed = ", and not needed" if configured else ""
            return Finding(subject, ok=True, message=f"not known{needed}: {error}")
        told = other_way(
            subject,
            allowed=not details,
            configured=configured,
            details=details,
            unfit=self.unfit,
        )
        return Finding(subject, ok=True, message=told)

    async def _each_user(self) -> None:
        """Ask until one user is served: another may be refused for a reason of its own."""
        refused: ProviderError | None = None
        for place in await AllUsers(self.client, self.clock).samples():
            try:
                await self._listing(place)
            except ProviderError as error:
                if _lacks_plan(error):
                    return
                refused = refused or error
            else:
                return
        if refused is not None:
            raise refused

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
            if denied.status != 404 and denied.verdict not in _SERVED:
                raise
        return "allowed"


async def finding(subject: str, ask: Callable[[], Awaitable[str]]) -> Finding:
    """Return what came of asking; `ask` returns what is good to know."""
    try:
        return Finding(subject, ok=True, message=await ask())
    except ProviderError as error:
        return Finding(subject, ok=False, message=str(error))


def _lacks_plan(error: ProviderError) -> bool:
    return isinstance(error, Denied) and error.verdict is ApiVerdict.NO_PLAN
