"""Speak to the API: paced, authorized, and not put off by passing trouble."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from reelkeep.core.model import RecordingId
from reelkeep.core.poll_window import EPOCH
from reelkeep.core.replies import asked_until, clock_hint
from reelkeep.errors import AuthFailed, ProviderError, RateLimited
from reelkeep.ports import Request, Tools
from reelkeep.providers.gotoassist.api_errors import RequestRejected, TokenRejected, fault
from reelkeep.providers.gotoassist.auth import RETRIES, Credentials, authorization, patiently
from reelkeep.providers.gotoassist.options import GoToAssistOptions, IdSyntax
from reelkeep.providers.pacing import Pacer, Throttling
from reelkeep.providers.web import Answer, ask, json_body, query

MOST = 500
"""Ids in one request, as documented."""

ROOM = 6_000
"""Characters of ids in one URL; many servers take lines of 8 KiB at most (provider notes, 1.5)."""

_ARCHIVE = "archive/recordings"
_ALMOST_A_SECOND = timedelta(microseconds=999_999)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as the API knows it: relative to `base_url`, without credentials."""

    method: str = "GET"
    path: str = _ARCHIVE
    pairs: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A kind of call that names many recordings."""

    setting: str  #: Says how they are named.
    call: Callable[[Sequence[RecordingId]], Call]
    overhead: int = 1  #: Characters that each id costs in a URL, beside its own.


def listing(
    options: GoToAssistOptions,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    days: int | None = None,
    archived: bool = False,
) -> Call:
    """Return the call that lists what started in `since <= t <= until`, or in the last `days`."""
    session_type = {None: None, "attended": "0", "unattended": "1"}[options.session_type]
    pairs = (
        ("accountKey", options.account_key),
        ("userKey", options.user_key),
        ("companyId", options.company_id),
        ("sessionType", session_type),
        ("fromTime", None if since is None else stamp(since)),
        ("toTime", None if until is None else stamp(until + _ALMOST_A_SECOND)),
        ("timePeriod", None if days is None else str(days)),
        ("archived", "1" if archived else "0"),
    )
    return Call(pairs=tuple((name, value) for name, value in pairs if value is not None))


def empty_listing(options: GoToAssistOptions) -> Call:
    """Return the call that lists an hour in which nothing was recorded: nothing in it is wrong."""
    return listing(options, since=EPOCH, until=EPOCH + timedelta(hours=1))


def urls(syntax: IdSyntax) -> Batch:
    """Return the call that asks for download addresses."""

    def call(ids: Sequence[RecordingId]) -> Call:
        values = [",".join(ids)] if syntax.urls == "csv" else ids
        pairs = tuple((syntax.urls_param, value) for value in values)
        return Call(path=f"{_ARCHIVE}/urls", pairs=pairs)

    overhead = 1 if syntax.urls == "csv" else len(syntax.urls_param) + 2
    return Batch("ids.urls and ids.urls_param", call, overhead)


def mark(syntax: IdSyntax) -> Batch:
    """Return the call that marks recordings as archived."""
    return Batch("ids.mark", _naming("PUT", f"{_ARCHIVE}/archived", syntax.mark))


def transcode(syntax: IdSyntax) -> Batch:
    """Return the call that asks for a transcoding."""
    return Batch("ids.transcode", _naming("POST", f"{_ARCHIVE}/transcode", syntax.transcode))


def batches(
    ids: Sequence[RecordingId], *, most: int, overhead: int = 1
) -> Iterator[Sequence[RecordingId]]:
    """Cut `ids` into batches of at most `most` (and `MOST`) that fit into a URL."""
    batch: list[RecordingId] = []
    room = ROOM
    for each in ids:
        cost = len(each) + overhead
        if batch and (len(batch) >= min(most, MOST) or cost > room):
            yield batch
            batch, room = [], ROOM
        batch.append(each)
        room -= cost
    if batch:
        yield batch


def stamp(time: datetime) -> str:
    """Return `time` as the API reads it: UTC, whole seconds, `Z` (provider notes, 1.4)."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _naming(method: str, path: str, style: str) -> Callable[[Sequence[RecordingId]], Call]:
    def in_path(ids: Sequence[RecordingId]) -> Call:
        return Call(method=method, path=f"{path}/{quote(','.join(ids), safe=',~')}")

    def in_body(ids: Sequence[RecordingId]) -> Call:
        numbers = [int(each) if re.fullmatch("[1-9][0-9]*", each) else each for each in ids]
        return Call(method=method, path=path, body=json_body({"recordingIds": numbers}))

    return in_path if style == "path" else in_body


class GoToClient:
    """One account's conversation with the API."""

    def __init__(
        self, options: GoToAssistOptions, tools: Tools, credentials: Credentials, pacer: Pacer
    ) -> None:
        self._options = options
        self._tools = tools
        self._credentials = credentials
        self._pacer = pacer
        self._throttling = Throttling(
            options.name, options.base_url, clock=tools.clock, report=tools.report
        )
        self._sound: str | None = None  #: A token that served another request than the refused one.

    async def send(self, call: Call, *, retries: int = RETRIES) -> Answer:
        """Return the answer to `call` if it is a success; passing trouble is retried so often.

        Raises:
            Rejected: This request is refused for good; a part of it may not be.
            AuthFailed: A new token is refused as well, or there is none to be had, or no seat.
            RateLimited: Too many requests, even after some waiting; or none are left for today.
            Unavailable, BadAnswer: The API is out of order, even after some retries.
        """
        token = await self._credentials.get()
        try:
            return await self._with(token, call, retries)
        except TokenRejected as error:
            if token == self._sound:
                await self._require_unserved(token, error)
            token = await self._credentials.renew(token)
        except AuthFailed as error:
            await self._require_unserved(token, error)
            raise
        try:
            return await self._with(token, call, retries)
        except AuthFailed as error:
            await self._require_unserved(token, error)
            if isinstance(error, TokenRejected):
                raise AuthFailed(f"a new access token is refused as well: {error}") from error
            raise

    async def _require_unserved(self, token: str, error: AuthFailed) -> None:
        """Raise RequestRejected if something else is served: then it is not about the account."""
        try:
            await self._unhurried(token, empty_listing(self._options))
        except ProviderError:
            return
        self._sound = token
        raise RequestRejected(f"{error}, and other requests are served", status=401) from error

    async def _with(self, token: str, call: Call, retries: int) -> Answer:
        return await patiently(
            lambda: self._unhurried(token, call), rng=self._tools.rng, retries=retries
        )

    async def _unhurried(self, token: str, call: Call) -> Answer:
        """Send `call` in its turn, and again a few times when told to slow down."""
        for retry in itertools.count():
            await self._pacer.turn()
            try:
                return await self._once(token, call)
            except RateLimited as error:
                error.until = self._heed(error.until)
                if retry == RETRIES:
                    raise
        raise AssertionError("a count never ends")

    async def _once(self, token: str, call: Call) -> Answer:
        answer = await ask(self._tools.transport, self._request(token, call))
        error = fault(answer)
        if isinstance(error, RateLimited):
            after = answer.headers.get("retry-after", "")
            error.until = asked_until(after, answer.headers, self._tools.clock())
        if isinstance(error, AuthFailed):
            hint = clock_hint(answer.headers, self._tools.clock())
            raise type(error)(f"{error}{hint}")
        if error is not None:
            raise error
        self._throttling.served()
        return answer

    def _heed(self, asked: datetime | None) -> datetime:
        """Slow everybody down, and return until when."""
        is_ahead = asked is not None and asked > self._tools.clock()
        until = asked if asked is not None and is_ahead else self._pacer.slow_down()
        self._pacer.park(until)
        self._throttling.heard(until)
        return until

    def _request(self, token: str, call: Call) -> Request:
        url = f"{self._options.base_url.rstrip('/')}/{call.path}"
        return Request(
            url=f"{url}?{query(call.pairs)}" if call.pairs else url,
            method=call.method,
            headers=_headers(call),
            credentials=authorization(self._options.auth.scheme, token),
            body=call.body,
            follow=False,
        )


def _headers(call: Call) -> Mapping[str, str]:
    accept = {"Accept": "application/json"}
    return accept if call.body is None else accept | {"Content-Type": "application/json"}
