"""Put an adapter together; nothing is asked yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from reelkeep.core.model import ProviderName, Window
from reelkeep.ports import Tools, Traits
from reelkeep.providers.throttle_log import Throttling
from reelkeep.providers.tokens import Token, TokenSource
from reelkeep.providers.zoom.checking import Checker
from reelkeep.providers.zoom.client import Client
from reelkeep.providers.zoom.describing import Describer
from reelkeep.providers.zoom.grants import Bearer
from reelkeep.providers.zoom.itinerary import Itinerary
from reelkeep.providers.zoom.limits import Limits
from reelkeep.providers.zoom.links import Links
from reelkeep.providers.zoom.locating import Finder, Sign, Trash, in_header
from reelkeep.providers.zoom.options import ZoomSpan
from reelkeep.providers.zoom.provider import Zoom
from reelkeep.providers.zoom.removal import Removal
from reelkeep.providers.zoom.shapes import ParseOptions
from reelkeep.providers.zoom.survey import Survey
from reelkeep.providers.zoom.users import Places
from reelkeep.providers.zoom.wholes import Wholes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What sets one kind of account apart from another."""

    itinerary: Itinerary
    places: Callable[[Client], Places]
    path: str  #: Of one recording, with a place for its encoded id.
    scope: Mapping[str, object]  #: JSON; when it or `since` changes, everything is read again.
    describes: bool = False
    by_user: bool = False  #: Recordings are listed at each user, not for the account as a whole.
    users: str = ""  #: `all` or `account`, if that is what the operator wants.
    sign: Sign = in_header


def assembled(
    options: ZoomSpan, tools: Tools, plan: Plan, fetch: Callable[[], Awaitable[Token]]
) -> Zoom:
    """Return the adapter of one account; `fetch` gets an access token."""
    name, clock = ProviderName(options.name), tools.clock
    bearer = Bearer(TokenSource(fetch, clock=clock, learn=tools.learn), clock)
    client = Client(
        options.api_url,
        transport=tools.transport,
        bearer=bearer,
        limits=Limits(options.plan, clock=clock, dice=tools.dice),
        throttling=Throttling(name, options.api_url, clock=clock, report=tools.report),
        clock=clock,
        dice=tools.dice,
    )
    links = Links(clock)
    survey = Survey(name, client=client, links=links, clock=clock, report=tools.report)
    angle = ParseOptions(
        dialect=plan.itinerary.dialect, settle=options.settle, audio=plan.itinerary.audio
    )
    wholes = Wholes(client=client, path=plan.path, angle=angle)
    places = plan.places(client)
    return Zoom(
        name=name,
        traits=_traits(options, plan),
        places=places,
        itinerary=plan.itinerary,
        survey=survey,
        describer=Describer(name=name, wholes=wholes, by_user=plan.by_user, report=tools.report),
        finder=Finder(
            name,
            wholes=wholes,
            links=links,
            bearer=bearer,
            report=tools.report,
            trash=_trash(plan.itinerary, places, survey, links, tools),
            sign=plan.sign,
        ),
        removal=Removal(wholes),
        checker=Checker(
            client=client,
            bearer=bearer,
            places=places,
            itinerary=plan.itinerary,
            wholes=wholes,
            clock=clock,
            users=plan.users,
        ),
        dice=tools.dice,
    )


def _trash(
    itinerary: Itinerary, places: Places, survey: Survey, links: Links, tools: Tools
) -> Trash | None:
    async def read() -> None:
        found = await places.all()
        now = tools.clock()
        reading = survey.discover(
            (),
            itinerary.trash(found.places),
            unlisted=list(found.unlisted.values()),
            witnesses=itinerary.witnesses(found.places, Window(now, now), tools.dice()),
        )
        async for _ in reading:
            pass  # whatever is listed has put its addresses into the links

    return Trash(read, links, tools.clock) if itinerary.rescue else None


def _traits(options: ZoomSpan, plan: Plan) -> Traits:
    scope = {**plan.scope, "since": options.since.timestamp()}
    written = json.dumps(scope, sort_keys=True).encode()
    return Traits(
        type=options.type,
        interval=options.interval,
        filter=options.filter(),
        describes=plan.describes,
        lookback=options.lookback,
        deep_scan=options.deep_scan,
        epoch=options.since,
        disposal=options.disposal(),
        scope=hashlib.sha256(written).hexdigest()[:16],
    )
