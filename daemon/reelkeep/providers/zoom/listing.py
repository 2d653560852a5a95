"""Read one listing of the API to its end, before anybody uses a line of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from reelkeep.errors import BadAnswer, Misconfigured
from reelkeep.ports import Clock
from reelkeep.providers.zoom.client import Client, Question, with_page
from reelkeep.providers.zoom.days import Days, covers
from reelkeep.providers.zoom.foreign import day, objects, whole
from reelkeep.providers.zoom.verdicts import Denied, Verdict

PAGE_SIZE: Final = "300"  # the most the API gives
_MOST_PAGES: Final = 2_000
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

    @property
    def lacks(self) -> int:
        """How many entries were announced that did not come."""
        return max((self.promised or 0) - len(self.distinct), 0)


class _Dead(Exception):
    """A page beyond the first was refused: its token has died."""

    def __init__(self, cause: Denied) -> None:
        super().__init__()
        self.cause = cause


async def drain(client: Client, listing: Listing, clock: Clock) -> Drained:
    """Return the whole listing. If it is cut short, it is begun anew, once.

    How the dead token of a page is answered is documented nowhere: it is every refusal of a later
    page, and an empty one before all that was announced has come (provider notes, section 2.8).
    A listing that is twice short by the same entries is miscounted; one that is short in another
    way each time is not the whole, and must not be taken for it.

    Raises:
        Denied: The listing was refused, or twice one of its later pages.
        Misconfigured: There is no such listing.
        BadAnswer: The answer is for other days, is no listing, or is not the whole.
    """
    first: Drained | None = None
    with suppress(_Dead):
        first = await _drained(client, listing, clock().date())
    if first is not None and not (first.lacks and (listing.counted or first.ran_dry)):
        return first
    try:
        second = await _drained(client, listing, clock().date())
    except _Dead as dead:
        raise dead.cause from None
    if listing.counted and second.lacks and (first is None or first.distinct != second.distinct):
        raise BadAnswer(
            f"{second.lacks} of {second.promised} announced entries are not listed, "
            "and others were a moment ago"
        )
    return second


async def _drained(client: Client, listing: Listing, today: date) -> Drained:
    entries: list[Entry] = []
    known: set[str] = set()
    names: set[str] = set()
    token, promised, stale = "", None, 0
    for _ in range(_MOST_PAGES):
        body = await _page(client, listing, token)
        _hold_against(listing.days, body, today)
        fresh = [entry for entry in _entries(body, listing) if _is_news(entry, listing, known)]
        names.update(listing.names(entry)[0] for entry in fresh)
        entries += fresh
        promised = whole(body.get("total_records")) if promised is None else promised
        stale = 0 if fresh else stale + 1
        in_vain = stale > _REPEATS or (stale > 0 and len(names) >= (promised or 0) > 0)
        if not (following := body.get("next_page_token")) or in_vain:
            ran_dry = bool(token) and not fresh
            return Drained(tuple(entries), frozenset(names), promised, ran_dry)
        token = str(following)
    raise BadAnswer(f"a listing does not end after {_MOST_PAGES} pages")


async def _page(client: Client, listing: Listing, token: str) -> dict[str, Any]:
    asked = replace(listing.question, pairs=with_page(listing.question.pairs, token))
    try:
        return await client.ask(asked)
    except Denied as denied:
        if token:
            raise _Dead(denied) from denied
        if denied.verdict is Verdict.NOT_FOUND:
            raise Misconfigured(f"there is no such listing; is api_url right? {denied}") from denied
        raise


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
