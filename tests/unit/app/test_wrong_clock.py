"""The clock is set forward and back at every step of a recording's life; all comes well."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import anyio
import pytest

import virtual
from fakes.log import RecordedLog
from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import Rig, whole
from fakes.transport import Answer, FakeReply, FakeTransport
from proofs import each_in_turn
from reelkeep.app.clock_watch import ClockCheck
from reelkeep.app.one_pass import Pass
from reelkeep.app.pipeline import Pipeline
from reelkeep.core.model import ProviderName, Readiness
from reelkeep.errors import NotYet, Unavailable
from reelkeep.ports import Request
from virtual import START, VIRTUAL, Backend

AHEAD = timedelta(days=400)
YEAR_1980 = datetime(1980, 1, 1, tzinfo=UTC) - START
TRAITS = traits(acknowledges=True, describes=True, transcodes=True, interval=timedelta(minutes=5))
A = ProviderName("a")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@dataclass
class Settable:
    """A clock that can be set."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return virtual.clock() + self.ahead


class Troubled:
    """A host that is busy at first."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, request: Request) -> Answer:
        self.left -= 1
        return FakeReply.of(b"", status=503, Retry_After="30") if self.left >= 0 else whole(request)


def lived(clock: Settable) -> tuple[Rig, FakeProvider]:
    """Return a provider whose recordings take every turn: transcoding, waiting, failing."""
    provider = FakeProvider(A, traits=TRAITS, transcoding_takes=90)
    provider.hold(*many(3), recording("t", readiness=Readiness.TRANSCODABLE))
    provider.faults["locate"] = [NotYet("soon"), Unavailable("down")]
    provider.faults["acknowledge"] = [Unavailable("down")]
    return Rig(provider, script=Troubled(4), clock=clock), provider


STEPS = [0, 3, 20, 60, 91, 130, 320]
"""Seconds into a life that is over in eleven minutes when nobody touches the clock."""

ERRORS = [(AHEAD, 20), (AHEAD, 900), (YEAR_1980, 900), (timedelta(hours=3), 900)]


@pytest.mark.parametrize(("at", "error"), each_in_turn(STEPS, ERRORS), ids=str)
async def test_a_clock_that_is_wrong_for_a_while_stalls_nothing(
    at: int, error: tuple[timedelta, int]
) -> None:
    ahead, lasts = error
    clock = Settable()
    rig, _ = lived(clock)

    async def steer() -> None:
        await anyio.sleep(at)
        clock.ahead = ahead
        await anyio.sleep(lasts)
        clock.ahead = timedelta()
        await anyio.sleep(1800)

    await Pipeline(rig.resources, rig.names, polls=True).run(steer)
    assert len(await rig.recordings("acknowledged")) == 4


@pytest.mark.parametrize(("at", "ahead"), each_in_turn(STEPS, [AHEAD, YEAR_1980]), ids=str)
async def test_a_clock_that_is_right_again_after_a_restart_stalls_nothing(
    at: int, ahead: timedelta
) -> None:
    clock = Settable(ahead)
    rig, _ = lived(clock)
    await Pipeline(rig.resources, rig.names, polls=True).run(lambda: anyio.sleep(at))
    clock.ahead = timedelta()
    await rig.resources.clock_watch.reset_instants()
    await Pipeline(rig.resources, rig.names, polls=True).run(lambda: anyio.sleep(1800))
    assert len(await rig.recordings("acknowledged")) == 4


@pytest.mark.parametrize("ahead", [AHEAD, YEAR_1980], ids=str)
async def test_a_pass_after_one_with_a_wrong_clock_fetches_what_that_put_off(
    ahead: timedelta,
) -> None:
    clock = Settable(ahead)
    provider = FakeProvider(A, traits=traits(acknowledges=True))
    provider.hold(*many(3))
    rig = Rig(provider, script=Troubled(3), clock=clock)
    await Pass(rig.resources, rig.names, limit=timedelta(milliseconds=300)).run(anyio.Event())
    clock.ahead = timedelta()
    await rig.resources.clock_watch.reset_instants()
    began = anyio.current_time()
    await Pass(rig.resources, rig.names, limit=None).run(anyio.Event())
    assert len(await rig.recordings("acknowledged")) == 3
    assert anyio.current_time() - began < 120


async def test_a_step_is_said_once_with_its_seconds() -> None:
    clock = Settable()
    rig, _ = lived(clock)

    async def steer() -> None:
        await anyio.sleep(60)
        clock.ahead = AHEAD
        await anyio.sleep(60)

    await Pipeline(rig.resources, rig.names, polls=True).run(steer)
    (said,) = rig.log.named("clock.stepped")
    assert said["seconds"] == AHEAD.total_seconds()


async def test_a_clock_of_1980_is_said_to_be_wrong_and_changes_no_history() -> None:
    clock = Settable()
    rig, _ = lived(clock)
    await Pipeline(rig.resources, rig.names, polls=True).run(lambda: anyio.sleep(1800))
    before = await rig.resources.operator.listing()
    clock.ahead = YEAR_1980
    await rig.resources.clock_watch.reset_instants(thorough=True)
    assert rig.log.count("clock.wrong") == [1]
    assert await rig.resources.operator.listing() == before


def dated(request: Request) -> Answer:
    """Answer as two hosts do, of which `late` is ten days behind."""
    off = timedelta(days=10) if "//late." in request.url else timedelta()
    age = {"Age": "864000"} if "//cache." in request.url else {}
    return FakeReply(headers={"Date": format_datetime(virtual.clock() - off, usegmt=True), **age})


@dataclass
class Compared:
    """A clock that is compared with those of hosts."""

    clock: Settable = field(default_factory=Settable)
    log: RecordedLog = field(default_factory=RecordedLog)

    def __post_init__(self) -> None:
        self.check = ClockCheck(self.clock, self.log)
        self._transport = self.check.watching(FakeTransport(dated))

    async def ask(self, *hosts: str) -> None:
        for host in hosts:
            async with self._transport.open(Request(url=f"https://{host}.test/")):
                pass

    @property
    def said(self) -> list[int]:
        return self.log.count("clock.wrong", "clock.right")


@pytest.mark.parametrize("off", [timedelta(hours=-9), timedelta(days=3), timedelta(minutes=-5)])
async def test_a_clock_that_differs_from_the_providers_is_wrong_until_it_agrees(
    off: timedelta,
) -> None:
    here = Compared(Settable(off))
    await here.ask("right", "right")
    assert here.said == [1, 0]
    assert here.log.named("clock.wrong")[0]["seconds"] == off.total_seconds()
    here.clock.ahead = timedelta(minutes=3)
    await here.ask("right", "right")
    assert here.said == [1, 1]
    assert here.check.problem is None


async def test_a_clock_that_one_provider_agrees_with_is_not_wrong() -> None:
    here = Compared()
    await here.ask("right", "late", "cache")
    assert here.said == [0, 0]


async def test_a_clock_that_was_set_is_compared_anew() -> None:
    here = Compared(Settable(-AHEAD))
    await here.ask("right")
    here.clock.ahead = timedelta()
    here.check.forget()
    assert here.said == [1, 1]


async def test_a_clock_of_1980_is_right_again_when_it_is_set() -> None:
    here = Compared(Settable(YEAR_1980))
    here.check.judge()
    here.clock.ahead = timedelta()
    here.check.judge()
    assert here.said == [1, 1]


async def test_times_that_were_reset_by_a_clock_that_may_be_behind_say_the_latest() -> None:
    clock = Settable()
    rig, _ = lived(clock)
    await Pipeline(rig.resources, rig.names, polls=True).run(lambda: anyio.sleep(1800))
    clock.ahead = -timedelta(hours=9)
    await rig.resources.clock_watch.reset_instants()
    (said,) = rig.log.named("catalog.instants_reset")
    assert said["latest"] == START + timedelta(minutes=30)
