"""Commit outcomes to the catalog, as many at a time as have come."""

from __future__ import annotations

import anyio
from anyio import EndOfStream, WouldBlock
from anyio.streams.memory import MemoryObjectReceiveStream

from reelkeep.core.model import Failed, Outcome
from reelkeep.ports import Ledger
from reelkeep.stages.signals import Ringing

MOST = 400
"""Outcomes in one transaction."""

GATHER = 0.05
"""Seconds that the first outcome waits for others: one commit for many small files."""


async def run(
    outcomes: MemoryObjectReceiveStream[Outcome],
    ledger: Ledger,
    *,
    recorded: Ringing,
    failed: Ringing,
) -> None:
    """Record until `outcomes` is closed and drained.

    `recorded` rings after each commit, `failed` after one with failures: they may be due again.
    """
    async with outcomes:
        async for first in outcomes:
            await anyio.sleep(GATHER)
            batch = [first, *_rest(outcomes)]
            await ledger.record(batch)
            recorded.ring()
            if any(isinstance(outcome, Failed) for outcome in batch):
                failed.ring()


def _rest(outcomes: MemoryObjectReceiveStream[Outcome]) -> list[Outcome]:
    found: list[Outcome] = []
    while len(found) < MOST - 1:
        try:
            found.append(outcomes.receive_nowait())
        except (WouldBlock, EndOfStream):
            break
    return found
