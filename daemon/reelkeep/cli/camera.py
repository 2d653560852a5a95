"""Take pictures of a pass that is under way."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
from rich.console import RenderableType

from reelkeep.catalog.desk import Desk, Summary
from reelkeep.cli.picture import picture
from reelkeep.cli.progress import Frame, Rate, gauge, time_left, transfer
from reelkeep.core.model import ProviderName
from reelkeep.stages.active_transfers import ActiveTransfers

_PAUSE = 4
"""How many times longer than the catalog took to answer it is left in peace."""


class Camera:
    """Looks at the catalog and at the transfers of the providers `names`."""

    def __init__(self, desk: Desk, flights: ActiveTransfers, names: Sequence[ProviderName]) -> None:
        self._desk = desk
        self._flights = flights
        self._names = names
        self._began = self._ask_at = anyio.current_time()
        self._rate = Rate()
        self._summaries: list[Summary] = []

    async def draw(self, height: int) -> RenderableType:
        """Return a picture of how things stand, in at most `height` lines."""
        await self._ask()
        return picture(self._frame(), height)

    def _frame(self) -> Frame:
        now, received = anyio.current_time(), self._flights.received
        flying = sorted(self._flights.under_way, key=lambda flight: flight.began)
        transfers = [transfer(flight, now) for flight in flying]
        rate = self._rate.add(now, received)
        pending = sum(summary.pending_bytes for summary in self._summaries)
        return Frame(
            gauges=[gauge(summary) for summary in self._summaries],
            transfers=transfers,
            received=received,
            rate=rate,
            seconds=now - self._began,
            left=time_left(pending, transfers, rate),
        )

    async def _ask(self) -> None:
        now = anyio.current_time()
        if now >= self._ask_at:
            self._summaries = await self._desk.summaries(self._names)
            self._ask_at = now + _PAUSE * (anyio.current_time() - now)
