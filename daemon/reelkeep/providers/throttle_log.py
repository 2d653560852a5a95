"""Say that an API asks us to slow down: once when it begins, and once when it is over."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import anyio

from reelkeep.ports import Clock, Report
from reelkeep.providers.pacing import LONGEST_PARK


class Throttling:
    """What was said of one API, whose address is `url`; only its host is told."""

    def __init__(self, provider: str, url: str, *, clock: Clock, report: Report) -> None:
        self._provider = provider
        self._host = urlsplit(url).hostname
        self._clock = clock
        self._report = report
        self._throttled = False
        self._over = 0.0  # seconds of the event loop's clock

    def heard(self, until: datetime) -> None:
        """Note a complaint: we shall wait until `until`."""
        left = min(until - self._clock(), LONGEST_PARK)
        over = anyio.current_time() + left.total_seconds()
        self._over = max(self._over, over)
        if not self._throttled:
            self._throttled = True
            self._tell(until=until.isoformat())

    def served(self) -> None:
        """Note an answer without complaint; before the wait is over, it proves nothing.

        Such an answer belongs to a request that was on its way, or that is counted apart.
        """
        if self._throttled and anyio.current_time() >= self._over:
            self._throttled = False
            self._tell()

    def _tell(self, **keys: object) -> None:
        self._report("provider.throttled", provider=self._provider, host=self._host, **keys)
