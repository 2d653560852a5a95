"""Build the adapter of Zoom meetings."""

from __future__ import annotations

from reelkeep.ports import Tools
from reelkeep.providers.tokens import Token
from reelkeep.providers.zoom.assembly import Plan, assembled
from reelkeep.providers.zoom.client import Client
from reelkeep.providers.zoom.dialects import MEETINGS
from reelkeep.providers.zoom.grants import App
from reelkeep.providers.zoom.itinerary import Itinerary
from reelkeep.providers.zoom.options import ACCOUNT, ZoomOptions
from reelkeep.providers.zoom.provider import Zoom
from reelkeep.providers.zoom.users import WHOLE_ACCOUNT, Everybody, Fixed, Places, at_user


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
        if options.users is None:
            return Everybody(client, tools.clock)
        if options.users == ACCOUNT:
            return Fixed((WHOLE_ACCOUNT,))
        return Fixed(tuple(at_user(name, configured=True) for name in options.users))

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


def _scope(options: ZoomOptions) -> dict[str, object]:
    return {
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
