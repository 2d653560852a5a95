"""Outages of any length, ours or theirs, against the simulator over real sockets.

Time is virtual. No deep scan comes to the rescue: what is found is found by the polls alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from random import Random

import anyio
import pytest
from sqlalchemy import select

from fakes.rig import Rig
from fakes.simulated import Bench, bench
from reelkeep.catalog.tables import recording
from reelkeep.core.poll_window import PartlyRead, Unread
from reelkeep.ports import Scan
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.switches import Fault, Switches, answer, page, status
from reelkeep.stages.poll import Poller
from reelkeep.stages.signals import Signal
from virtual import Backend, PatientLoop, clock

LOOKBACK = timedelta(days=3)
EXTENT = Extent(recordings=0, meetings=6, sessions=6, users=2, days=20, odd=False)
PATTERNS = {
    "zoom": "GET /v2/users/*/recordings",
    "zoom-videosdk": "GET /v2/videosdk/recordings",
}
INVALID = b'{"code":300,"message":"Validation Failed."}'


class Hasty(PatientLoop):
    """Days go by quickly. A jump that comes too early is one more outage."""

    patience = 0.003


@pytest.fixture
def anyio_backend() -> Backend:
    return "asyncio", {"loop_factory": Hasty}


def fates(rng: Random) -> Iterator[str]:
    """Yield how each day goes: good ones, and others, for up to three times the lookback."""
    while True:
        yield "good"
        kind = rng.choice(["off", "down", "one refused", "pages die"])
        for _ in range(rng.choice([1, 2, 9])):
            yield kind


def faults(fate: str, pattern: str) -> tuple[str, Fault] | None:
    """Return what goes wrong, and for whom: `one refused` is about one of two users only."""
    match fate:
        case "down":
            return pattern, page(502, times=None)
        case "one refused":
            return pattern.replace("*", "u-0001"), answer(INVALID, 400, times=None)
        case "pages die":
            return pattern, status(503, times=None)
    return None


def appear(at: Bench, kind: str, rng: Random) -> None:
    """Let something begin now that is listed later, within the lookback."""
    now = clock().replace(microsecond=0)
    add = at.sim.studio.add_meeting if kind == "zoom" else at.sim.studio.add_session
    add(now, size=1000).visible_from = now + LOOKBACK * rng.random()


def visible(at: Bench, kind: str) -> set[str]:
    world = at.sim.world
    named = {each.uuid: each.visible_from for each in world.meetings}
    if kind == "zoom-videosdk":
        named = {each.id: each.visible_from for each in world.sessions}
    return {id_ for id_, since in named.items() if since is None or since <= clock()}


async def known(rig: Rig) -> set[str]:
    query = select(recording.c.id)
    return set(await rig.database.read(lambda c: c.execute(query).scalars().all()))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.prove)])
@pytest.mark.parametrize("kind", PATTERNS)
async def test_an_outage_of_any_length_leaves_no_hole(kind: str, seed: int) -> None:
    rng, rig = Random(seed), Rig()
    async with bench(seed=seed, extent=EXTENT, switches=Switches().unlimited()) as at:
        at.sim.switches.zoom.page_cap = 3
        provider = at.provider(kind, lookback="3d", deep_scan="9999d", plan="business")
        for _, fate in zip(range(24), fates(rng), strict=False):
            await anyio.sleep(86_400 * (0.5 + rng.random()))
            appear(at, kind, rng)
            at.sim.faults.clear()
            if fate == "off":
                continue
            wrong = faults(fate, PATTERNS[kind])
            if wrong is not None:
                at.sim.faults.add(*wrong)
            poller = Poller(
                provider, rig.resources.intake, clock=clock, rng=rng.random, report=rig.log,
                work=Signal(),
            )  # fmt: skip
            before = await rig.resources.intake.scan(provider.name)
            await poller.once()
            after = await rig.resources.intake.scan(provider.name)
            if poller.health.broken_since is None:
                assert visible(at, kind) <= await known(rig)
            elif isinstance(poller.error, PartlyRead) and poller.error.unread is not None:
                noted = await rig.resources.intake.unread(provider.name)
                missing = visible(at, kind) - await known(rig)
                assert [id_ for id_ in missing if not is_noted(at, id_, noted)] == []
            else:
                assert cursor(after) == cursor(before)
    assert rig.log.count("poll.completed")[0] > 3


def is_noted(at: Bench, uuid: str, noted: Sequence[Unread]) -> bool:
    """Whether a meeting is in a window of its host that is to be read again."""
    (meeting,) = [each for each in at.sim.world.meetings if each.uuid == uuid]
    return any(
        each.part == meeting.host.id and each.window.since <= meeting.started_at < each.window.until
        for each in noted
    )


def cursor(scan: Scan) -> tuple[object, ...]:
    return scan.covered_until, scan.deep_at, scan.polled_at
