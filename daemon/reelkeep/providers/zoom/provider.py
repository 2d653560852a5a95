"""The adapter of both APIs; see `reelkeep.ports.Provider`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import chain

from reelkeep.core.model import FileId, Locator, ProviderName, Recording, RecordingId, Window
from reelkeep.core.poll_window import Unread, merged
from reelkeep.errors import BadAnswer
from reelkeep.ports import Finding, Rng, Tools, Traits
from reelkeep.providers.pacing import Throttling
from reelkeep.providers.tokens import Token, TokenSource
from reelkeep.providers.zoom.api_errors import CredentialsRejected, Denied, Misplaced
from reelkeep.providers.zoom.auth import App, Bearer, own_token
from reelkeep.providers.zoom.checking import Checker
from reelkeep.providers.zoom.client import ZoomClient
from reelkeep.providers.zoom.describing import Describer
from reelkeep.providers.zoom.discovery import Itinerary, Place, Survey
from reelkeep.providers.zoom.endpoints import MEETINGS, SESSIONS
from reelkeep.providers.zoom.limits import AccountLimits
from reelkeep.providers.zoom.listing import DAY, halves
from reelkeep.providers.zoom.locators import (
    LOST,
    Finder,
    LinkCache,
    Sign,
    TrashSearch,
    in_header,
    in_query,
)
from reelkeep.providers.zoom.options import ACCOUNT, VideoSdkOptions, ZoomOptions, ZoomSpan
from reelkeep.providers.zoom.recording_api import RecordingApi, Removal
from reelkeep.providers.zoom.recording_parsing import ParseOptions
from reelkeep.providers.zoom.survey_result import ListingTask
from reelkeep.providers.zoom.users import (
    GROUPS,
    WHOLE_ACCOUNT,
    AllUsers,
    ConfiguredPlaces,
    Known,
    Places,
    at_user,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoom:
    """One account. It neither transcodes nor is told what is archived; it has a trash."""

    name: ProviderName
    traits: Traits
    places: Places
    itinerary: Itinerary
    survey: Survey
    describer: Describer
    finder: Finder
    removal: Removal
    checker: Checker
    rng: Rng

    def discover(self, span: Window) -> AsyncGenerator[Sequence[Recording], None]:
        return self.discover_with(span, ())

    async def discover_with(
        self, span: Window, unread: Sequence[Unread]
    ) -> AsyncGenerator[Sequence[Recording], None]:
        known, plan = await self.places.all(span), self.itinerary
        unread = [each for each in unread if each.part not in known.excluded]
        again = self._again(known.places, [each for each in unread if not _covers(span, each)])
        hidden = [Unread(part, span) for part in known.unlisted]
        hidden += [each for each in unread if each.part in known.unlisted]
        listing_tasks = chain(plan.listing_tasks(known.places, span), again)
        survey = self.survey.discover(
            listing_tasks,
            plan.trash(known.places),
            troubled={each.part for each in unread},
            unlisted=list(known.unlisted.values()),
            hidden=hidden,
            witnesses=plan.witnesses(known.places, span, self.rng()),
        )
        async with aclosing(survey) as batches:
            async for batch in batches:
                yield batch

    def _again(self, places: Sequence[Place], unread: Sequence[Unread]) -> list[ListingTask]:
        """Return what to ask again, in halves, in any order: bad days shall not hide good ones."""
        if not unread:
            return []
        by_name: dict[str, list[Place]] = {}
        for place in places:
            for name in {place.user, place.group or place.user}:
                by_name.setdefault(name, []).append(place)
        listing_tasks: list[ListingTask] = []
        for each in _halved(unread):
            known = [] if each.part in GROUPS else [at_user(each.part)]
            listing_tasks += self.itinerary.listing_tasks(
                by_name.get(each.part, known), each.window
            )
        return sorted(listing_tasks, key=lambda _: self.rng())

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        if not self.traits.describes:
            return recordings
        return await self.describer.describe(recordings)

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        return await self.finder.locate(recording, file, fresh=fresh)

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        """Do nothing: there is nothing to be transcoded."""

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        """Accept nothing: there is nobody to be told."""
        return recordings[:0]

    async def look_up(self, recording: RecordingId) -> Recording | None:
        try:
            seen = await self.removal.wholes.get(recording, asked_for=True)
        except Denied as denied:
            if denied.verdict in LOST:
                return None
            raise
        except (CredentialsRejected, Misplaced) as refused:
            if not await self.removal.wholes.are_served():
                raise
            raise BadAnswer(f"refused for this recording alone {refused.details}") from refused
        return seen.recording

    async def current(self, recording: RecordingId) -> Recording:
        return await self.removal.current(recording)

    async def trash(self, recording: RecordingId) -> None:
        await self.removal.trash(recording)

    async def check(self) -> Sequence[Finding]:
        return await self.checker.check()


def _halved(unread: Iterable[Unread]) -> list[Unread]:
    """Return longer windows in halves, and single days together."""
    pieces = [Unread(each.part, half) for each in unread for half in halves(each.window)]
    single = [each for each in pieces if each.window.until - each.window.since <= DAY]
    longer = [each for each in pieces if each.window.until - each.window.since > DAY]
    return [*longer, *merged(single, meeting=True)]


def _covers(span: Window, unread: Unread) -> bool:
    return span.since <= unread.window.since and unread.window.until <= span.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What sets one kind of account apart from another."""

    itinerary: Itinerary
    places: Callable[[ZoomClient], Places]
    path: str  #: Of one recording, with a place for its encoded id.
    scope: Mapping[str, object]  #: JSON; when it or `since` changes, everything is read again.
    describes: bool = False
    by_user: bool = False  #: Recordings are listed at each user, not for the account as a whole.
    users: str = ""  #: `all` or `account`, if that is what the operator wants.
    unfit: Sequence[str] = ()  #: Settings that do not go with `users: account`.
    sign: Sign = in_header


def assembled(
    options: ZoomSpan, tools: Tools, plan: Plan, fetch: Callable[[], Awaitable[Token]]
) -> Zoom:
    """Return the adapter of one account; `fetch` gets an access token."""
    name, clock = ProviderName(options.name), tools.clock
    bearer = Bearer(TokenSource(fetch, clock=clock, learn=tools.learn), clock)
    client = ZoomClient(
        options.api_url,
        transport=tools.transport,
        bearer=bearer,
        limits=AccountLimits(options.plan, clock=clock, rng=tools.rng),
        throttling=Throttling(name, options.api_url, clock=clock, report=tools.report),
        clock=clock,
        rng=tools.rng,
    )
    links = LinkCache(clock)
    survey = Survey(name, client=client, links=links, clock=clock, report=tools.report)
    parse_options = ParseOptions(
        dialect=plan.itinerary.dialect, settle=options.settle, audio=plan.itinerary.audio
    )
    wholes = RecordingApi(client=client, path=plan.path, parse_options=parse_options)
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
            unfit=plan.unfit,
        ),
        rng=tools.rng,
    )


def _trash(
    itinerary: Itinerary, places: Places, survey: Survey, links: LinkCache, tools: Tools
) -> TrashSearch | None:
    async def read() -> None:
        found = await places.all()
        now = tools.clock()
        reading = survey.discover(
            (),
            itinerary.trash(found.places),
            unlisted=list(found.unlisted.values()),
            witnesses=itinerary.witnesses(found.places, Window(now, now), tools.rng()),
        )
        async for _ in reading:
            pass  # whatever is listed has put its addresses into the links

    return TrashSearch(read, links, tools.clock) if itinerary.rescue else None


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


def meetings(options: ZoomOptions, tools: Tools) -> Zoom:
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
    def places(client: ZoomClient) -> Places:
        if options.users == ACCOUNT:
            return ConfiguredPlaces((WHOLE_ACCOUNT,))
        users: Places = AllUsers(client, tools.clock)
        if options.users is not None:
            users = ConfiguredPlaces(
                tuple(at_user(name, configured=True) for name in options.users)
            )
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
        scope=_meetings_scope(options),
        describes=options.participant_audio,
        by_user=options.users != ACCOUNT,
        users=_way(options),
        unfit=_unfit(options),
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


def _meetings_scope(options: ZoomOptions) -> dict[str, object]:
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


def _unfit(options: ZoomOptions) -> tuple[str, ...]:
    """Return the settings that `users: account` does not go with."""
    given = {"exclude.users": options.exclude.users, "meeting_id": options.meeting_id}
    return tuple(key for key, value in given.items() if value)


_SIGNS = {"header": in_header, "query": in_query}


def sessions(options: VideoSdkOptions, tools: Tools) -> Zoom:
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
        places=_sessions_place,
        path="/videosdk/sessions/{}/recordings",
        scope=_sessions_scope(options),
        describes=options.participant_audio,
        sign=_SIGNS[options.token_in],
    )
    return assembled(options, tools, plan, fetch)


def _sessions_scope(options: VideoSdkOptions) -> dict[str, object]:
    scope: dict[str, object] = {"key": options.api_key, "trash": options.trash}
    if options.participant_audio:  # else as it was before there was the option
        scope["audio"] = True
    return scope


def _sessions_place(_: ZoomClient) -> Places:
    return ConfiguredPlaces((Place(path="/videosdk/recordings"),))
