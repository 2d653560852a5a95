"""Decide how a rate of bytes is shared, and when a stream is too slow to wait for."""

from __future__ import annotations

from collections import deque
from datetime import timedelta


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


_BUCKETS = 16


class StallMeter:
    """Measures one stream by the time that we waited for it; the time it waited for us is free.

    The average is taken over the last `window` of waiting, in sixteenths, so that the memory is
    bounded whatever the chunks are.
    """

    def __init__(self, window: timedelta, rate: int) -> None:
        """Demand `rate` bytes a second, averaged over `window`, once so much time has passed."""
        self._window = window.total_seconds()
        self._least = rate * self._window
        self._waited = 0.0
        self._buckets: deque[tuple[int, int]] = deque()
        self._received = 0

    def record(self, waited: float, received: int) -> bool:
        """Count `received` bytes that came after `waited` seconds; return whether it stalls."""
        self._waited += waited
        bucket = int(self._waited * _BUCKETS / self._window)
        self._count(bucket, received)
        while self._buckets[0][0] < bucket - _BUCKETS:
            self._received -= self._buckets.popleft()[1]
        return self._waited >= self._window and self._received < self._least

    def _count(self, bucket: int, received: int) -> None:
        self._received += received
        if self._buckets and self._buckets[-1][0] == bucket:
            received += self._buckets.pop()[1]
        self._buckets.append((bucket, received))
