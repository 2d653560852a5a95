"""Several requests for one file, without a network; with one: `integration/test_lanes.py`."""

from __future__ import annotations

from contextlib import nullcontext

import anyio
import pytest

from fakes.archive import MemoryArchive
from fakes.attempts import URL, Desk
from fakes.holdings import download
from fakes.shelf import Shelf, media
from fakes.transport import FakeReply, FakeTransport
from reelkeep.core.coverage import Scale, Segment
from reelkeep.core.model import Locator
from reelkeep.errors import WrongBytes
from reelkeep.ports import Part, Request, Source
from reelkeep.stages.body import gather
from reelkeep.stages.request import RequestSender
from reelkeep.stages.segments import SegmentedDownloads, Target
from simulation.loop import SimLoop
from unit.archive.test_scattered import Given
from virtual import Backend, clock

BODY = media(40_000)
DUE = download(size=len(BODY))
SCALE = Scale(large=1, rest=1, piece=1000, stolen=100)


@pytest.fixture
def anyio_backend() -> Backend:
    return "asyncio", {"loop_factory": SimLoop}  # it raises if work goes on and on in no time


async def with_an_unproven_place(part: Part) -> None:
    """Let two runs meet at byte 2000."""
    await part.begin(validator='"v1"', total=len(BODY), promises={})
    coverage = await part.scatter(len(BODY))
    claims = [coverage.claim(Scale(piece=2000)) for _ in range(2)]
    for claim in claims:
        assert claim is not None
        await part.fill(Given(BODY[claim.start : claim.end]), 2000, claim)
        coverage.doubt(2000)
        coverage.release(claim)


@pytest.mark.parametrize("lost", [False, True])
async def test_each_unproven_place_that_an_attempt_left_is_compared_by_the_next_one(
    lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelkeep.core.resume.SEAM", 100)
    transport = FakeTransport(lambda request: Shelf(BODY, etag='"v1"')(request.headers))
    archive = MemoryArchive()
    operator = Desk(transport, archive, lanes=4)
    lanes = SegmentedDownloads(
        RequestSender(transport, clock=clock, report=operator.log),
        operator.transfers,
        operator.slots,
        SCALE,
    )
    with operator.transfers.begin_transfer(DUE, 0.0) as transfer:
        async with archive.part(DUE) as part:
            await with_an_unproven_place(part)
            if lost:
                archive.unfinished[DUE.key, DUE.file].content[1990] ^= 1
            with pytest.raises(WrongBytes) if lost else nullcontext():
                assert await lanes.prove_seams(Target(part, Locator(URL), transfer))
            assert part.held.size == (2000 if lost else 4000)
    ranges = [request.headers["Range"] for request in transport.requests]
    assert ranges == ["bytes=1900-1999", "bytes=3900-3999"][: 1 if lost else 2]


@pytest.mark.parametrize("written", [-1, 0, 1])
async def test_what_came_and_is_not_written_is_found(written: int) -> None:
    claim = Segment(number=0, start=0, end=5000, at=0, reach=0)

    async def fill(source: Source, most: int, claim: Segment) -> None:
        claim.at += source.draw(memoryview(bytearray(most))) + written

    async with FakeTransport([FakeReply.of(BODY[:3000])]).open(Request(url=URL)) as reply:
        with nullcontext() if written == 0 else pytest.raises(WrongBytes):
            await gather(reply, claim, 3000, fill)


async def test_what_came_and_was_another_s_by_then_is_not_missed() -> None:
    claim = Segment(number=0, start=0, end=5000, at=0, reach=0)

    async def fill(source: Source, most: int, claim: Segment) -> None:
        claim.end = 2000
        claim.at += source.draw(memoryview(bytearray(min(most, claim.left))))

    async with FakeTransport([FakeReply.of(BODY[:3000])]).open(Request(url=URL)) as reply:
        await gather(reply, claim, 3000, fill)
    assert claim.at == 2000


async def test_lanes_that_are_torn_away_recruit_no_others() -> None:
    transport = FakeTransport(lambda request: Shelf(BODY)(request.headers))
    archive = MemoryArchive()
    operator = Desk(transport, archive, lanes=4)
    asker = RequestSender(transport, clock=clock, report=operator.log)
    lanes = SegmentedDownloads(asker, operator.transfers, operator.slots, SCALE)
    with operator.transfers.begin_transfer(DUE, 0.0) as transfer:
        async with archive.part(DUE) as part:
            await part.begin(validator='"v1"', total=len(BODY), promises={})
            with anyio.CancelScope() as scope:
                scope.cancel()
                async with lanes.open(Target(part, Locator(URL), transfer)) as segments:
                    await segments.begin()
                    await segments.finish()
    assert scope.cancelled_caught
    assert transport.requests == []
