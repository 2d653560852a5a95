"""Build the adapter of the Zoom Video SDK."""

from __future__ import annotations

from reelkeep.ports import Tools
from reelkeep.providers.tokens import Token
from reelkeep.providers.zoom.assembly import Plan, assembled
from reelkeep.providers.zoom.client import Client
from reelkeep.providers.zoom.dialects import SESSIONS
from reelkeep.providers.zoom.itinerary import Itinerary, Place
from reelkeep.providers.zoom.locating import in_header, in_query
from reelkeep.providers.zoom.minting import own_token
from reelkeep.providers.zoom.options import VideoSdkOptions
from reelkeep.providers.zoom.places import Fixed, Places
from reelkeep.providers.zoom.provider import Zoom

_SIGNS = {"header": in_header, "query": in_query}


def build(options: VideoSdkOptions, tools: Tools) -> Zoom:
    """Return the adapter of one account."""
    secret = options.api_secret.reveal()

    async def fetch() -> Token:
        return own_token(options.api_key, secret, tools.clock)

    plan = Plan(
        itinerary=Itinerary(
            dialect=SESSIONS, settle=options.settle, rescue=options.trash == "rescue"
        ),
        places=_places,
        path="/videosdk/sessions/{}/recordings",
        scope={"key": options.api_key, "trash": options.trash},
        sign=_SIGNS[options.token_in],
    )
    return assembled(options, tools, plan, fetch)


def _places(_: Client) -> Places:
    return Fixed((Place(path="/videosdk/recordings"),))
