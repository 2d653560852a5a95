"""Wake those who wait for work, and do something while something else is done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import anyio

from reelkeep.errors import WrongBytes


class Notifiable(Protocol):
    """What can be notified."""

    def notify(self) -> None:
        """Wake the waiting, now or as soon as they come."""
        ...


class Signal:
    """Wakes the one who waits; a notification while nobody waited ends the next wait at once."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def notify(self) -> None:
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


async def beside(main: Callable[[], Awaitable[None]], side: Callable[[], Awaitable[None]]) -> None:
    """Run both to their end. If one fails, the other is stopped, and its error is raised alone.

    Who is cancelled meanwhile still hears of wrong bytes: they must not be kept.
    """
    errors: list[Exception] = []

    async def watched(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)
            group.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(watched, side)
            await watched(main)
    finally:
        raise_wrong_bytes(errors)
    if errors:
        raise errors[0]


def raise_wrong_bytes(errors: Sequence[Exception]) -> None:
    """Raise the first of `errors` that says that wrong bytes are held, if any does."""
    for error in errors:
        if isinstance(error, WrongBytes):
            raise error
