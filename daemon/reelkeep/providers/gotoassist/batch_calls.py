"""Send calls that name many recordings, and find the ones that spoil a batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from cachetools import LRUCache

from reelkeep.core.model import RecordingId
from reelkeep.errors import BadAnswer, Misconfigured, ProviderError, Unavailable
from reelkeep.ports import Report
from reelkeep.providers.gotoassist.api_errors import RequestRejected
from reelkeep.providers.gotoassist.auth import RETRIES
from reelkeep.providers.gotoassist.client import Batch, GoToClient, batches
from reelkeep.providers.web import Answer

CAPACITY = 5_000
"""Recordings that are remembered; the one that was not refused for longest is forgotten first."""


class Refusals:
    """Reports of one account, whichever call it was that was refused."""

    def __init__(self, provider: str, report: Report) -> None:
        self._provider = provider
        self._report = report
        self._told: LRUCache[RecordingId, None] = LRUCache(CAPACITY)

    def tell(self, recording: RecordingId, error: ProviderError) -> None:
        """Report that `recording` is refused or spoils its batch, unless that was said before."""
        is_news = recording not in self._told
        self._told[recording] = None
        if is_news:
            self._report(
                "provider.refused",
                provider=self._provider,
                recording=recording,
                code=error.code,
                reason=str(error),
            )


Ids = Sequence[RecordingId]

Spoilt = RequestRejected | Unavailable | BadAnswer
"""What a single id of a batch may cause: a refusal, or an answer that is of no use."""

Check = Callable[[Answer], object]
"""Raises `BadAnswer` if an answer is not what this kind of call answers."""

_WITNESSES = 3  # of either kind; a wrong syntax should not cost many requests a poll
_PAIRS = 4  # more ids than this, and witnesses of a syntax can come in pairs
SPOILERS = 5_000
"""Ids that are remembered because they spoilt a batch; those that did so first are forgotten."""

_DOUBTS = 2  # single ids in a row that fail before anything succeeds
_PARTS = 5  # parts of any size that fail before anything succeeds


@dataclass(slots=True)
class Served:
    """What became of a bulk call."""

    answers: list[tuple[Ids, Answer]] = field(default_factory=list)
    spoilt: dict[RecordingId, Spoilt] = field(default_factory=dict)

    @property
    def accepted(self) -> tuple[RecordingId, ...]:
        """The ids that did not fail, in order."""
        return tuple(each for ids, _ in self.answers for each in ids)


@dataclass(slots=True)
class _Search:
    """The state of taking one batch apart."""

    parts: deque[Ids]
    whole: Ids
    failures: int = 0  #: Parts that failed before any succeeded.
    singles: list[RecordingId] = field(default_factory=list)  #: Ids that failed alone by then.
    unrouted: RequestRejected | None = None  #: Why a part of several ids is thought to be misspelt.
    doubted: bool = False

    @property
    def is_doubtful(self) -> bool:
        """Whether so much failed that the call itself may be at fault."""
        return len(self.singles) >= min(_DOUBTS, len(self.whole)) or self.failures >= _PARTS


class Bulk:
    """One kind of call, with ids in one syntax.

    A batch that fails, in whatever way, is halved until what fails stands alone: the other ids are
    served. The call is given up only when nobody is served.

    The syntax is documented nowhere (provider notes, 1.5), so a refusal is ambiguous until the
    first success: it may mean the ids or the way they are written. `probe` makes a call without
    ids: it raises if the account itself is not in order, and returns ids that should be accepted.
    """

    def __init__(
        self, client: GoToClient, batch: Batch, *, most: int, probe: Callable[[], Awaitable[Ids]],
        check: Check = lambda _answer: None, presumes: bool = False,
        names_nobody: Callable[[Answer], bool] = lambda _answer: False,
    ) -> None:  # fmt: skip
        """With `presumes`, passing trouble with the only id there is counts as that id's.

        An answer that `names_nobody` may be due to a single id, which hides the others.
        """
        self._client = client
        self._batch = batch
        self._most = most
        self._probe = probe
        self._check = check
        self._presumes = presumes
        self._names_nobody = names_nobody
        self._proven = False
        self._spoilers: LRUCache[RecordingId, None] = LRUCache(SPOILERS)

    async def send(self, ids: Ids) -> Served:
        """Send `ids` in as many calls as it takes; single ones that fail are set apart.

        Raises:
            Misconfigured: The API does not understand the configured id syntax.
            ProviderError: Nobody is served, or it concerns the account.
        """
        served = Served()
        clean = [each for each in ids if each not in self._spoilers]
        apart = [[each] for each in ids if each in self._spoilers]
        for part in [*batches(clean, most=self._most, overhead=self._batch.overhead), *apart]:
            await self._take_apart(part, served)
        self._remember(served)
        in_order = {id_: place for place, id_ in enumerate(ids)}
        served.answers.sort(key=lambda answer: in_order[answer[0][0]])
        served.spoilt = {each: served.spoilt[each] for each in ids if each in served.spoilt}
        return served

    def _remember(self, served: Served) -> None:
        """Send what failed alone by itself the next time, so that it spoils no other batch."""
        for each in served.accepted:
            self._spoilers.pop(each, None)
        for each in served.spoilt:
            self._spoilers[each] = None

    async def _take_apart(self, ids: Ids, served: Served) -> None:
        search = _Search(deque([ids]), ids)
        while search.parts:
            part = search.parts.popleft()
            try:
                answer = await self._try(part, retries=self._retries(part, ids))
            except (RequestRejected, Unavailable, BadAnswer) as error:
                await self._failed(error, part, search, served)
            else:
                await self._answered(part, answer, search, served)
        if search.unrouted is not None and not any(each in served.spoilt for each in ids):
            raise self._not_understood(search.unrouted)

    async def _answered(self, part: Ids, answer: Answer, search: _Search, served: Served) -> None:
        """Keep an answer; of one that names nobody the halves are asked for, and halves of these.

        Two halves that name nobody either end it: then there is nobody to be named yet.
        """
        if len(part) == 1 or not self._names_nobody(answer):
            served.answers.append((part, answer))
            return
        halves = part[: len(part) // 2], part[len(part) // 2 :]
        answers = [await self._quietly(half) for half in halves]
        if all(each is not None and self._names_nobody(each) for each in answers):
            served.answers.append((part, answer))
            return
        for half, each in zip(halves, answers, strict=True):
            if each is None:
                search.parts.append(half)
            else:
                await self._answered(half, each, search, served)

    async def _quietly(self, ids: Ids) -> Answer | None:
        """Return the answer for `ids`, None if it fails: it is asked for again."""
        try:
            return await self._try(ids, retries=0)
        except (RequestRejected, Unavailable, BadAnswer):
            return None

    def _retries(self, part: Ids, whole: Ids) -> int:
        """Return how often to retry: parts that will be halved anyway get no second chance."""
        return RETRIES if part is whole or len(part) == 1 else 0

    async def _failed(self, error: Spoilt, part: Ids, search: _Search, served: Served) -> None:
        if len(part) > 1:
            middle = len(part) // 2
            search.parts += [part[:middle], part[middle:]]
            if isinstance(error, RequestRejected) and error.unrouted:
                search.unrouted = error
        else:
            served.spoilt[part[0]] = error
        if served.answers or search.doubted:
            return
        search.failures += 1
        if len(part) == 1:
            search.singles.append(part[0])
        if search.is_doubtful or (is_unrouted(error) and not self._proven):
            search.doubted = True
            await self._doubt(error, search)

    async def _doubt(self, error: Spoilt, search: _Search) -> None:
        """Find out what it means that nothing at all succeeds.

        Raises:
            Misconfigured: The syntax is refused for every id.
            ProviderError: The account is not in order, or the call fails for every id.
        """
        sound = await self._probe()
        if isinstance(error, RequestRejected) and self._proven:
            return
        if await self._any_served(_witnesses(error, search, sound)):
            return
        refused = isinstance(error, RequestRejected)
        only_one = len(search.whole) == 1 and not _others(search, sound)
        if only_one and not is_unrouted(error) and (refused or self._presumes):
            return  # nothing else can be asked for: what fails is taken to be about this id
        if refused:
            raise self._not_understood(error) from error
        raise error

    async def _any_served(self, witnesses: Sequence[Ids]) -> bool:
        """Send ids that may prove the call right; what is answered is of no other interest."""
        for each in witnesses:
            try:
                await self._try(each, retries=1)
            except (RequestRejected, Unavailable, BadAnswer):
                continue
            return True
        return False

    async def _try(self, ids: Ids, *, retries: int) -> Answer:
        answer = await self._client.send(self._batch.call(ids), retries=retries)
        self._check(answer)
        self._proven = True
        return answer

    def _not_understood(self, error: ProviderError) -> Misconfigured:
        return Misconfigured(
            f"id syntax rejected: {error}; set providers[].{self._batch.setting} differently"
        )


def is_unrouted(error: ProviderError) -> bool:
    """Return whether the API knows no such path at all."""
    return isinstance(error, RequestRejected) and error.unrouted


def _witnesses(error: Spoilt, search: _Search, sound: Ids) -> list[Ids]:
    """Return ids, spread over what is untried, and others that should be accepted.

    Where the path may be unknown they come in pairs: one id is spelt alike in several syntaxes.
    """
    untried = sorted(
        {part[-1] for part in search.parts} - {*search.singles}, key=search.whole.index
    )
    last = len(untried) - 1
    spread = sorted({last, 0, last // 2}, reverse=True) if untried else []
    if is_unrouted(error) and len(search.whole) > _PAIRS:
        return [(search.whole[at], search.whole[at + 1]) for at in (-2, 0, len(search.whole) // 2)]
    return [[each] for each in [*(untried[at] for at in spread), *_others(search, sound)]]


def _others(search: _Search, sound: Ids) -> list[RecordingId]:
    return [each for each in sound if each not in search.whole][:_WITNESSES]
