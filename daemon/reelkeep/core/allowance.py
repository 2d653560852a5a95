"""Share a rate of bytes; when it is, and how to wait, is told and done by whoever asks."""

from __future__ import annotations


class Allowance:
    """At most `rate` bytes a second over all who share it; None: as many as there are.

    What was not used is not saved up, so that after a silence all is as slow as ever.
    """

    def __init__(self, rate: int | None) -> None:
        self.keep_to(rate)

    def keep_to(self, rate: int | None) -> None:
        """Let another rate hold from now on; nobody owes anything for what was before."""
        self.rate = rate
        self._paid_until = 0.0

    def spend(self, size: int, now: float) -> float:
        """Return for how many seconds to wait from `now` on until `size` bytes are paid for."""
        if self.rate is None:
            return 0.0
        self._paid_until = max(now, self._paid_until) + size / self.rate
        return self._paid_until - now

    def refund(self, size: int) -> None:
        """Take back what was spent on `size` bytes that did not come."""
        if self.rate is not None:
            self._paid_until -= size / self.rate
