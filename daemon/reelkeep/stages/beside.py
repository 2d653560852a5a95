"""Do something while something else is done, without wrapping what goes wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio


async def beside(main: Callable[[], Awaitable[None]], side: Callable[[], Awaitable[None]]) -> None:
    """Run both to their end. If one fails, the other is stopped, and its error is raised alone."""
    errors: list[Exception] = []

    async def watched(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(watched, side)
        await watched(main)
    if errors:
        raise errors[0]
