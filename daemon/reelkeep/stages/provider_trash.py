"""Move to their provider's trash a few archived recordings, and only what is surely here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import anyio

from reelkeep.core.instants import LONGEST_SPARED, age
from reelkeep.core.lifecycle import Disposal, objection
from reelkeep.core.model import Holding
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.ports import Clean, Clock, Disposals, Provider, Remover, Report
from reelkeep.stages.discovery import blamed
from reelkeep.stages.provider_health import ProviderHealth

LOOK_AGAIN = timedelta(days=1)
"""When a recording that was not trashed is looked at again, at the soonest."""

PATIENCE = 4
"""What was refused is left alone for this part of the time since it was archived: what will never
go, perhaps because it is there no longer, is looked at ever more rarely."""

GIVE_UP = 3
"""Recordings that are asked for in vain before a cycle ends of which nothing was answered."""

NotIntact = Callable[[Holding], Awaitable[str | None]]
"""Reads a recording in the archive again; says why it is not surely as it was stored."""


class Disposer:
    """Trashes what one provider need not keep any more, if its operator wants that.

    Nothing follows from an error or from what is not there: then the recording stays.
    """

    def __init__(
        self, provider: Provider, disposals: Disposals, not_intact: NotIntact, *, clock: Clock,
        report: Report, health: ProviderHealth, withheld: bool = False, clean: Clean = str,
    ) -> None:  # fmt: skip
        """Nothing is trashed while it is `withheld`: the archive may not hold what it should."""
        self._provider = provider
        self._disposals = disposals
        self._not_intact = not_intact
        self._clock = clock
        self._report = report
        self._health = health
        self._withheld = withheld
        self._clean = clean
        self._said = False

    async def forever(self) -> None:
        """Work a cycle each interval until cancelled."""
        while self._provider.traits.disposal is not None:
            await anyio.sleep(self._provider.traits.interval.total_seconds())
            await self.once()

    async def once(self) -> None:
        """Look at the next recordings, as many as one cycle may take.

        Raises:
            CatalogError: The catalog failed us.
        """
        disposal, provider = self._provider.traits.disposal, self._provider
        if disposal is None or not isinstance(provider, Remover):
            return
        if self._withheld or self._health.troubled:
            return
        failed: list[tuple[Holding, ProviderError]] = []
        served = False
        for holding in await self._disposals.disposable(provider.name, disposal.limit):
            try:
                reason = await self._one(provider, holding, disposal)
            except ProviderError as error:
                failed.append((holding, error))
                if len(failed) >= GIVE_UP and not served:
                    break
                continue
            served, self._said = True, False
            if reason is not None:
                await self._refuse(holding, self._clean(reason))
        self._fail(failed, served=served)

    def _fail(self, failed: Sequence[tuple[Holding, ProviderError]], *, served: bool) -> None:
        """Report failures: each recording's own while others are served, else the provider's."""
        if failed and not served:
            self._complain(failed[0][1])
        for holding, error in failed if served else ():
            self._say("recording.trash_refused", holding, reason=self._clean(str(error)))

    async def _one(self, provider: Remover, holding: Holding, disposal: Disposal) -> str | None:
        """Trash `holding` unless something speaks against it; return what does.

        Raises:
            ProviderError: It is not about this recording alone.
        """
        await self._disposals.spared(holding, self._clock() + LOOK_AGAIN)
        try:
            reason = await self._objection(provider, holding)
            if reason is None:
                reason = await self._not_intact(holding)
            if reason is None and disposal.dry_run:
                self._say("recording.trash_planned", holding)
                return None
            if reason is None:  # reading took its time
                reason = await self._objection(provider, holding)
            if reason is not None:
                return reason
            with blamed():
                await provider.trash(holding.id)
        except BadAnswer as error:
            return str(error)
        await self._disposals.disposed(holding)
        self._say("recording.trashed", holding)
        return None

    async def _objection(self, provider: Remover, holding: Holding) -> str | None:
        with blamed():
            current = await provider.current(holding.id)
        return objection(holding, current, self._clock())

    async def _refuse(self, holding: Holding, reason: str) -> None:
        now = self._clock()
        since = age(holding.archived_at or now, now)
        pause = min(max(LOOK_AGAIN, since / PATIENCE), LONGEST_SPARED)
        await self._disposals.spared(holding, now + pause)
        self._say("recording.trash_refused", holding, reason=reason)

    def _say(self, event: str, holding: Holding, **more: object) -> None:
        self._report(event, provider=holding.provider, recording=holding.id, **more)

    def _complain(self, error: ProviderError) -> None:
        """Report trouble with the provider when it begins."""
        if not self._said:
            self._said = True
            self._report(
                "provider.refused",
                provider=self._provider.name,
                code=error.code,
                reason=f"nothing could be moved to the trash: {self._clean(str(error))}",
            )
