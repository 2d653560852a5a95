"""GoToAssist Remote Support v1 as a `ports.Provider`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from reelkeep.core.model import FileId, Locator, ProviderName, Recording, RecordingId, Window
from reelkeep.errors import AuthFailed, NotYet, ProviderError, Refused
from reelkeep.ports import Finding, Tools, Traits
from reelkeep.providers.gotoassist import client
from reelkeep.providers.gotoassist.api_errors import RequestRejected
from reelkeep.providers.gotoassist.auth import credentials
from reelkeep.providers.gotoassist.batch_calls import Bulk, Ids, Refusals
from reelkeep.providers.gotoassist.client import Batch, GoToClient
from reelkeep.providers.gotoassist.discovery import Discovery, addresses, described, listed, refused
from reelkeep.providers.gotoassist.locators import Locators, Told
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import Links, ListingReply, Unusable, read_links
from reelkeep.providers.pacing import Pacer


async def checkup(
    token: Callable[[], Awaitable[str]], probe: Callable[[], Awaitable[ListingReply]]
) -> Sequence[Finding]:
    """Return findings on access and, if there is access, on the listing."""
    try:
        await token()
        listing = await probe()
    except AuthFailed as error:
        return [Finding("access", ok=False, message=str(error))]
    except ProviderError as error:
        return [Finding("recordings", ok=False, message=str(error))]
    count = len(listing.ready) + len(listing.transcodable)
    return [
        Finding("access", ok=True, message="the access token is accepted"),
        Finding("recordings", ok=True, message=f"can be listed; of the last day, {count} wait"),
    ]


class GoToAssist:
    """One account. Recordings have no title and no user here, only a start and three files."""

    def __init__(self, options: GoToAssistOptions, tools: Tools) -> None:
        self._options = options
        self._refusals = Refusals(options.name, tools.report)
        self._traits = traits(options)
        pacer = Pacer(
            options.requests_per_second,
            clock=tools.clock,
            per_day=options.requests_per_day,
            rng=tools.rng,
        )
        self._credentials = credentials(options.name, options.auth, tools)
        self._client = GoToClient(options, tools, self._credentials, pacer)
        self._discovery = Discovery(options, tools, self._client)
        self._marking = self._bulk(client.mark(options.ids), self._marked)
        self._transcoding = self._bulk(client.transcode(options.ids), self._access)
        urls = Bulk(
            self._client,
            client.urls(options.ids),
            most=options.ids.batch,
            probe=self._sound,
            check=lambda answer: read_links(answer.json),
            presumes=True,
            names_nobody=lambda answer: not read_links(answer.json),
        )
        self._locators = Locators(urls, most=options.ids.batch, refusals=self._refusals)

    @property
    def name(self) -> ProviderName:
        return ProviderName(self._options.name)

    @property
    def traits(self) -> Traits:
        return self._traits

    def discover(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        return self._discovery.recordings(span)

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        told = await self._locators.ask(tuple(dict.fromkeys(each.id for each in recordings)))
        return [self._completed(each, told.get(each.id)) for each in recordings]

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        links = await self._locators.of(recording, fresh=fresh)
        url = None if links is None else addresses(links).get(file)
        if url is None:
            raise NotYet(f"no address is given for {file} of this recording now")
        if isinstance(url, Unusable):
            raise Refused(url.reason)
        return Locator(url)  # another host, which must not see the token

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        served = await self._transcoding.send(recordings)
        for each, error in served.spoilt.items():
            self._refusals.tell(each, error)

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        served = await self._marking.send(recordings)
        for each, error in served.spoilt.items():
            self._refusals.tell(each, error)
        return served.accepted

    async def check(self) -> Sequence[Finding]:
        return await checkup(self._credentials.get, self._probe)

    def _completed(self, recording: Recording, told: Told | None) -> Recording:
        """Return all that is known of `recording`, or why it cannot be had yet."""
        if isinstance(told, RequestRejected):
            return refused(recording, told, self._options)
        if not isinstance(told, Links):
            reason = "the provider gives no address of it" if told is None else str(told)
            return replace(recording, undescribed=reason)
        if told.video is None:
            return replace(recording, undescribed="the provider gives no address of its video")
        return described(recording, told, self._options)

    def _bulk(self, batch: Batch, probe: Callable[[], Awaitable[Ids]]) -> Bulk:
        return Bulk(self._client, batch, most=self._options.ids.batch, probe=probe)

    async def _probe(self) -> ListingReply:
        """List one day: the cheapest question that needs token, keys and seat."""
        return await listed(self._client, self._options, client.listing(self._options, days=1))

    async def _access(self) -> Ids:
        """See that the account is in order; no id is named in a call that does something to it."""
        await self._probe()
        return ()

    async def _marked(self) -> Ids:
        """See that the account is in order, and find ids that are marked: twice is harmless."""
        await self._probe()
        archived = client.listing(self._options, archived=True)
        return (await listed(self._client, self._options, archived)).ready[-2:]

    async def _sound(self) -> Ids:
        """See that the account is in order, and find ids that `/urls` should know."""
        latest = (await self._probe()).ready
        archived = client.listing(self._options, archived=True)
        return (*latest[-1:], *(await listed(self._client, self._options, archived)).ready[-2:])


def traits(options: GoToAssistOptions) -> Traits:
    """Return what an account with these options can do."""
    return Traits(
        type=options.type,
        interval=options.interval,
        filter=options.filter(),
        transcodes=options.transcode,
        transcode_timeout=options.transcode_timeout,
        describes=True,
        acknowledges=options.mark_archived,
        epoch=options.since,
        scope=scope(options),
        batch=client.MOST,
    )


def scope(options: GoToAssistOptions) -> str:
    """Return a digest of what decides which recordings are listed."""
    deciding = [
        options.account_key,
        options.user_key,
        options.company_id,
        options.session_type,
        options.archived,
        options.time_period,
        None if options.since is None else options.since.isoformat(),
    ]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]
