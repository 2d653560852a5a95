"""Know the addresses of recordings, asking for many at once and not oftener than needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import anyio
from cachetools import TTLCache

from reelkeep.core.model import RecordingId
from reelkeep.errors import NotYet, ProviderError, Refused, TransferError
from reelkeep.providers.gotoassist.api_errors import RequestRejected
from reelkeep.providers.gotoassist.batch_calls import Bulk, Refusals, Spoilt
from reelkeep.providers.gotoassist.replies import Links, read_links

LIFE = timedelta(hours=24)
"""How long an address is trusted: half of the documented 48 h."""

CAPACITY = 5_000
"""Recordings whose addresses are remembered."""

Told = Links | Spoilt
"""What the API says of one recording."""


@dataclass(slots=True, eq=False)
class _Question:
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
        self._known: TTLCache[RecordingId, Links] = TTLCache(
            CAPACITY, LIFE.total_seconds(), timer=anyio.current_time
        )
        self._questions: list[_Question] = []
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
        if not fresh and (links := self._known.get(recording)) is not None:
            return links
        question = _Question(recording, fresh)
        self._questions.append(question)
        try:
            async with self._lock:
                while not question.done:
                    await self._serve()
        finally:
            if question in self._questions:  # cancelled before it was asked for
                self._questions.remove(question)
        if question.error is not None:
            raise question.error
        return question.links

    async def _serve(self) -> None:
        """Answer the oldest questions, with one request at most."""
        taken = self._take()
        try:
            await self._fulfil(taken)
        finally:  # if this caller is cancelled half-way, the next one asks for the others
            self._questions[:0] = [question for question in taken if not question.done]

    def _take(self) -> list[_Question]:
        ids = tuple(dict.fromkeys(question.recording for question in self._questions))[: self._most]
        taken = [question for question in self._questions if question.recording in ids]
        self._questions = [
            question for question in self._questions if question.recording not in ids
        ]
        return taken

    async def _fulfil(self, questions: Sequence[_Question]) -> None:
        wanted: list[_Question] = []
        for question in questions:
            known = None if question.fresh else self._known.get(question.recording)
            if known is None:
                wanted.append(question)
            else:
                question.done, question.links = True, known
        if wanted:
            await self._fulfil_anew(wanted)

    async def _fulfil_anew(self, questions: Sequence[_Question]) -> None:
        try:
            told = await self.ask(
                tuple(dict.fromkeys(question.recording for question in questions))
            )
        except ProviderError as error:
            for question in questions:
                question.done, question.error = True, error
            return
        for question in questions:
            question.done, said = True, told.get(question.recording)
            if isinstance(said, RequestRejected):
                question.error = Refused(str(said))
            elif isinstance(said, ProviderError):
                question.error = NotYet(f"no address is given, others are: {said}")
            else:
                question.links = said

    def _remember(self, links: Iterable[Links]) -> None:
        for each in links:
            self._known[each.id] = each
