"""Windows that an operator wants to be read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

import virtual
from fakes.provider import FakeProvider, recording, traits
from fakes.rig import Rig, running
from reelkeep.core.model import Recording, Window
from reelkeep.core.poll_window import SLICE, PartlyRead, Unread, slice_of
from reelkeep.errors import BadAnswer, Unavailable
from reelkeep.stages.backfill import Backfiller
from reelkeep.stages.discovery import WindowReader
from reelkeep.stages.signals import Signal
from virtual import VIRTUAL, Backend

DAY = timedelta(days=1)
START = virtual.START
YEAR = Window(START - 365 * DAY, START)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def backfiller(rig: Rig, provider: FakeProvider) -> Backfiller:
    resources = rig.resources
    reader = WindowReader(provider, resources.intake, work=Signal())
    return Backfiller(provider, resources.backfills, reader, clock=resources.clock, report=rig.log)


def read(provider: FakeProvider) -> list[Window]:
    return [window for _, window in provider.polls]


async def test_a_window_is_read_in_slices_without_a_gap() -> None:
    provider = FakeProvider()
    old = recording("old", started=START - 200 * DAY)
    provider.hold(old)
    rig = Rig(provider)
    await rig.resources.backfills.want([provider.name], YEAR)
    await backfiller(rig, provider).all()
    windows = read(provider)
    assert (windows[0].since, windows[-1].until) == (YEAR.since, YEAR.until)
    assert all(one.until == other.since for one, other in pairwise(windows))
    assert await rig.files("due") == 1
    assert await rig.resources.backfills.next(provider.name) is None
    assert rig.log.count("backfill.advanced", "backfill.completed") == [14, 1]


@pytest.mark.parametrize("fault", ["discover", "discovered"])
async def test_it_goes_on_where_it_broke_off(fault: str) -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    await rig.resources.backfills.want([provider.name], YEAR)
    reading = backfiller(rig, provider)
    await reading.once()
    provider.faults[fault] = [Unavailable("down"), BadAnswer("nonsense")]
    for _ in range(2):
        await reading.all()
        assert reading.error is not None
    left = await rig.resources.backfills.next(provider.name)
    assert left is not None
    assert left.window.since == YEAR.since + SLICE
    await backfiller(rig, provider).all()  # as after a restart
    assert await rig.resources.backfills.next(provider.name) is None
    assert rig.log.count("backfill.failed") == [1]


async def test_it_rests_for_as_long_as_it_read() -> None:
    provider = SlowProvider()
    provider.hold(recording("old", started=START - 300 * DAY))
    rig = Rig(provider)
    await rig.resources.backfills.want([provider.name], YEAR)
    async with running(backfiller(rig, provider).forever):
        await anyio.sleep(3000)
    gaps = [after - before for before, after in pairwise(provider.times)]
    assert max(gaps) == pytest.approx(120, abs=1)  # a minute of work, a minute of rest


class SlowProvider(FakeProvider):
    """Takes a minute to describe what there is."""

    def __init__(self) -> None:
        super().__init__(traits=traits(describes=True))

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        await anyio.sleep(60)
        return await super().describe(recordings)


async def test_a_wish_is_noticed_while_it_runs() -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    async with running(backfiller(rig, provider).forever):
        await anyio.sleep(100)
        assert read(provider) == []
        await rig.resources.backfills.want([provider.name], YEAR)
        await anyio.sleep(100)
    assert len(read(provider)) == 14


async def test_a_broken_provider_is_not_pressed() -> None:
    provider = FakeProvider(broken={"discover": Unavailable("down")})
    rig = Rig(provider)
    await rig.resources.backfills.want([provider.name], YEAR)
    async with running(backfiller(rig, provider).forever):
        await anyio.sleep(3600)
    assert len(provider.times) <= 13


async def test_the_same_wish_counts_once() -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    for _ in range(2):
        await rig.resources.backfills.want([provider.name], YEAR)
    await backfiller(rig, provider).all()
    assert len(read(provider)) == 14


async def test_nothing_before_since_is_asked_for() -> None:
    provider = FakeProvider(traits=traits(epoch=START - 10 * DAY))
    rig = Rig(provider)
    await rig.resources.backfills.want([provider.name], YEAR)
    await backfiller(rig, provider).all()
    assert read(provider) == [Window(START - 10 * DAY, START)]


@given(st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_slices_cover_a_window_of_any_length(length: timedelta) -> None:
    window = Window(START, START + length)
    parts = [slice_of(window)]
    while parts[-1].until < window.until:
        parts.append(slice_of(Window(parts[-1].until, window.until)))
    assert all(each.until - each.since <= SLICE for each in parts)
    assert all(one.until == other.since for one, other in pairwise(parts))
    assert (parts[0].since, parts[-1].until) == (window.since, window.until)


async def test_what_a_slice_could_not_read_of_one_user_is_left_to_the_polls() -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    await rig.resources.backfills.want([provider.name], YEAR)
    left = [Unread("u-1", Window(YEAR.since, YEAR.since + DAY))]
    provider.faults["discovered"] = [PartlyRead("all but u-1", unread=left)]
    reading = backfiller(rig, provider)
    await reading.all()
    assert reading.error == "all but u-1"
    assert len(read(provider)) == 14
    assert await rig.resources.backfills.next(provider.name) is None
    assert await rig.resources.intake.unread(provider.name) == left
    assert rig.log.count("backfill.failed", "backfill.completed") == [1, 1]
