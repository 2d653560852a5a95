"""What makes a poll read the whole span again."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.rig import Rig
from fakes.zoom import Bench, page
from reelkeep.ports import Provider
from reelkeep.stages.poll import Poller
from reelkeep.stages.signals import Signal
from virtual import VIRTUAL, Backend, clock

MEETINGS, SESSIONS = "/users/u-1/recordings", "/videosdk/recordings"

EARLIER, LATER = "2019-03-01", "2024-03-01"


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def test_the_scope_of_meetings_moves_with_since() -> None:
    bench = Bench()
    scopes = {bench.meetings(since=since).traits.scope for since in (EARLIER, "2020-01-01", LATER)}
    assert len(scopes) == 3


def test_the_scope_of_sessions_moves_with_since() -> None:
    bench = Bench()
    scopes = {bench.sdk(since=since).traits.scope for since in (EARLIER, "2020-01-01", LATER)}
    assert len(scopes) == 3


@pytest.mark.parametrize(
    "change", [{"since": "2020-01-01T01:00:00+01:00"}, {"interval": "1h"}, {"plan": "free"}]
)
def test_the_scope_stays_when_the_same_is_listed(change: dict[str, Any]) -> None:
    bench = Bench()
    assert bench.meetings(**change).traits.scope == bench.meetings().traits.scope
    assert bench.sdk(**change).traits.scope == bench.sdk().traits.scope


async def polled(rig: Rig, provider: Provider) -> None:
    poller = Poller(
        provider, rig.resources.intake, clock=clock, rng=rig.rng, report=rig.log, work=Signal()
    )
    await poller.once()


@pytest.mark.parametrize("kind", ["meetings", "sdk"])
async def test_the_poll_after_since_moved_back_reads_from_there(kind: str) -> None:
    bench, rig = Bench(clock=clock), Rig()
    path = {"meetings": MEETINGS, "sdk": SESSIONS}[kind]
    bench.script.on(path, page([], name={"meetings": "meetings", "sdk": "sessions"}[kind]))
    build = {"meetings": bench.meetings, "sdk": bench.sdk}[kind]
    await polled(rig, build(since="2025-12-20"))
    await polled(rig, build(since="2025-12-20"))
    bench.script.asked.clear()
    await polled(rig, build(since="2025-11-15"))
    assert bench.script.at(path)[0].query["from"] == "2025-11-15"
