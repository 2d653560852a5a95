"""Tell a provider, in batches, what is safely archived."""

from __future__ import annotations

from datetime import timedelta

import anyio

from reelkeep.errors import ProviderError
from reelkeep.ports import Intake, Provider, Report
from reelkeep.stages.bells import Bell

GATHER = timedelta(milliseconds=500)
"""How long to wait for more recordings to join a batch."""

AGAIN = timedelta(minutes=1)
"""When an acknowledgement that met a broken provider is tried again, at the soonest."""


class Acknowledger:
    """Acknowledges one provider's archived recordings.

    An answer that is lost leaves the recording archived and not told: it is asked again.
    """

    def __init__(self, provider: Provider, intake: Intake, *, report: Report) -> None:
        self._provider = provider
        self._intake = intake
        self._report = report
        self.archived = Bell()  #: Ring it when recordings may have been archived.
        self.stuck = False  #: The last attempt met a broken provider.

    @property
    def acknowledges(self) -> bool:
        """Whether this provider is told at all."""
        return self._provider.traits.acknowledges

    async def forever(self) -> None:
        """Acknowledge whenever something was archived, until cancelled."""
        while self.acknowledges:
            await self.archived.wait(AGAIN.total_seconds())
            await anyio.sleep(GATHER.total_seconds())
            await self.once()

    async def once(self) -> None:
        """Acknowledge all that is due. Never raises: what fails stays due."""
        try:
            await self._tell()
        except ProviderError as error:
            if not self.stuck:
                self._report(
                    "provider.refused",
                    provider=self._provider.name,
                    code=error.code,
                    reason=f"archived recordings could not be acknowledged: {error}",
                )
            self.stuck = True
        else:
            self.stuck = False

    async def _tell(self) -> None:
        name, batch = self._provider.name, self._provider.traits.batch
        while ids := await self._intake.acknowledgeable(name, batch):
            accepted = set(await self._provider.acknowledge(ids))
            await self._intake.acknowledged(
                name,
                [id_ for id_ in ids if id_ in accepted],
                [id_ for id_ in ids if id_ not in accepted],
            )
