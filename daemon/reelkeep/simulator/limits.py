"""Count requests against the limits of a provider (Z4, G7)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Bucket:
    """Requests of the last second and of the running UTC day; 0 is no limit.

    Refused requests count for nothing.
    """

    recent: deque[datetime] = field(default_factory=deque)
    day: date | None = None
    today: int = 0

    def take(self, now: datetime, *, per_second: int, per_day: int) -> str | None:
        """Count a request; return what refuses it: `QPS`, `Daily-limit` or None."""
        while self.recent and now - self.recent[0] >= _SECOND:
            self.recent.popleft()
        if self.day != now.date():
            self.day, self.today = now.date(), 0
        if per_day and self.today >= per_day:
            return "Daily-limit"
        if per_second and len(self.recent) >= per_second:
            return "QPS"
        self.recent.append(now)
        self.today += 1
        return None


def next_day(now: datetime) -> datetime:
    """Return the next 00:00 UTC, when daily limits start anew."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=1)
