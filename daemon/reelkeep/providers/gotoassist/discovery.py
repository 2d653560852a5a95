"""List recordings although the API shows 500 at most and does not say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from reelkeep.core.matching import own_id, shared_id
from reelkeep.core.model import File, FileId, Readiness, Recording, RecordingId, Window
from reelkeep.core.poll_window import EPOCH, halves, named
from reelkeep.errors import BadAnswer, Misconfigured, ProviderError, Unavailable
from reelkeep.ports import Tools
from reelkeep.providers.gotoassist import client
from reelkeep.providers.gotoassist.api_errors import RequestRejected
from reelkeep.providers.gotoassist.auth import RETRIES
from reelkeep.providers.gotoassist.client import Call, GoToClient, stamp
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import (
    CAP,
    Address,
    Links,
    ListingReply,
    path_of,
    read_listing,
)

VIDEO, EVENTS, THUMBNAIL = FileId("mp4"), FileId("events"), FileId("thumbnail")

_FILES = (
    File(id=VIDEO, stem="recording", extension="mp4", file_type="MP4"),
    File(id=EVENTS, stem="recording", extension="events", file_type="EVENTS"),
    File(id=THUMBNAIL, stem="thumbnail", extension="jpg", file_type="JPG"),
)


def addresses(links: Links) -> Mapping[FileId, Address]:
    """Return the address of each file that has one, or why it is of no use."""
    return {file.id: address for file, address in _listed(links)}


def _listed(links: Links) -> list[tuple[File, Address]]:
    """Return the files with their addresses; those of several entries have ids of their own."""
    found: list[tuple[File, Address]] = []
    for number, file in enumerate(_FILES):
        family: dict[tuple[str, str | None], tuple[Links, Address]] = {}
        for each in sorted((links, *links.others), key=_traits):
            address = (each.video, each.events, each.thumbnail)[number]
            if address is not None:
                path = path_of(address)
                told = _traits(each) if file.id == VIDEO or path is None else ""
                family.setdefault((told, path), (each, address))  # one path is one small file
        found += _named(file, list(family.values()))
    return found


def _named(file: File, family: list[tuple[Links, Address]]) -> list[tuple[File, Address]]:
    """Return a file for each address of one kind; their ids depend on no order."""
    known = Counter(_traits(each) for each, _ in family)
    named: list[tuple[File, Address]] = []
    for each, address in family:
        id_ = file.id
        if len(family) > 1:
            more = () if known[_traits(each)] == 1 else (path_of(address),)
            id_ = shared_id(file.id, _traits(each), *more)
        size = each.size if file.id == VIDEO else None
        named.append((replace(file, id=id_, size=size), address))
    return named


def _traits(links: Links) -> str:
    return f"{links.size} {None if links.started is None else stamp(links.started)}"


def described(recording: Recording, links: Links, options: GoToAssistOptions) -> Recording:
    """Return `recording` with what `links` say of it, the addresses themselves excepted.

    A file without an address is left out, and named among the facts as missing. One whose address
    cannot be used was announced: it is a file, and locating it says why it cannot be had.
    """
    files = [file for file, _ in _listed(links)]
    there = {own_id(file.id) for file in files}
    missing = [str(file.id) for file in _FILES if file.id not in there]
    facts = {
        "recordingStartTime": None if links.started is None else stamp(links.started),
        "recordingSize": links.size,
        "missing": missing or None,
    }
    return replace(
        recording,
        started=links.started or recording.started,
        files=tuple(files),
        facts=_facts(recording, options, facts),
    )


def refused(
    recording: Recording, rejected: RequestRejected, options: GoToAssistOptions
) -> Recording:
    """Return `recording` with the files it should have; locating them says why they cannot be had.

    So an operator sees them fail, and may retry or waive them; polls ask no more.
    """
    return replace(
        recording, files=_FILES, facts=_facts(recording, options, {"refused": str(rejected)})
    )


def _facts(
    recording: Recording, options: GoToAssistOptions, said: Mapping[str, Any]
) -> dict[str, Any]:
    facts = {
        "recordingId": str(recording.id),
        "accountKey": options.account_key,
        "userKey": options.user_key,
        "companyId": options.company_id,
        "sessionType": options.session_type,
        **said,
    }
    return {name: value for name, value in facts.items() if value is not None}


_KEYS = ("account_key", "user_key", "company_id")


async def listed(
    client: GoToClient, options: GoToAssistOptions, call: Call, *, retries: int = RETRIES
) -> ListingReply:
    """Return the answer to `call`; passing trouble is retried so often.

    Raises:
        Misconfigured: It is refused; the message says what to look at.
        ProviderError: As `GoToClient.send` raises it.
    """
    try:
        answer = await client.send(call, retries=retries)
    except RequestRejected as error:
        raise Misconfigured(advice(options, error)) from error
    return read_listing(answer.json)


def advice(options: GoToAssistOptions, error: RequestRejected) -> str:
    """Return what to look at after a listing was refused."""
    keys = " or ".join(key for key in _KEYS if getattr(options, key) is not None)
    if error.unrouted:
        return f"base_url is not the address of the API: {error}"
    if error.status == 403:
        return (
            f"{keys} does not belong to the owner of the token, session recording is not enabled, "
            f"or the owner has no Remote Support seat: {error}"
        )
    return f"{keys} or another setting is not understood: {error}"


_AHEAD = timedelta(days=1)  # their clock may be ahead of ours
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_IN_A_ROW = 3
"""Windows that fail one after the other until the last hour is asked for: is anything served?"""
_PATIENCE = 10
"""Days that fail, each after some retries; those behind them are asked for once."""
_FAILURES = 2_000
"""Windows that may fail in a sweep until it is given up."""


@dataclass(slots=True)
class _Sweep:
    """The state of reading one span."""

    archived: bool
    errors: list[ProviderError]
    seen: set[tuple[RecordingId, Readiness]] = field(default_factory=set)
    incomplete: list[str] = field(default_factory=list)
    failed: list[tuple[Window, ProviderError]] = field(
        default_factory=list
    )  #: To be read in parts.
    failures: int = 0
    in_a_row: int = 0
    given_up: bool = False


class Discovery:
    """Lists what one account holds."""

    def __init__(self, options: GoToAssistOptions, tools: Tools, client: GoToClient) -> None:
        self._options = options
        self._tools = tools
        self._client = client
        self._was_incomplete = False

    async def recordings(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        """Yield what started in `span`, as `ports.Provider.discover` does."""
        errors: list[ProviderError] = []
        incomplete: list[str] = []
        for archived in (False, True) if self._options.archived == "include" else (False,):
            sweep = _Sweep(archived, errors, incomplete=incomplete)
            async for listing in self._listings(span, sweep):
                for batch in _batches(_recordings(listing, sweep)):
                    yield batch
        self._tell(incomplete)
        if errors:
            raise _of_all(errors)

    async def _listings(self, span: Window, sweep: _Sweep) -> AsyncIterator[ListingReply]:
        """Yield listings that cover `span`; full ones are followed by those of their halves.

        What cannot be read is read in halves as well, at the end and down to a day: whatever the
        API cannot list keeps nothing else from being listed.
        """
        whole = self._window(span)
        first = await self._read(self._first(span, archived=sweep.archived), whole, sweep)
        stack = [] if first is None else [(whole, first)]
        while stack or (sweep.failed and not sweep.given_up):
            if not stack:
                stack += await self._parts(halves(sweep.failed.pop()[0]) or (), sweep)
                continue
            window, listing = stack.pop()
            yield listing
            if not listing.full:
                self._note_unreadable(listing, window, sweep)
                continue
            parts = halves(window)
            if parts is None:
                self._note_unreadable(listing, window, sweep)
                sweep.incomplete.append(
                    f"over {CAP - 1} recordings at {client.stamp(window.since)}"
                )
                continue
            answers = await self._parts(parts, sweep)
            if len(answers) == 2 and answers[0][1].full and answers[0][1] == answers[1][1]:
                sweep.incomplete.append("the API does not heed fromTime and toTime")
                continue
            stack += answers
        sweep.errors += [error for _, error in sweep.failed]

    async def _parts(
        self, parts: Sequence[Window], sweep: _Sweep
    ) -> list[tuple[Window, ListingReply]]:
        """Return the listings of `parts` that could be read, the last one first."""
        read = [(part, await self._read(self._within(part, sweep), part, sweep)) for part in parts]
        return [(part, answer) for part, answer in reversed(read) if answer is not None]

    async def _read(self, call: Call, window: Window, sweep: _Sweep) -> ListingReply | None:
        """Return the listing, `None` if it could not be read; then it is noted.

        Raises:
            Misconfigured: It is refused, and so is the listing of the last hour.
            AuthFailed, RateLimited: As `listed` raises them.
        """
        if sweep.given_up:
            sweep.failed.append((window, Unavailable(f"{_where(window, sweep)}: not asked for")))
            return None
        is_last = window.until - window.since <= _DAY
        try:
            patient = len(sweep.errors) < _PATIENCE if is_last else not sweep.failures
            retries = RETRIES if patient else 0
            listing = await listed(self._client, self._options, call, retries=retries)
        except Misconfigured as error:
            if not await self._is_served(sweep):
                raise
            failure: ProviderError = BadAnswer(f"{_where(window, sweep)}: {error}")
        except (Unavailable, BadAnswer) as error:
            failure = type(error)(f"{_where(window, sweep)}: {error}")
        else:
            sweep.in_a_row = 0
            return listing
        if is_last:
            sweep.errors.append(failure)
        else:
            sweep.failed.append((window, failure))
        await self._note_failure(sweep)
        return None

    async def _note_failure(self, sweep: _Sweep) -> None:
        """Give up where nothing is served any more, or too much has failed."""
        sweep.failures += 1
        sweep.in_a_row += 1
        if sweep.in_a_row >= _IN_A_ROW:
            sweep.in_a_row = 0
            sweep.given_up = not await self._is_served(sweep)
        sweep.given_up = sweep.given_up or sweep.failures >= _FAILURES

    async def _is_served(self, sweep: _Sweep) -> bool:
        """Return whether the last hour can be listed, or one in which nothing was recorded."""
        now = self._tools.clock()
        last_hour = self._within(Window(now - _HOUR, now + _AHEAD), sweep)
        for call in (last_hour, client.empty_listing(self._options)):
            try:
                await listed(self._client, self._options, call)
            except (Misconfigured, Unavailable, BadAnswer):
                continue
            return True
        return False

    def _note_unreadable(self, listing: ListingReply, window: Window, sweep: _Sweep) -> None:
        """Note entries that are no ids; every other entry of the listing counts."""
        if listing.unreadable:
            told = f"{listing.unreadable} entries of a listing are no ids of recordings"
            sweep.errors.append(BadAnswer(f"{_where(window, sweep)}: {told}"))

    def _first(self, span: Window, *, archived: bool) -> Call:
        """Return the call for all of `span`, with no bound that bounds nothing."""
        since = self._since(span)
        return client.listing(
            self._options,
            since=since if since > EPOCH else None,
            until=span.until if span.until < self._tools.clock() else None,
            days=self._options.time_period,
            archived=archived,
        )

    def _within(self, window: Window, sweep: _Sweep) -> Call:
        return client.listing(
            self._options, since=window.since, until=window.until, archived=sweep.archived
        )

    def _since(self, span: Window) -> datetime:
        return max(span.since, self._options.since or EPOCH, EPOCH)

    def _window(self, span: Window) -> Window:
        """Return the bounds between which a full listing is cut."""
        now = self._tools.clock()
        since = self._since(span)
        if self._options.time_period is not None:
            first_day = now - timedelta(days=min(self._options.time_period, (now - EPOCH).days))
            since = max(since, first_day.replace(hour=0, minute=0, second=0, microsecond=0))
        until = span.until if span.until < now else now + _AHEAD
        return Window(since, max(since, until))

    def _tell(self, incomplete: list[str]) -> None:
        """Report once when a poll cannot see everything, and again only after one that could."""
        if incomplete and not self._was_incomplete:
            reason = f"{incomplete[0]}; progress is made as recordings are marked as archived"
            self._tools.report(
                "poll.incomplete", provider=self._options.name, code="capped", reason=reason
            )
        self._was_incomplete = bool(incomplete)


def _where(window: Window, sweep: _Sweep) -> str:
    kind = "archived recordings" if sweep.archived else "recordings"
    return f"{kind} of {client.stamp(window.since)} to {client.stamp(window.until)}"


def _of_all(errors: Sequence[ProviderError]) -> ProviderError:
    """Return what failed as one error, which names each window."""
    kind = Unavailable if isinstance(errors[0], Unavailable) else BadAnswer
    return kind(named([str(each) for each in errors]))


def _recordings(listing: ListingReply, sweep: _Sweep) -> Iterator[Recording]:
    for readiness, ids in (
        (Readiness.READY, listing.ready),
        (Readiness.TRANSCODABLE, listing.transcodable),
    ):
        for each in ids:
            if (each, readiness) not in sweep.seen:
                sweep.seen.add((each, readiness))
                yield Recording(id=each, readiness=readiness, told=sweep.archived)


def _batches(recordings: Iterator[Recording]) -> Iterator[Sequence[Recording]]:
    batch: list[Recording] = []
    for each in recordings:
        batch.append(each)
        if len(batch) == CAP:
            yield batch
            batch = []
    if batch:
        yield batch
