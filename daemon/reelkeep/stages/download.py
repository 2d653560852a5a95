"""Turn downloads into outcomes: a fixed pool of workers, each one file at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.core.model import Download, Failed, Outcome

Fetch = Callable[[Download], Awaitable[Outcome]]


async def run(
    downloads: MemoryObjectReceiveStream[Download],
    outcomes: MemoryObjectSendStream[Outcome],
    *,
    fetch: Fetch,
    workers: int,
) -> None:
    """Fetch until `downloads` is closed and drained; closes `outcomes` on return."""
    async with downloads, outcomes, anyio.create_task_group() as pool:
        for number in range(workers):
            pool.start_soon(
                _work, downloads.clone(), outcomes.clone(), fetch, name=f"download-{number}"
            )


async def _work(
    downloads: MemoryObjectReceiveStream[Download],
    outcomes: MemoryObjectSendStream[Outcome],
    fetch: Fetch,
) -> None:
    async with downloads, outcomes:
        async for download in downloads:
            outcome = await _attempt(download, fetch)
            try:
                outcomes.send_nowait(outcome)
            except anyio.WouldBlock:
                with anyio.CancelScope(shield=True):  # what is durable is recorded, also at the end
                    await outcomes.send(outcome)


async def _attempt(download: Download, fetch: Fetch) -> Outcome:
    """Bound the blast of one bad file: whatever is raised becomes its outcome."""
    try:
        return await fetch(download)
    except Exception as error:  # noqa: BLE001 (the item boundary)
        return Failed(download=download, error=error)
