"""What is passed in everywhere: time, chance, the log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

Clock = Callable[[], datetime]
"""The time of day, aware and in UTC. Durations are waited for with anyio, so that a test's
event loop can make hours pass in no time."""

Rng = Callable[[], float]
"""A random number in [0, 1)."""


Learn = Callable[[str], None]
"""Takes a secret that was obtained at run time, so that the log keeps it out of every line."""


Clean = Callable[[str], str]
"""Takes every secret that is known out of a text."""


class Report(Protocol):
    """Where events go. Names and keys are those of `core.events`; a locator is never a value."""

    def __call__(self, event: str, /, **keys: object) -> None: ...
