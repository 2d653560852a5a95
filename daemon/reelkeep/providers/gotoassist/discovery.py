"""List recordings although the API shows 500 at most and does not say so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reelkeep.core.model import Readiness, Recording, RecordingId, Window
from reelkeep.core.poll_window import EPOCH
from reelkeep.core.timetable import halves
from reelkeep.core.unread import named
from reelkeep.errors import BadAnswer, ProviderError, Unavailable
from reelkeep.ports import Tools
from reelkeep.providers.gotoassist import calls
from reelkeep.providers.gotoassist.calls import Call
from reelkeep.providers.gotoassist.client import Client
from reelkeep.providers.gotoassist.listing import listed
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.replies import CAP, Listing

_TOLERATED = 3  # windows that may fail before a sweep is given up
_AHEAD = timedelta(days=1)  # their clock may be ahead of ours


@dataclass(slots=True)
class _Sweep:
    """The state of reading one span."""

    archived: bool
    errors: list[ProviderError]
    seen: set[tuple[RecordingId, Readiness]] = field(default_factory=set)
    incomplete: list[str] = field(default_factory=list)


class Discovery:
    """Lists what one account holds."""

    def __init__(self, options: GoToAssistOptions, tools: Tools, client: Client) -> None:
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

    async def _listings(self, span: Window, sweep: _Sweep) -> AsyncIterator[Listing]:
        """Yield listings that cover `span`; full ones are followed by those of their halves."""
        whole = self._window(span)
        first = await self._read(self._first(span, archived=sweep.archived), whole, sweep)
        stack = [] if first is None else [(whole, first)]
        while stack:
            window, listing = stack.pop()
            yield listing
            if not listing.full:
                continue
            parts = halves(window)
            if parts is None:
                sweep.incomplete.append(f"over {CAP - 1} recordings at {calls.stamp(window.since)}")
                continue
            read = [
                (part, await self._read(self._within(part, sweep), part, sweep)) for part in parts
            ]
            answers = [(part, answer) for part, answer in read if answer is not None]
            if len(answers) == 2 and answers[0][1].full and answers[0][1] == answers[1][1]:
                sweep.incomplete.append("the API does not heed fromTime and toTime")
                continue
            if len(sweep.errors) < _TOLERATED:
                stack += reversed(answers)
            else:
                for _, answer in answers:
                    yield answer
                return

    async def _read(self, call: Call, window: Window, sweep: _Sweep) -> Listing | None:
        """Return the listing, `None` if it could not be had in passing trouble."""
        kind = "archived recordings" if sweep.archived else "recordings"
        where = f"{kind} of {calls.stamp(window.since)} to {calls.stamp(window.until)}"
        try:
            listing = await listed(self._client, self._options, call)
        except Unavailable as error:
            sweep.errors.append(Unavailable(f"{where}: {error}"))
            return None
        except BadAnswer as error:
            sweep.errors.append(BadAnswer(f"{where}: {error}"))
            return None
        if listing.unreadable:
            told = f"{listing.unreadable} entries of a listing are no ids of recordings"
            sweep.errors.append(BadAnswer(f"{where}: {told}"))
        return listing

    def _first(self, span: Window, *, archived: bool) -> Call:
        """Return the call for all of `span`, with no bound that bounds nothing."""
        since = self._since(span)
        return calls.listing(
            self._options,
            since=since if since > EPOCH else None,
            until=span.until if span.until < self._tools.clock() else None,
            days=self._options.time_period,
            archived=archived,
        )

    def _within(self, window: Window, sweep: _Sweep) -> Call:
        return calls.listing(
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


def _of_all(errors: Sequence[ProviderError]) -> ProviderError:
    """Return what failed as one error, which names each window."""
    kind = Unavailable if isinstance(errors[0], Unavailable) else BadAnswer
    return kind(named([str(each) for each in errors]))


def _recordings(listing: Listing, sweep: _Sweep) -> Iterator[Recording]:
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
