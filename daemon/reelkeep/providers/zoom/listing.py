"""Read one listing of the API to its end, before anybody uses a line of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from reelkeep.core.model import Window
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.ports import Clock
from reelkeep.providers.zoom.api_errors import ApiVerdict, Denied
from reelkeep.providers.zoom.client import Question, ZoomClient, with_page
from reelkeep.providers.zoom.failures import PROPER
from reelkeep.providers.zoom.json_values import day, objects, whole

STEP = timedelta(days=28)
"""Both ends count, so that a range has 29 days: never more than any calendar month, beyond which
the provider moves the beginning without a word (provider notes, fact 3)."""

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Days:
    """The days `first` to `last` in UTC; both are included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    def within(self, span: Window) -> Window:
        """Return the part of `span` that these days are for: the last is the next range's first."""
        since = datetime.combine(self.first, time(), UTC)
        until = datetime.combine(self.last, time(), UTC)
        return Window(max(since, span.since), max(min(until, span.until), since, span.since))


def ranges(span: Window) -> Iterator[Days]:
    """Yield ranges that cover `span`, oldest first, up to the day after its end.

    Neighbours share a day, because whether the ends count is only hearsay.
    """
    first, end = span.since.date(), span.until.date() + timedelta(days=1)
    while first + STEP < end:
        yield Days(first, first + STEP)
        first += STEP
    yield Days(first, end)


def halves(window: Window) -> tuple[Window, ...]:
    """Return a window in two parts that meet at a midnight, unless it is a day or is cut anyway."""
    middle = window.since + (window.until - window.since) / 2
    midnight = datetime.combine(middle.astimezone(UTC), time(), UTC)
    is_cut = not DAY < window.until - window.since <= STEP
    if is_cut or not window.since < midnight < window.until:
        return (window,)
    return Window(window.since, midnight), Window(midnight, window.until)


def covers(asked: Days, echoed: Days, today: date) -> bool:
    """Return whether an answer for `echoed` is one for `asked`; what is yet to come may lack.

    So may `today`: at the provider it may be yesterday still, by a clock some minutes behind ours.
    """
    ended = today - timedelta(days=1)
    return echoed.first <= asked.first and echoed.last >= min(asked.last, ended)


PAGE_SIZE: Final = "300"  # the most the API gives
_MOST_PAGES: Final = 2_000
_SMALLEST_PAGE: Final = 10  # entries; the API has been seen to ignore page_size
_SPARE_PAGES: Final = 20
_REPEATS: Final = 2  # pages with nothing new that are forgiven, one after the other
_PAGING: Final = {"from", "page_count", "page_size", "total_records", "next_page_token"}

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What to list."""

    question: Question
    entries: str  #: The name of the list in an answer.
    names: Callable[[Entry], list[str]]  #: An entry's name and the names of its parts.
    bare: str = ""  #: A member of an entry that comes alone, without a list around it.
    days: Days | None = None  #: What was asked for, to be compared with the echo.
    counted: bool = True  #: The API announces how many entries there are, and means entries.


@dataclass(frozen=True, slots=True)
class Drained:
    """The entries of a whole listing, in their order."""

    entries: tuple[Entry, ...]
    distinct: frozenset[str]  #: The names of the entries.
    promised: int | None  #: Entries that the API announced.
    ran_dry: bool  #: The last page had nothing new.
    error: ProviderError | None = None  #: Why it is not the whole, if it is not.
    in_vain: bool = False  #: There were more pages, of which several brought nothing.

    @property
    def lacks(self) -> int:
        """How many entries were announced that did not come."""
        return max((self.promised or 0) - len(self.distinct), 0)


async def verdict_of(client: ZoomClient, listing: Listing, clock: Clock) -> ApiVerdict:
    """Ask for the first page of a listing, once, and return in which way it is answered.

    Raises:
        ProviderError: There is no proper answer.
    """
    try:
        _entries(await _page(client, listing, "", clock().date(), patient=False), listing)
    except Denied as denied:
        if denied.verdict in PROPER:
            return denied.verdict
        raise
    return ApiVerdict.FINE


async def drain(
    client: ZoomClient, listing: Listing, clock: Clock, *, patient: bool = True
) -> Drained:
    """Return the whole listing. If it is cut short, it is begun anew, once.

    How the dead token of a page is answered is documented nowhere: it is every refusal of a later
    page, and an empty one before all that was announced has come (provider notes, section 2.8).
    A listing that ends by itself, twice short by the same entries, is miscounted; one that is short
    in another way each time, or whose last pages bring nothing and promise more, is not the whole,
    and must not be taken for it. What came before a page that cannot be had is returned, with the
    `error`.

    Unless `patient`, outages are not waited for.

    Raises:
        Denied: The listing was refused.
        BadAnswer: The answer is for other days, or is no listing.
        ProviderError: The first page cannot be had.
    """
    first = await _drained(client, listing, clock().date(), patient=patient)
    refused = isinstance(first.error, Denied) or first.in_vain
    if first.error is not None and not refused:
        return first
    if not refused and not (first.lacks and (listing.counted or first.ran_dry)):
        return first
    try:
        second = await _drained(client, listing, clock().date(), patient=patient)
    except ProviderError as error:
        return replace(first, error=error)
    if second.error is not None:
        return _both(first, second, second.error)
    if not refused and listing.counted and second.lacks and first.distinct != second.distinct:
        return _both(first, second, _changing(second))
    return second


def _changing(drained: Drained) -> BadAnswer:
    return BadAnswer(
        f"{drained.lacks} of {drained.promised} announced entries are not listed, "
        "and others were a moment ago"
    )


def _both(one: Drained, other: Drained, error: ProviderError) -> Drained:
    """Return what two incomplete readings of one listing brought together."""
    entries, distinct = one.entries + other.entries, one.distinct | other.distinct
    return replace(other, entries=entries, distinct=distinct, error=error)


async def _drained(client: ZoomClient, listing: Listing, today: date, *, patient: bool) -> Drained:
    entries: list[Entry] = []
    known: set[str] = set()
    names: set[str] = set()
    token, promised, stale, pages = "", None, 0, 0
    while True:
        try:
            body = await _page(client, listing, token, today, patient=patient)
            fresh = [entry for entry in _entries(body, listing) if _is_news(entry, listing, known)]
        except ProviderError as error:
            if not token:
                raise
            return Drained(tuple(entries), frozenset(names), promised, ran_dry=False, error=error)
        names.update(listing.names(entry)[0] for entry in fresh)
        entries += fresh
        promised = whole(body.get("total_records")) if promised is None else promised
        stale, pages = 0 if fresh else stale + 1, pages + 1
        is_whole = promised is not None and len(names) >= promised
        in_vain = stale > _REPEATS or (stale > 0 and len(names) >= (promised or 0) > 0)
        if not (following := body.get("next_page_token")) or (in_vain and is_whole):
            ran_dry = bool(token) and not fresh
            return Drained(tuple(entries), frozenset(names), promised, ran_dry)
        if in_vain:
            lost = BadAnswer(f"{stale} pages brought nothing new, and promise more")
            return Drained(
                tuple(entries), frozenset(names), promised, ran_dry=True, error=lost, in_vain=True
            )
        if pages >= _most_pages(promised):
            endless = BadAnswer(f"a listing does not end after {pages} pages")
            return Drained(tuple(entries), frozenset(names), promised, ran_dry=False, error=endless)
        token = str(following)


def _most_pages(promised: int | None) -> int:
    """Return how many pages are read: what was announced may be in small ones, and grow."""
    if promised is None:
        return _MOST_PAGES
    return min(_MOST_PAGES, _SPARE_PAGES + promised // _SMALLEST_PAGE)


async def _page(
    client: ZoomClient, listing: Listing, token: str, today: date, *, patient: bool
) -> dict[str, Any]:
    asked = replace(listing.question, pairs=with_page(listing.question.pairs, token))
    body = await client.ask(asked, patient=patient)
    _hold_against(listing.days, body, today)
    return body


def _is_news(entry: Entry, listing: Listing, known: set[str]) -> bool:
    names = listing.names(entry)
    if known.issuperset(names):
        return False
    known.update(names)
    return True


def _entries(body: dict[str, Any], listing: Listing) -> list[Entry]:
    found = body.get(listing.entries)
    if isinstance(found, list):
        return list(objects(found))
    if listing.bare and listing.bare in body:
        return [body]
    if found is None and _PAGING & body.keys():
        return []
    raise BadAnswer(f"expected a listing of {listing.entries}, got something else")


def _hold_against(asked: Days | None, body: dict[str, Any], today: date) -> None:
    first, last = day(body.get("from")), day(body.get("to"))
    if asked is None or (first is None and last is None):
        return
    echoed = Days(first or asked.first, last or asked.last)
    if not covers(asked, echoed, today):
        raise BadAnswer(f"asked for {asked}, got an answer for {echoed}: it is not used")
