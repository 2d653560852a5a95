"""The clock of the host, which may be wrong; the simulation has the right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class HostClock:
    """Tells `right`, and how far it is `off`."""

    right: Callable[[], datetime]
    off: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.right() + self.off
