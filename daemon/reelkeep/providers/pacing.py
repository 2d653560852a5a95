"""Keep the requests of one account apart, and say when an API asks us to slow down."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import anyio

from reelkeep.errors import RateLimited
from reelkeep.ports import Clock, Report, Rng

PATIENCE = timedelta(seconds=60)
"""Parks of up to this long are waited for; longer ones are raised to the caller."""

LONGEST_PARK = timedelta(days=1)
"""No account is parked for longer: limits end with the day, and a clock may have been wrong."""

_CALM = 60.0  # seconds without complaint after which the full rate is tried again
_LONGEST_WAIT = 60.0
_SLOWEST = 16  # times slower than configured, at worst
_LATER = "asked to come back later"


def _no_jitter() -> float:
    return 0.0


class Pacer:
    """Gives turns at most `rate` times a second, evenly spaced, and `per_day` times a UTC day.

    One pacer serves every request that shares a limit. Concurrent callers are served in order.
    """

    def __init__(
        self, rate: float, *, clock: Clock, per_day: int | None = None, rng: Rng = _no_jitter
    ) -> None:
        self._spacing = 1.0 / rate
        self._clock = clock
        self._rng = rng
        self._per_day = per_day
        self._day: date | None = None
        self._spent = 0
        self._next = 0.0  # all of these are seconds of the event loop's clock
        self._parked = 0.0
        self._calm = 0.0
        self._until: datetime | None = None
        self._reason = ""
        self._strikes = 0

    async def turn(self) -> None:
        """Wait until a request may be sent; only a turn that is given counts for the day.

        Raises:
            RateLimited: That is more than `PATIENCE` away.
        """
        while True:
            self._require_budget()
            await self._unparked()
            now = anyio.current_time()
            slot = max(now, self._next)
            self._next = slot + self._spacing * min(2 ** self._strikes_now(), _SLOWEST)
            if slot > now:
                await anyio.sleep_until(slot)
            if anyio.current_time() >= self._parked:
                self._require_budget()  # others may have taken the last one while we waited
                self._spent += 1
                return
            # parked while we waited: stand in line again

    def give_back(self) -> None:
        """Take back the last turn: its request was not sent."""
        self._spent = max(0, self._spent - 1)

    def park(self, until: datetime, reason: str = _LATER) -> None:
        """Give no turns before `until`; an earlier end than the one in force changes nothing.

        `reason` says in an error why.
        """
        left = min(until - self._clock(), LONGEST_PARK)
        end = anyio.current_time() + left.total_seconds()
        if end > self._parked:
            self._parked, self._until, self._reason = end, until, reason

    def slow_down(self) -> datetime:
        """Heed a 429 that says nothing more: halve the rate for a while, and wait a little.

        Returns the end of the wait. It doubles from one second with each complaint, until there
        was none for a minute; complaints that come during the wait belong to the same one.
        """
        now = anyio.current_time()
        if now < self._parked and self._until is not None:
            return self._until
        strikes = self._strikes_now()
        wait = min(2.0**strikes * (1.0 + 0.25 * self._rng()), _LONGEST_WAIT)
        self._strikes = min(strikes + 1, 10)
        self._calm = now + wait + _CALM
        until = self._clock() + timedelta(seconds=wait)
        self.park(until)
        return until

    def _strikes_now(self) -> int:
        return self._strikes if anyio.current_time() < self._calm else 0

    async def _unparked(self) -> None:
        while (left := self._parked - anyio.current_time()) > 0:
            if left > PATIENCE.total_seconds():
                raise limited(self._reason, self._until)
            await anyio.sleep(left)

    def _require_budget(self) -> None:
        now = self._clock()
        if now.date() != self._day:
            self._day, self._spent = now.date(), 0
        if self._per_day is not None and self._spent >= self._per_day:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            raise limited(f"all {self._per_day} requests of this day are used up", midnight)


def limited(reason: str, until: datetime | None) -> RateLimited:
    """Return the error that says which limit is reached, and when requests may be sent again."""
    if until is None:
        return RateLimited(reason)
    again = until.astimezone(UTC)
    return RateLimited(f"no request before {again:%Y-%m-%d %H:%M:%S} UTC: {reason}", until=until)


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
