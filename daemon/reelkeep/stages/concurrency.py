"""Do something while something else is done, without wrapping what goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from reelkeep.errors import WrongBytes


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
