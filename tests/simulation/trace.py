"""What happened in a simulation, line by line; its digest tells whether two are the same."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from reelkeep.core.events import EVENTS
from simulation.fate import Fate

KEPT = 400
"""Lines that are shown of a simulation that failed."""


@dataclass
class Trace:
    """Takes lines; `echo` sees each of them."""

    clock: Callable[[], datetime]
    echo: Callable[[str], None] | None = None
    root: str = ""  #: The folder of this run, whose name no story depends on.
    last: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    counts: Counter[str] = field(default_factory=Counter)
    _digest: Any = field(default_factory=hashlib.sha256)

    def __call__(self, what: str, /, **keys: object) -> None:
        self.counts[what] += 1
        told = " ".join(f"{name}={_shown(value)}" for name, value in keys.items())
        told = told.replace(self.root, "") if self.root else told
        line = f"{self.clock():%m-%d %H:%M:%S.%f} {what} {told}".rstrip()
        self._digest.update(line.encode(errors="backslashreplace"))
        self.last.append(line)
        if self.echo is not None:
            self.echo(line)

    @property
    def digest(self) -> str:
        return str(self._digest.hexdigest())


@dataclass(slots=True)
class Log:
    """The log of one process, on the trace; the dead say nothing."""

    trace: Trace
    fate: Fate
    watch: Callable[[str, dict[str, object]], None]

    def __call__(self, event: str, /, **keys: object) -> None:
        if self.fate.dead:
            return
        unknown = set(keys) - set(EVENTS[event].keys)
        assert not unknown, f"{event} has no {unknown}"
        self.trace(event, **keys)
        self.watch(event, keys)


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return ascii(value)
