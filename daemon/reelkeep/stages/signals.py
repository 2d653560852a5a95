"""Wake those who wait for work."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import anyio


class Ringing(Protocol):
    """What can be rung."""

    def ring(self) -> None:
        """Wake the waiting, now or as soon as they come."""
        ...


class Bell:
    """Rings for the one who waits; a ring while nobody waited is heard by the next wait."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake whoever waits, now or as soon as it comes."""
        self._event.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Return True when it rang, False when `seconds` went by in silence."""
        with anyio.move_on_after(seconds):
            await self._event.wait()
        rang = self._event.is_set()
        if rang:
            self._event = anyio.Event()
        return rang


class Chime:
    """Several bells on one string."""

    def __init__(self, bells: Iterable[Ringing]) -> None:
        self._bells = tuple(bells)

    def ring(self) -> None:
        """Ring them all."""
        for bell in self._bells:
            bell.ring()


class Carillon:
    """The bells that there are whenever it is rung."""

    def __init__(self, bells: Callable[[], Iterable[Ringing]]) -> None:
        self._bells = bells

    def ring(self) -> None:
        """Ring those that there are now."""
        for bell in self._bells():
            bell.ring()
