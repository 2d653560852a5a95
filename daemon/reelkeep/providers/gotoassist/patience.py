"""Try again, a few times and at once, what fails in passing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from reelkeep.errors import BadAnswer, Unavailable
from reelkeep.ports import Dice

T = TypeVar("T")

RETRIES = 3
"""After the first attempt; longer trouble is the caller's to wait for."""


async def patiently(
    attempt: Callable[[], Awaitable[T]], *, dice: Dice, retries: int = RETRIES
) -> T:
    """Return what `attempt` does, trying up to `retries` times more, after about 1, 2 and 4 s.

    Raises:
        Unavailable, BadAnswer: The last attempt failed like this, too.
        ProviderError: Any other is raised at once.
    """
    for retry in range(retries):
        try:
            return await attempt()
        except (Unavailable, BadAnswer):
            await anyio.sleep(2**retry * (0.75 + 0.5 * dice()))
    return await attempt()
