"""Build the adapter of Zoom meetings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reelkeep.core.model import Window
from reelkeep.ports import Tools
from reelkeep.providers.tokens import Token
from reelkeep.providers.zoom.assembly import Plan, assembled
from reelkeep.providers.zoom.client import Client
from reelkeep.providers.zoom.dialects import MEETINGS
from reelkeep.providers.zoom.grants import App
from reelkeep.providers.zoom.itinerary import Itinerary, Place
from reelkeep.providers.zoom.options import ACCOUNT, ZoomOptions
from reelkeep.providers.zoom.provider import Zoom
from reelkeep.providers.zoom.users import (
    WHOLE_ACCOUNT,
    Everybody,
    Fixed,
    Known,
    Places,
    at_user,
)


def build(options: ZoomOptions, tools: Tools) -> Zoom:
    """Return the adapter of one account."""
    app = App(
        token_url=options.token_url,
        account_id=options.account_id,
        client_id=options.client_id,
        client_secret=options.client_secret.reveal(),
    )

    async def fetch() -> Token:
        return await app.token(tools.transport, tools.clock)

    return assembled(options, tools, _plan(options, tools), fetch)


def _plan(options: ZoomOptions, tools: Tools) -> Plan:
    def places(client: Client) -> Places:
        if options.users == ACCOUNT:
            return Fixed((WHOLE_ACCOUNT,))
        users: Places = Everybody(client, tools.clock)
        if options.users is not None:
            users = Fixed(tuple(at_user(name, configured=True) for name in options.users))
        return Without(users, options.exclude.users) if options.exclude.users else users

    return Plan(
        itinerary=Itinerary(
            dialect=MEETINGS,
            settle=options.settle,
            rescue=options.trash == "rescue",
            connector=options.meeting_connector,
            audio=options.participant_audio,
            meeting_id=options.meeting_id,
        ),
        places=places,
        path="/meetings/{}/recordings",
        scope=_scope(options),
        describes=options.participant_audio,
        by_user=options.users != ACCOUNT,
        users=_way(options),
    )


class Without:
    """The users of `places` whose recordings are wanted; see `reelkeep.providers.zoom.users`."""

    def __init__(self, places: Places, excluded: Sequence[str]) -> None:
        self._places = places
        self._excluded = {name.casefold() for name in excluded}

    async def all(self, span: Window | None = None) -> Known:
        known = await self._places.all(span)
        unwanted = {place.user for place in known.places if self._is_excluded(place)}
        return replace(
            known,
            places=[place for place in known.places if place.user not in unwanted],
            excluded=frozenset(
                name for each in known.places if each.user in unwanted for name in _names(each)
            ),
        )

    async def samples(self) -> Sequence[Place]:
        found = await self._places.samples()
        return [place for place in found if not self._is_excluded(place)] or found

    def _is_excluded(self, place: Place) -> bool:
        return any(name.casefold() in self._excluded for name in _names(place))


def _names(place: Place) -> tuple[str, str]:
    return place.user, place.host


def _scope(options: ZoomOptions) -> dict[str, object]:
    excluded = sorted(options.exclude.users)
    return {
        **({"exclude": excluded} if excluded else {}),
        "account": options.account_id,
        "users": sorted(options.users) if isinstance(options.users, tuple) else options.users,
        "meeting": options.meeting_id,
        "trash": options.trash,
        "connector": options.meeting_connector,
        "audio": options.participant_audio,
    }


def _way(options: ZoomOptions) -> str:
    """Return how users are found, '' if they are configured one by one."""
    if options.users is None:
        return "all"
    return options.users if isinstance(options.users, str) else ""
