"""Find a way to one file, just in time, and remember it for a short while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import anyio
from cachetools import LRUCache

from reelkeep.core.matching import own_id
from reelkeep.core.model import FileId, Locator, ProviderName, RecordingId
from reelkeep.core.poll_window import PartlyRead
from reelkeep.core.unavailable import EXPLANATIONS
from reelkeep.errors import Gone, NotYet, OutOfReach, ProviderError, Refused, TransferError
from reelkeep.ports import Clock, Report
from reelkeep.providers.zoom.api_errors import ApiVerdict, CredentialsRejected, Denied, Misplaced
from reelkeep.providers.zoom.auth import Bearer
from reelkeep.providers.zoom.recording_api import RecordingApi
from reelkeep.providers.zoom.recording_parsing import Sighting

LIFE: Final = timedelta(hours=1)
MOST: Final = 8_192


class LinkCache:
    """The addresses of the latest sightings, in memory only; the oldest are forgotten first."""

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self._clock = clock
        self._known: LRUCache[tuple[RecordingId, FileId], tuple[datetime, str]] = LRUCache(most)

    def remember(self, sighting: Sighting) -> None:
        """Keep the addresses of a sighting."""
        now = self._clock()
        for file, url in sighting.urls.items():
            self._known[sighting.recording.id, file] = (now, url)

    def recall(
        self, recording: RecordingId, file: FileId, *, since: datetime | None = None
    ) -> str | None:
        """Return an address no older than `LIFE`, and seen at or after `since` if given."""
        at, url = self._known.get((recording, file), (None, ""))
        oldest = since or self._clock() - LIFE
        is_young = at is not None and oldest <= at <= self._clock()
        return url if is_young else None


KIN: Final = ".zoom.us"
_YOUNG: Final = timedelta(minutes=1)
LOST: Final = (ApiVerdict.NOTHING, ApiVerdict.NO_MEETING, ApiVerdict.NO_USER, ApiVerdict.NOT_FOUND)

Sign = Callable[[str, str], Locator]
"""Makes a locator of an address and a token."""


def in_header(url: str, token: str) -> Locator:
    """Return a locator that shows the token to the origin of `url`, and to its kin on request."""
    return Locator(url, {"Authorization": f"Bearer {token}"}, KIN)


def in_query(url: str, token: str) -> Locator:
    """Return a locator with the token in its address."""
    return Locator(f"{url}{'&' if '?' in url else '?'}access_token={token}")


class TrashSearch:
    """The last resort of the lost. `read` puts the addresses of all that is there into `links`."""

    def __init__(self, read: Callable[[], Awaitable[None]], links: LinkCache, clock: Clock) -> None:
        self._read = read
        self._links = links
        self._clock = clock
        self._read_at: datetime | None = None
        self._missing: PartlyRead | None = None
        self._lock = anyio.Lock()

    async def find(self, recording: RecordingId, file: FileId) -> str | None:
        """Return where a file in the trash can be had; the trash is read once a minute at most.

        Raises:
            PartlyRead: It is not in what could be read of the trash.
        """
        async with self._lock:
            now = self._clock()
            if self._read_at is None or not timedelta() <= now - self._read_at <= _YOUNG:
                self._missing = await self._partly()
                self._read_at = now
            url = self._links.recall(recording, file, since=self._read_at)
            if url is None and self._missing is not None:
                raise self._missing
            return url

    async def _partly(self) -> PartlyRead | None:
        """Read the trash; return what is missing of it."""
        try:
            await self._read()
        except PartlyRead as error:
            return error
        return None


class Finder:
    """Makes locators; see `reelkeep.ports.Provider.locate`."""

    def __init__(
        self,
        name: ProviderName,
        *,
        wholes: RecordingApi,
        links: LinkCache,
        bearer: Bearer,
        report: Report,
        trash: TrashSearch | None = None,
        sign: Sign = in_header,
    ) -> None:
        self._name = name
        self._wholes = wholes
        self._links = links
        self._bearer = bearer
        self._report = report
        self._trash = trash
        self._sign = sign

    async def locate(self, recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
        """Return a way to fetch a file.

        A page of text instead of a file mostly means trouble with the token, so that `fresh` is
        about the token, too, unless it is quite young.

        Raises:
            Gone: The provider no longer has the file.
            NotYet: The provider has not finished it.
            Refused: It is not for us, or not for anybody.
        """
        if fresh:
            await self._bearer.freshened(_YOUNG)
        url = None if fresh else self._links.recall(recording, file)
        found = url or await self._asked(recording, file)
        return self._sign(found, await self._bearer.get())

    async def _asked(self, recording: RecordingId, file: FileId) -> str:
        try:
            seen = await self._wholes.get(recording)
        except Denied as denied:
            error = self._loss(denied, recording)
        except (CredentialsRejected, Misplaced) as refused:
            # about the account, or about this recording: what else is served shows it
            if not await self._wholes.are_served():
                raise
            report_refusal(self._report, self._name, recording, refused)
            raise Refused(f"refused for this recording alone {refused.details}") from refused
        else:
            self._links.remember(seen)
            url = seen.address(file)
            if url is not None:
                return url
            error = absence(seen, file)
        if self._trash is not None and isinstance(error, Gone):
            url = await self._trash.find(recording, file)
            if url is not None:
                return url
        raise error

    def _loss(self, denied: Denied, recording: RecordingId) -> TransferError:
        if denied.verdict in LOST:
            return Gone(str(denied))
        report_refusal(self._report, self._name, recording, denied)
        return Refused(str(denied))


def report_refusal(
    report: Report, name: ProviderName, recording: RecordingId, denied: ProviderError
) -> None:
    """Say that a question about one recording was refused for good."""
    report(
        "provider.refused",
        provider=name,
        recording=recording,
        code=Refused.code,
        reason=str(denied),
    )


def absence(seen: Sighting, file: FileId) -> TransferError:
    """Return why a recording that is there has no address for one of its files."""
    if (fault := seen.fault(file)) is not None:
        return Refused(fault)
    obstacle = next((each.obstacle for each in seen.recording.files if each.id == file), None)
    if obstacle is not None:
        return OutOfReach(EXPLANATIONS[obstacle], obstacle=obstacle)
    if file in seen.pending:
        return NotYet("the file is announced, but not finished")
    if any(own_id(each.id) == own_id(file) for each in seen.recording.files):
        return NotYet("several files share its id; the next poll tells which of them it is")
    if seen.recording.files:
        return Gone("the recording is there, but this file of it no longer")
    return NotYet("nothing of the recording is finished")
