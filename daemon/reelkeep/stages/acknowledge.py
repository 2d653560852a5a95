"""Tell a provider, in batches, what is safely archived."""

from __future__ import annotations

from datetime import timedelta

import anyio

from reelkeep.errors import ProviderError, Remedy
from reelkeep.ports import Clock, Intake, Provider, Report
from reelkeep.stages.discovery import blamed
from reelkeep.stages.provider_health import pause_after
from reelkeep.stages.signals import Signal

GATHER = timedelta(milliseconds=500)
"""How long to wait for more recordings to join a batch."""

AGAIN = timedelta(minutes=1)
"""How often time alone is looked at, and the longest pause between failed attempts, unless the
provider asks for more. The first pauses are shorter: a lost answer is no broken provider."""

FAILURES = 3
"""So many failed attempts in a row, and the provider counts as broken."""


class Acknowledger:
    """Acknowledges one provider's archived recordings.

    An answer that is lost leaves the recording archived and not told: it is asked again.
    """

    def __init__(
        self, provider: Provider, intake: Intake, *, clock: Clock, report: Report,
        archived: Signal | None = None, withheld: bool = False,
    ) -> None:  # fmt: skip
        """`archived` is notified when recordings may have been archived.

        Nothing is told while it is `withheld`: the archive may not hold what it should.
        """
        self._provider = provider
        self._intake = intake
        self._clock = clock
        self._report = report
        self._withheld = withheld
        self._failures = 0
        self._pause = timedelta(0)
        self._unanswered = False
        self.archived = archived or Signal()

    @property
    def acknowledges(self) -> bool:
        """Whether this provider is told at all."""
        return self._provider.traits.acknowledges and not self._withheld

    @property
    def stuck(self) -> bool:
        """Whether the provider seems broken."""
        return self._failures >= FAILURES

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed, or was given up before it was answered."""
        return self._failures > 0 or self._unanswered

    async def forever(self) -> None:
        """Acknowledge whenever something was archived, until cancelled."""
        while self._provider.traits.acknowledges:
            if not self._failures:
                await self.archived.wait(AGAIN.total_seconds())
            await anyio.sleep(max(GATHER, self._pause).total_seconds())
            await self.once()

    async def once(self) -> None:
        """Acknowledge all that is due. What the provider fails at stays due.

        Raises:
            CatalogError: The catalog failed us.
        """
        if self._withheld:
            return
        self._unanswered = True
        try:
            await self._tell()
        except ProviderError as error:
            self._failed(error)
        else:
            self._failures, self._pause = 0, timedelta(0)
        self._unanswered = False

    async def _tell(self) -> None:
        name, batch = self._provider.name, self._provider.traits.batch
        while ids := await self._intake.acknowledgeable(name, batch):
            with blamed():
                accepted = set(await self._provider.acknowledge(ids))
            await self._intake.acknowledged(
                name,
                [id_ for id_ in ids if id_ in accepted],
                [id_ for id_ in ids if id_ not in accepted],
            )

    def _failed(self, error: ProviderError) -> None:
        """Plan the next attempt; report when the provider begins to seem broken."""
        was_stuck = self.stuck
        step = min(AGAIN, GATHER * 2 ** min(self._failures + 1, 10))
        self._pause = pause_after(error, step, self._clock())
        hopeless = error.remedy is Remedy.PAUSE or self._pause > AGAIN
        self._failures = FAILURES if hopeless else self._failures + 1
        if self.stuck and not was_stuck:
            self._report(
                "provider.refused",
                provider=self._provider.name,
                code=error.code,
                reason=f"archived recordings could not be acknowledged: {error}",
            )
