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
from reelkeep.providers.zoom.provider import Zoom
from reelkeep.providers.zoom.users import Fixed, Places

_SIGNS = {"header": in_header, "query": in_query}


def build(options: VideoSdkOptions, tools: Tools) -> Zoom:
    """Return the adapter of one account."""
    secret = options.api_secret.reveal()

    async def fetch() -> Token:
        return own_token(options.api_key, secret, tools.clock)

    plan = Plan(
        itinerary=Itinerary(
            dialect=SESSIONS,
            settle=options.settle,
            rescue=options.trash == "rescue",
            audio=options.participant_audio,
        ),
        places=_places,
        path="/videosdk/sessions/{}/recordings",
        scope=_scope(options),
        describes=options.participant_audio,
        sign=_SIGNS[options.token_in],
    )
    return assembled(options, tools, plan, fetch)


def _scope(options: VideoSdkOptions) -> dict[str, object]:
    scope: dict[str, object] = {"key": options.api_key, "trash": options.trash}
    if options.participant_audio:  # else as it was before there was the option
        scope["audio"] = True
    return scope


def _places(_: Client) -> Places:
    return Fixed((Place(path="/videosdk/recordings"),))
