"""Turn downloads into outcomes: a pool of workers, each one transfer at a time.

Progress of the transfers under way is sampled by those who look, never pushed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from reelkeep.core.model import Download, Failed, Outcome


@dataclass(slots=True, eq=False)
class ActiveTransfer:
    """One transfer under way. `done` counts bytes of the file that are here."""

    download: Download
    began: float  #: On the loop's clock, in seconds.
    done: int = 0
    total: int | None = None


@dataclass(slots=True)
class ActiveTransfers:
    """The transfers under way, and all bytes that ever came."""

    under_way: set[ActiveTransfer] = field(default_factory=set)
    received: int = 0  #: Bytes of bodies since the start, good and bad.

    @contextmanager
    def begin_transfer(self, download: Download, began: float) -> Iterator[ActiveTransfer]:
        """Make one transfer visible until it lands, or the context ends."""
        transfer = ActiveTransfer(download, began, total=download.size)
        self.under_way.add(transfer)
        try:
            yield transfer
        finally:
            self.land(transfer)

    def land(self, transfer: ActiveTransfer) -> None:
        """Count a transfer no more, for all its bytes are here, or none will come."""
        self.under_way.discard(transfer)

    def metered(self, clock: Callable[[], float]) -> Callable[[], int]:
        """Return what says how many bytes a second came since now, by a clock in seconds."""
        received, began = self.received, clock()

        def rate() -> int:
            passed = clock() - began
            return round((self.received - received) / passed) if passed > 0 else 0

        return rate


class SlotPool:
    """The slots for transfers: each file under way has one, and may borrow idle ones.

    At most `lanes` of them work on one file; 1 means that nothing is ever borrowed.
    """

    def __init__(self, transfers: ActiveTransfers, *, slots: int, lanes: int) -> None:
        self._transfers = transfers
        self._borrowed = 0
        self.resize(slots=slots, lanes=lanes)

    def resize(self, *, slots: int, lanes: int) -> None:
        """Have other numbers from now on; what is borrowed stays so until it is given back."""
        self._slots = slots
        self.lanes = min(lanes, slots)

    @property
    def spare(self) -> int:
        """Slots that are idle; negative while files wait for what was borrowed."""
        return self._slots - len(self._transfers.under_way) - self._borrowed

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Borrow one slot."""
        self._borrowed += 1
        try:
            yield
        finally:
            self._borrowed -= 1


Landed = Callable[[], None]
"""To be called when all bytes of a file are here, and only the disk is still to be waited for."""

Fetch = Callable[[Download, Landed], Awaitable[Outcome]]


class WorkerPool:
    """So many `workers` that `fetch`. `run` it once; it may be resized before and meanwhile.

    A worker goes on to the next file as soon as one has landed: while the disk makes small files
    durable, many at once, others come.
    """

    def __init__(self, fetch: Fetch, workers: int) -> None:
        self._fetch = fetch
        self._wanted = workers
        self._present: set[int] = set()
        self._idle: dict[int, anyio.CancelScope] = {}
        self._hire: Callable[[int], object] | None = None

    async def run(
        self,
        downloads: MemoryObjectReceiveStream[Download],
        outcomes: MemoryObjectSendStream[Outcome],
    ) -> None:
        """Fetch until `downloads` is closed and drained; closes `outcomes` on return."""
        try:
            async with downloads, outcomes, anyio.create_task_group() as group:
                self._hire = lambda number: group.start_soon(
                    self._work, number, group, downloads, outcomes, name=f"download-{number}"
                )
                self.resize(self._wanted)
        finally:
            self._hire = None

    def resize(self, workers: int) -> None:
        """Have so many workers: new ones begin at once, surplus ones end with their file."""
        self._wanted = workers
        for number in [number for number in self._idle if number >= workers]:
            self._idle.pop(number).cancel()
        if self._hire is not None:
            for number in sorted(set(range(workers)) - self._present):
                self._present.add(number)
                self._hire(number)

    async def _work(
        self,
        number: int,
        group: TaskGroup,
        downloads: MemoryObjectReceiveStream[Download],
        outcomes: MemoryObjectSendStream[Outcome],
    ) -> None:
        """Fetch file after file, as long as this worker is not one too many."""
        try:
            while number < self._wanted:
                download = None
                with anyio.CancelScope() as self._idle[number]:
                    try:
                        download = await downloads.receive()
                    except anyio.EndOfStream:
                        return
                    finally:
                        self._idle.pop(number, None)
                if download is not None:
                    landed = anyio.Event()
                    group.start_soon(self._bring, download, landed, outcomes)
                    await landed.wait()
        finally:
            self._present.discard(number)

    async def _bring(
        self, download: Download, landed: anyio.Event, outcomes: MemoryObjectSendStream[Outcome]
    ) -> None:
        """Bound the blast of one bad file: whatever is raised becomes its outcome."""
        try:
            try:
                outcome = await self._fetch(download, landed.set)
            except Exception as error:  # noqa: BLE001 (the item boundary)
                outcome = Failed(download=download, error=error, distrusted=download.distrusted)
            try:
                outcomes.send_nowait(outcome)
            except anyio.WouldBlock:
                with anyio.CancelScope(shield=True):  # what is durable is recorded, also at the end
                    await outcomes.send(outcome)
        finally:
            landed.set()
