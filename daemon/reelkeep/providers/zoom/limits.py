"""Keep within the provider's limits, which count for a whole account, a few things at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import islice
from typing import Final, TypeVar

import anyio

from reelkeep.core.replies import asked_until
from reelkeep.errors import BadAnswer, ProviderError
from reelkeep.ports import Clock, Rng
from reelkeep.providers.pacing import Pacer
from reelkeep.providers.web import Answer
from reelkeep.providers.zoom.api_errors import is_daily, limit, said


class Label(Enum):
    """How the provider weighs a request."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"


LIMITS: Final[Mapping[str, Mapping[Label, tuple[int, int | None]]]] = {
    "free": {Label.LIGHT: (4, 6_000), Label.MEDIUM: (2, 2_000), Label.HEAVY: (1, 1_000)},
    "pro": {Label.LIGHT: (30, None), Label.MEDIUM: (20, None), Label.HEAVY: (10, 30_000)},
    "business": {Label.LIGHT: (80, None), Label.MEDIUM: (60, None), Label.HEAVY: (40, 60_000)},
}
"""Requests a second and a day, by plan and label (provider notes, section 2.7)."""

_SHARE: Final = 0.75  # of the rate is ours: the account's other apps draw on it, too


class AccountLimits:
    """The pacers of one account."""

    def __init__(self, plan: str, *, clock: Clock, rng: Rng) -> None:
        self._clock = clock
        self._pacers = {
            label: Pacer(rate * _SHARE, per_day=per_day, clock=clock, rng=rng)
            for label, (rate, per_day) in LIMITS[plan].items()
        }

    async def turn(self, label: Label) -> None:
        """Wait until a request may be sent.

        Raises:
            RateLimited: That is more than a minute away.
        """
        await self._pacers[label].turn()

    def heed(self, answer: Answer, label: Label) -> datetime:
        """Do as a 429 says: slow down, or leave the account alone; return until when."""
        until = come_back(answer, self._clock())
        if until is None:
            return self._pacers[label].slow_down()
        _park(self._pacers.values(), until, limit(answer, said(answer)[1]))
        return until

    def give_back(self, label: Label) -> None:
        """Take back the last turn: its request was not sent."""
        self._pacers[label].give_back()


def come_back(answer: Answer, now: datetime) -> datetime | None:
    """Return when the account may be asked again, None if it was just asked too quickly.

    `Retry-After` comes with daily limits only, mostly; those without one end at midnight UTC.
    """
    named = asked_until(answer.headers.get("retry-after", ""), answer.headers, now)
    if named is not None and named > now:
        return named
    if named is None and is_daily(answer, said(answer)[1]):
        return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return None


def _park(pacers: Iterable[Pacer], until: datetime, reason: str) -> None:
    for pacer in pacers:
        pacer.park(until, reason)


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
