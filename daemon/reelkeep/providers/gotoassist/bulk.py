"""Send calls that name many recordings, and find the ones that spoil a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from reelkeep.core.model import RecordingId
from reelkeep.errors import Misconfigured
from reelkeep.providers.gotoassist.calls import Batch, batches
from reelkeep.providers.gotoassist.client import Client
from reelkeep.providers.gotoassist.faults import Rejected
from reelkeep.providers.web import Answer

Ids = Sequence[RecordingId]

_WITNESSES = 3  # of either kind; a wrong syntax should not cost many requests a poll


@dataclass(slots=True)
class Served:
    """What became of a bulk call."""

    answers: list[tuple[Ids, Answer]] = field(default_factory=list)
    refused: dict[RecordingId, Rejected] = field(default_factory=dict)

    @property
    def accepted(self) -> tuple[RecordingId, ...]:
        """The ids that were not refused, in order."""
        return tuple(each for ids, _ in self.answers for each in ids)


class Bulk:
    """One kind of call, with ids in one syntax.

    The syntax is documented nowhere (provider notes, 1.5), so a refusal is ambiguous until the
    first success: it may mean the ids or the way they are written. `probe` makes a call without
    ids: it raises if the account itself is not in order, and returns ids that should be accepted.
    """

    def __init__(
        self, client: Client, batch: Batch, *, most: int, probe: Callable[[], Awaitable[Ids]]
    ) -> None:
        self._client = client
        self._batch = batch
        self._most = most
        self._probe = probe
        self._proven = False

    async def send(self, ids: Ids) -> Served:
        """Send `ids` in as many calls as it takes; single ones that are refused are set apart.

        Raises:
            Misconfigured: The API does not understand the configured id syntax.
            ProviderError: As `Client.send` raises it.
        """
        served = Served()
        for part in batches(ids, most=self._most, overhead=self._batch.overhead):
            await self._isolate(part, served)
        return served

    async def _isolate(self, ids: Ids, served: Served) -> None:
        """Halve what is refused until the culprits stand alone."""
        stack, refused, doubted = [ids], 0, False
        while stack:
            part = stack.pop()
            try:
                answer = await self._client.send(self._batch.call(part))
            except Rejected as error:
                if error.unrouted:
                    raise self._not_understood(error) from error
                if len(part) > 1:
                    middle = len(part) // 2
                    stack += [part[middle:], part[:middle]]
                    continue
                served.refused[part[0]] = error
                refused += 1
                if not doubted and not served.answers and refused >= min(2, len(ids)):
                    doubted = True
                    untried = [left[-1] for left in stack]
                    await self._doubt(error, [*served.refused], untried)
            else:
                self._proven = True
                served.answers.append((part, answer))

    async def _doubt(self, error: Rejected, refused: Ids, untried: Ids) -> None:
        """Find out what it means that nothing at all is accepted."""
        sound = await self._probe()
        others = [each for each in sound if each not in refused]
        for each in [*untried[:_WITNESSES], *others[:_WITNESSES]]:
            if not self._proven:
                await self._try(each)
        if not self._proven:
            raise self._not_understood(error) from error

    async def _try(self, witness: RecordingId) -> None:
        """Send one id that may prove the syntax, and is of no other interest."""
        try:
            await self._client.send(self._batch.call([witness]))
        except Rejected:
            return
        self._proven = True

    def _not_understood(self, error: Rejected) -> Misconfigured:
        return Misconfigured(
            f"id syntax rejected: {error}; set providers[].{self._batch.setting} differently"
        )
