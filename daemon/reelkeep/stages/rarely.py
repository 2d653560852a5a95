"""Know when to do again what need not be done each time."""

from __future__ import annotations

from math import inf

import anyio


class Rarely:
    """Due at first, and then once `seconds` have gone by since it was `done`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._done_at = -inf

    @property
    def due(self) -> bool:
        """Whether it is to be done now."""
        return anyio.current_time() - self._done_at >= self._seconds

    def done(self) -> None:
        """Note that it was done just now."""
        self._done_at = anyio.current_time()
