"""Know the addresses of recordings, asking for many at once and not oftener than needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio

from reelkeep.core.model import RecordingId
from reelkeep.errors import NotYet, ProviderError, Refused, TransferError
from reelkeep.providers.gotoassist.api_errors import Rejected
from reelkeep.providers.gotoassist.batch_calls import Bulk, Refusals, Spoilt
from reelkeep.providers.gotoassist.replies import Links, read_links

LIFE = timedelta(hours=24)
"""How long an address is trusted: half of the documented 48 h."""

CAPACITY = 5_000
"""Recordings whose addresses are remembered."""

Told = Links | Spoilt
"""What the API says of one recording."""


@dataclass(slots=True, eq=False)
class _Wish:
    """One caller who waits for a recording that was not asked for yet."""

    recording: RecordingId
    fresh: bool
    done: bool = False
    links: Links | None = None
    error: ProviderError | TransferError | None = None


class Locators:
    """Asks `/urls`, and remembers the answers."""

    def __init__(self, bulk: Bulk, *, most: int, refusals: Refusals) -> None:
        self._bulk = bulk
        self._most = most
        self._refusals = refusals
        self._known: OrderedDict[RecordingId, tuple[float, Links]] = OrderedDict()
        self._wishes: list[_Wish] = []
        self._lock = anyio.Lock()

    async def ask(self, ids: Sequence[RecordingId]) -> Mapping[RecordingId, Told]:
        """Return what is said of `ids` now; those that are not ready are missing."""
        served = await self._bulk.send(ids)
        for each, error in served.spoilt.items():
            self._refusals.tell(each, error)
        found: dict[RecordingId, Links] = {}
        for asked, answer in served.answers:
            links = read_links(answer.json)
            found |= {each: links[each] for each in asked if each in links}
        self._remember(found.values())
        return {**found, **served.spoilt}

    async def of(self, recording: RecordingId, *, fresh: bool) -> Links | None:
        """Return the addresses of a recording, `None` if it is not ready.

        With `fresh` they are asked for after this call. Calls that come while a request is under
        way share the next one.

        Raises:
            Refused: The API refuses this id.
            NotYet: The API is of no use for this id, and is for others.
            ProviderError: As `Client.send` raises it.
        """
        if not fresh and (links := self._remembered(recording)) is not None:
            return links
        wish = _Wish(recording, fresh)
        self._wishes.append(wish)
        try:
            async with self._lock:
                while not wish.done:
                    await self._serve()
        finally:
            if wish in self._wishes:  # cancelled before it was asked for
                self._wishes.remove(wish)
        if wish.error is not None:
            raise wish.error
        return wish.links

    async def _serve(self) -> None:
        """Fulfil the oldest wishes, with one request at most."""
        taken = self._take()
        try:
            await self._fulfil(taken)
        finally:  # if this caller is cancelled half-way, the next one asks for the others
            self._wishes[:0] = [wish for wish in taken if not wish.done]

    def _take(self) -> list[_Wish]:
        ids = tuple(dict.fromkeys(wish.recording for wish in self._wishes))[: self._most]
        taken = [wish for wish in self._wishes if wish.recording in ids]
        self._wishes = [wish for wish in self._wishes if wish.recording not in ids]
        return taken

    async def _fulfil(self, wishes: Sequence[_Wish]) -> None:
        wanted: list[_Wish] = []
        for wish in wishes:
            known = None if wish.fresh else self._remembered(wish.recording)
            if known is None:
                wanted.append(wish)
            else:
                wish.done, wish.links = True, known
        if wanted:
            await self._fulfil_anew(wanted)

    async def _fulfil_anew(self, wishes: Sequence[_Wish]) -> None:
        try:
            told = await self.ask(tuple(dict.fromkeys(wish.recording for wish in wishes)))
        except ProviderError as error:
            for wish in wishes:
                wish.done, wish.error = True, error
            return
        for wish in wishes:
            wish.done, said = True, told.get(wish.recording)
            if isinstance(said, Rejected):
                wish.error = Refused(str(said))
            elif isinstance(said, ProviderError):
                wish.error = NotYet(f"no address is given, others are: {said}")
            else:
                wish.links = said

    def _remember(self, links: Iterable[Links]) -> None:
        now = anyio.current_time()
        for each in links:
            self._known[each.id] = (now, each)
            self._known.move_to_end(each.id)
        while len(self._known) > CAPACITY:
            self._known.popitem(last=False)

    def _remembered(self, recording: RecordingId) -> Links | None:
        asked_at, links = self._known.get(recording, (None, None))
        if asked_at is None or anyio.current_time() - asked_at >= LIFE.total_seconds():
            return None
        self._known.move_to_end(recording)
        return links
