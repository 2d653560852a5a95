"""A resume compares what is held with what the host sends of the same place."""

from __future__ import annotations

import pytest

from fakes.archive import MemoryArchive
from fakes.attempts import Desk
from fakes.holdings import download
from fakes.shelf import Shelf, media
from fakes.transport import FakeReply, FakeTransport
from reelkeep.core.coverage import Scale
from reelkeep.core.model import Failed, Stored
from reelkeep.core.resume import SEAM
from reelkeep.errors import Unreachable, WrongBytes
from reelkeep.ports import Request

BODY = media(400_000)
DUE = download(size=len(BODY))
HELD = 200_000
CUT = FakeReply(
    headers={"ETag": '"v1"', "Content-Length": str(len(BODY))},
    pieces=[BODY[:HELD], Unreachable("cut")],
)


class Bench:
    """A host that breaks off once, and a part that may be changed before the next attempt."""

    def __init__(self, shelf: Shelf | None = None, *, most: int | None = None) -> None:
        self.shelf = shelf or Shelf(BODY)
        self.most = most
        self.transport = FakeTransport(self._answer)
        self.archive = MemoryArchive()
        self.operator = Desk(self.transport, self.archive)

    async def broken(self) -> bytearray:
        """Return the bytes that the first attempt left."""
        assert isinstance(await self.operator.fetch(DUE), Failed)
        return self.archive.unfinished[DUE.key, DUE.file].content

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("Range") for request in self.transport.requests]

    @property
    def kept(self) -> bytes:
        return self.archive.waiting[DUE.key, DUE.file]

    def _answer(self, request: Request) -> FakeReply:
        if len(self.transport.requests) == 1:
            return CUT
        answer = self.shelf(request.headers)
        if answer.status != 206 or self.most is None:
            return answer
        (body,) = answer.pieces
        assert isinstance(body, bytes)
        start = int(answer.headers["Content-Range"].removeprefix("bytes ").partition("-")[0])
        end = min(len(BODY), start + self.most)
        headers = {"ETag": '"v1"', "Content-Range": f"bytes {start}-{end - 1}/{len(BODY)}"}
        return FakeReply(status=206, headers=headers, pieces=[body[: end - start]])


async def test_64_kib_before_the_missing_bytes_are_asked_for_and_compared() -> None:
    there = Bench()
    await there.broken()
    outcome = await there.operator.fetch(DUE)
    assert isinstance(outcome, Stored)
    assert there.kept == BODY
    assert there.ranges == [None, f"bytes={HELD - SEAM}-"]


@pytest.mark.parametrize("at", [HELD - SEAM, HELD - 100, HELD - 1])
async def test_held_bytes_that_differ_are_worth_nothing(at: int) -> None:
    there = Bench()
    held = await there.broken()
    held[at] ^= 1
    outcome = await there.operator.fetch(DUE)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, WrongBytes)
    assert there.archive.unfinished[DUE.key, DUE.file].content == b""
    ((_, keys),) = [each for each in there.operator.log.events if each[0] == "file.discarded"]
    assert (keys["bytes"], keys["code"], keys["file"]) == (HELD, "io_error", DUE.name)
    assert isinstance(await there.operator.fetch(DUE), Stored)
    assert there.kept == BODY
    assert there.ranges[-1] is None


async def test_bytes_that_were_lost_far_before_the_seam_move_it() -> None:
    """This is how a loss shows, wherever in the held bytes it happened."""
    there = Bench()
    held = await there.broken()
    del held[1000:2000]
    outcome = await there.operator.fetch(DUE)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, WrongBytes)


async def test_a_seam_may_come_in_several_replies() -> None:
    there = Bench(most=50_000)
    await there.broken()
    assert isinstance(await there.operator.fetch(DUE), Stored)
    assert there.kept == BODY
    assert there.ranges[1:4] == [
        f"bytes={HELD - SEAM}-", f"bytes={HELD - SEAM + 50_000}-", "bytes=168928-"
    ]  # fmt: skip


async def scattered() -> tuple[MemoryArchive, Desk, FakeTransport]:
    """Return an archive with a part that holds two runs of bytes."""
    transport = FakeTransport(lambda request: Shelf(BODY)(request.headers))
    archive = MemoryArchive()
    scale = Scale(large=1, rest=1, piece=100_000, stolen=100)
    async with archive.part(DUE) as part:
        await part.begin(validator='"v1"', total=len(BODY), promises={})
        await part.write([BODY[:80_000]])
        coverage = await part.scatter(len(BODY))
        gap, island = coverage.claim(scale), coverage.claim(scale)
        assert gap is not None
        assert island is not None
        archive.unfinished[DUE.key, DUE.file].content[:] = BODY[: island.end]
        island.at = island.end
        coverage.release(gap)
        coverage.release(island)
    return archive, Desk(transport, archive, lanes=2, scale=scale), transport


async def test_each_run_of_a_part_in_pieces_is_compared_at_its_end() -> None:
    archive, operator, transport = await scattered()
    assert isinstance(await operator.fetch(DUE), Stored)
    assert archive.waiting[DUE.key, DUE.file] == BODY
    seams = [request.headers["Range"] for request in transport.requests[:2]]
    assert seams == [f"bytes={80_000 - SEAM}-79999", f"bytes={280_000 - SEAM}-279999"]


@pytest.mark.parametrize("at", [79_999, 279_999])
async def test_a_run_that_differs_discards_all_of_the_part(at: int) -> None:
    archive, operator, _ = await scattered()
    archive.unfinished[DUE.key, DUE.file].content[at] ^= 1
    outcome = await operator.fetch(DUE)
    assert isinstance(outcome, Failed)
    assert isinstance(outcome.error, WrongBytes)
    assert archive.unfinished[DUE.key, DUE.file].content == b""
    assert isinstance(await operator.fetch(DUE), Stored)
