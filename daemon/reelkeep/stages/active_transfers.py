"""Know which transfers are under way, for those who look: progress is sampled, never pushed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from reelkeep.core.model import Download


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
