"""Know the addresses of recordings, asking for many at once and not oftener than needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio
from cachetools import TTLCache

from reelkeep.batcher import Batcher
from reelkeep.core.model import RecordingId
from reelkeep.errors import NotYet, ProviderError, Refused
from reelkeep.providers.gotoassist.api_errors import RequestRejected
from reelkeep.providers.gotoassist.batch_calls import Bulk, Refusals, Spoilt
from reelkeep.providers.gotoassist.replies import Links, read_links

LIFE = timedelta(hours=24)
"""How long an address is trusted: half of the documented 48 h."""

CAPACITY = 5_000
"""Recordings whose addresses are remembered."""

Told = Links | Spoilt
"""What the API says of one recording."""


@dataclass(frozen=True, slots=True)
class _Question:
    """A recording whose addresses are wanted; `fresh`: asked for after this."""

    recording: RecordingId
    fresh: bool


class Locators:
    """Asks `/urls`, and remembers the answers."""

    def __init__(self, bulk: Bulk, *, most: int, refusals: Refusals) -> None:
        self._bulk = bulk
        self._refusals = refusals
        self._known: TTLCache[RecordingId, Links] = TTLCache(
            CAPACITY, LIFE.total_seconds(), timer=anyio.current_time
        )
        self._batcher = Batcher[_Question, Links | None](self._answers, most=most)

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
        if not fresh and (links := self._known.get(recording)) is not None:
            return links
        return await self._batcher(_Question(recording, fresh))

    async def _answers(self, questions: Sequence[_Question]) -> Sequence[Links | Exception | None]:
        """Answer all of `questions`, with one request at most."""
        known = {
            each: self._known[each.recording]
            for each in questions
            if not each.fresh and each.recording in self._known
        }
        wanted = dict.fromkeys(each.recording for each in questions if each not in known)
        told = await self.ask(tuple(wanted)) if wanted else {}
        return [known.get(each) or _answer(told.get(each.recording)) for each in questions]

    def _remember(self, links: Iterable[Links]) -> None:
        for each in links:
            self._known[each.id] = each


def _answer(said: Told | None) -> Links | Exception | None:
    if isinstance(said, RequestRejected):
        return Refused(str(said))
    if isinstance(said, ProviderError):
        return NotYet(f"no address is given, others are: {said}")
    return said
