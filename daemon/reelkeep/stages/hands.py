"""Lend idle transfer slots to large files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reelkeep.stages.active_transfers import ActiveTransfers


class Hands:
    """The slots for transfers: each file under way has one, and may borrow idle ones.

    At most `lanes` of them work on one file; 1 means that nothing is ever borrowed.
    """

    def __init__(self, flights: ActiveTransfers, *, slots: int, lanes: int) -> None:
        self._flights = flights
        self._borrowed = 0
        self.resize(slots=slots, lanes=lanes)

    def resize(self, *, slots: int, lanes: int) -> None:
        """Have other numbers from now on; what is borrowed stays so until it is given back."""
        self._slots = slots
        self.lanes = min(lanes, slots)

    @property
    def spare(self) -> int:
        """Slots that are idle; negative while files wait for what was borrowed."""
        return self._slots - len(self._flights.under_way) - self._borrowed

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Borrow one slot."""
        self._borrowed += 1
        try:
            yield
        finally:
            self._borrowed -= 1
