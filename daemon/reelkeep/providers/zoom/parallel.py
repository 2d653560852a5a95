"""Do a few things at a time, each with its own fate."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

import anyio

from reelkeep.errors import BadAnswer, ProviderError

LANES: Final = 4

Given = TypeVar("Given")
Result = TypeVar("Result")


async def in_lanes(
    work: Callable[[Given], Awaitable[Result]], given: Iterable[Given]
) -> AsyncGenerator[Sequence[Result], None]:
    """Yield what `work` returns, in order, a few results at a time; nothing runs while it yields.

    A `BadAnswer` concerns one thing: the others go on, and the first is raised at the end. Any
    other `ProviderError` concerns them all, and is raised as soon as what came with it is yielded.
    """
    things = iter(given)
    first: BadAnswer | None = None
    while batch := list(islice(things, LANES)):
        fates = await _together(work, batch)
        yield [fate for fate in fates if not isinstance(fate, ProviderError)]
        for error in (fate for fate in fates if isinstance(fate, ProviderError)):
            if not isinstance(error, BadAnswer):
                raise error
            first = first or error
    if first is not None:
        raise first


async def _together(
    work: Callable[[Given], Awaitable[Result]], batch: Sequence[Given]
) -> list[Result | ProviderError]:
    fates: dict[int, Result | ProviderError] = {}

    async def one(number: int, thing: Given) -> None:
        try:
            fates[number] = await work(thing)
        except ProviderError as error:
            fates[number] = error

    async with anyio.create_task_group() as lanes:
        for number, thing in enumerate(batch):
            lanes.start_soon(one, number, thing)
    return [fates[number] for number in range(len(batch))]
