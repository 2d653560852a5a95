"""Several requests for one file, without a network; with one: `integration/test_lanes.py`."""

from __future__ import annotations

import anyio
import pytest

from fakes.archive import MemoryArchive
from fakes.attempts import URL, Desk
from fakes.holdings import download
from fakes.shelf import Shelf, media
from fakes.transport import FakeTransport
from reelkeep.core.coverage import Scale
from reelkeep.core.model import Locator
from reelkeep.stages.request import Asker
from reelkeep.stages.segments import Lanes
from simulation.loop import SimLoop
from virtual import Backend, clock

BODY = media(40_000)
DUE = download(size=len(BODY))
SCALE = Scale(large=1, rest=1, piece=1000, stolen=100)


@pytest.fixture
def anyio_backend() -> Backend:
    return "asyncio", {"loop_factory": SimLoop}  # it raises if work goes on and on in no time


async def test_lanes_that_are_torn_away_recruit_no_others() -> None:
    transport = FakeTransport(lambda request: Shelf(BODY)(request.headers))
    archive = MemoryArchive()
    desk = Desk(transport, archive, lanes=4)
    asker = Asker(transport, clock=clock, report=desk.log)
    lanes = Lanes(asker, desk.flights, desk.hands, SCALE)
    with desk.flights.begin_transfer(DUE, 0.0) as flight:
        async with archive.part(DUE) as part:
            await part.begin(validator='"v1"', total=len(BODY), promises={})
            with anyio.CancelScope() as scope:
                scope.cancel()
                await lanes.complete(part, Locator(URL), flight)
    assert scope.cancelled_caught
    assert transport.requests == []
