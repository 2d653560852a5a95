"""GoToAssist Remote Support v1 as a `ports.Provider`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from reelkeep.core.model import (
    File,
    FileId,
    Locator,
    ProviderName,
    Recording,
    RecordingId,
    Window,
)
from reelkeep.errors import NotYet
from reelkeep.ports import Finding, Tools, Traits
from reelkeep.providers.gotoassist import calls
from reelkeep.providers.gotoassist.auth import credentials
from reelkeep.providers.gotoassist.bulk import Bulk
from reelkeep.providers.gotoassist.calls import Batch
from reelkeep.providers.gotoassist.checkup import checkup
from reelkeep.providers.gotoassist.client import Client
from reelkeep.providers.gotoassist.discovery import Discovery
from reelkeep.providers.gotoassist.faults import Rejected
from reelkeep.providers.gotoassist.listing import listed
from reelkeep.providers.gotoassist.locators import Locators
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import Links, Listing
from reelkeep.providers.pacing import Pacer

VIDEO, EVENTS, THUMBNAIL = FileId("mp4"), FileId("events"), FileId("thumbnail")


class GoToAssist:
    """One account. Recordings have no title and no user here, only a start and three files."""

    def __init__(self, options: GoToAssistOptions, tools: Tools) -> None:
        self._options = options
        self._report = tools.report
        self._traits = traits(options)
        pacer = Pacer(
            options.requests_per_second,
            clock=tools.clock,
            per_day=options.requests_per_day,
            dice=tools.dice,
        )
        self._credentials = credentials(options.name, options.auth, tools)
        self._client = Client(options, tools, self._credentials, pacer)
        self._discovery = Discovery(options, tools, self._client)
        self._marking = self._bulk(calls.mark(options.ids))
        self._transcoding = self._bulk(calls.transcode(options.ids))
        self._locators = Locators(
            self._bulk(calls.urls(options.ids)),
            tools,
            most=options.ids.batch,
            told=self._tell_refusal,
        )

    @property
    def name(self) -> ProviderName:
        return ProviderName(self._options.name)

    @property
    def traits(self) -> Traits:
        return self._traits

    def discover(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        return self._discovery.recordings(span)

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        links = await self._locators.ask(tuple(dict.fromkeys(each.id for each in recordings)))
        return [
            described(each, links[each.id], self._options)
            for each in recordings
            if each.id in links and links[each.id].video is not None
        ]

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        links = await self._locators.of(recording, fresh=fresh)
        url = None if links is None else _addresses(links).get(file)
        if url is None:
            raise NotYet(f"no address is given for {file} of this recording now")
        return Locator(url)  # another host, which must not see the token

    async def transcode(self, recordings: Sequence[RecordingId]) -> None:
        served = await self._transcoding.send(recordings)
        for each, rejected in served.refused.items():
            self._tell_refusal(each, rejected)

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        served = await self._marking.send(recordings)
        for each, rejected in served.refused.items():
            self._tell_refusal(each, rejected)
        return served.accepted

    async def check(self) -> Sequence[Finding]:
        return await checkup(self._credentials.get, self._probe)

    def _bulk(self, batch: Batch) -> Bulk:
        return Bulk(self._client, batch, most=self._options.ids.batch, probe=self._probe)

    async def _probe(self) -> Listing:
        """List one day: the cheapest question that needs token, keys and seat."""
        return await listed(self._client, self._options, calls.listing(self._options, days=1))

    def _tell_refusal(self, recording: RecordingId, rejected: Rejected) -> None:
        self._report(
            "provider.refused",
            provider=self._options.name,
            recording=recording,
            code=rejected.code,
            reason=str(rejected),
        )


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
        batch=calls.MOST,
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


def described(recording: Recording, links: Links, options: GoToAssistOptions) -> Recording:
    """Return `recording` with what `links` say of it, the addresses themselves excepted.

    A file without an address is left out, and named among the facts as missing.
    """
    addresses = _addresses(links)
    files = (
        File(id=VIDEO, stem="recording", extension="mp4", file_type="MP4", size=links.size),
        File(id=EVENTS, stem="recording", extension="events", file_type="EVENTS"),
        File(id=THUMBNAIL, stem="thumbnail", extension="jpg", file_type="JPG"),
    )
    return replace(
        recording,
        started=links.started or recording.started,
        files=tuple(each for each in files if addresses[each.id] is not None),
        facts=_facts(links, options),
    )


def _facts(links: Links, options: GoToAssistOptions) -> dict[str, Any]:
    facts = {
        "recordingId": str(links.id),
        "recordingStartTime": None if links.started is None else calls.stamp(links.started),
        "recordingSize": links.size,
        "accountKey": options.account_key,
        "userKey": options.user_key,
        "companyId": options.company_id,
        "sessionType": options.session_type,
        "missing": [str(id_) for id_, url in _addresses(links).items() if url is None] or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _addresses(links: Links) -> dict[FileId, str | None]:
    return {VIDEO: links.video, EVENTS: links.events, THUMBNAIL: links.thumbnail}
