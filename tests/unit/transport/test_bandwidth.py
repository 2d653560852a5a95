"""A shared bandwidth, in virtual time."""

from __future__ import annotations

from contextlib import aclosing

import anyio
import pytest

from fakes.transport import FakeReply, FakeTransport
from reelkeep.ports import Request
from reelkeep.transport import Bandwidth
from virtual import VIRTUAL, Backend

PIECES = (b"x" * 1000,) * 10


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def read(transport: Bandwidth) -> int:
    size = 0
    async with transport.open(Request(url="https://example.test/f")) as reply:
        assert (reply.status, reply.hops, reply.origin) == (200, 0, "https://example.test")
        assert reply.headers["content-type"] == "video/mp4"
        async for piece in reply.chunks():
            size += len(piece)
    return size


def media() -> FakeReply:
    return FakeReply(headers={"Content-Type": "video/mp4"}, pieces=PIECES)


async def test_one_transfer_takes_as_long_as_the_bandwidth_says() -> None:
    began = anyio.current_time()

    assert await read(Bandwidth(FakeTransport([media()]), rate=1000)) == 10_000

    assert anyio.current_time() - began == pytest.approx(10)


async def test_all_transfers_together_share_it() -> None:
    transport = Bandwidth(FakeTransport([media(), media(), media()]), rate=1000)
    began = anyio.current_time()

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(read, transport)

    assert anyio.current_time() - began == pytest.approx(30)


async def test_silence_is_not_saved_up() -> None:
    """After an idle hour the next transfer is as slow as any: smooth within a second."""
    transport = Bandwidth(FakeTransport([media(), media()]), rate=1000)
    await read(transport)
    await anyio.sleep(3600)
    began = anyio.current_time()

    await read(transport)

    assert anyio.current_time() - began == pytest.approx(10)


async def after(seconds: float, transport: Bandwidth, rate: int | None) -> None:
    await anyio.sleep(seconds)
    transport.limit(rate)


@pytest.mark.parametrize(
    ("before", "then", "whole"), [(1000, 2000, 7.5), (1000, 500, 15), (1000, None, 5)]
)
async def test_another_limit_holds_for_what_is_under_way(
    before: int, then: int | None, whole: float
) -> None:
    transport = Bandwidth(FakeTransport([media()]), rate=before)
    began = anyio.current_time()

    async with anyio.create_task_group() as group:
        group.start_soon(after, 5, transport, then)
        await read(transport)
        took = anyio.current_time() - began

    assert took == pytest.approx(whole, abs=0.1)


async def test_a_first_limit_holds_for_what_comes_then() -> None:
    gate = anyio.Event()
    reply = FakeReply(headers={"Content-Type": "video/mp4"}, pieces=[*PIECES, gate, *PIECES])
    transport = Bandwidth(FakeTransport([reply]), rate=None)
    began = anyio.current_time()

    async with anyio.create_task_group() as group:
        group.start_soon(read, transport)
        await anyio.sleep(5)
        transport.limit(1000)
        gate.set()

    assert anyio.current_time() - began == pytest.approx(15, abs=0.1)


async def test_what_follows_the_head_is_drawn_to_the_byte() -> None:
    """Whatever was left of the piece that the head was cut from."""
    body = bytes(range(256)) * 100
    headers = {"Content-Length": str(len(body)), "Content-Type": "video/mp4"}
    reply = FakeReply(headers=headers, pieces=[body[:20_000], body[20_000:]], drawn=True)
    transport = Bandwidth(FakeTransport([reply]), rate=10_000)
    came = bytearray()

    async with (
        transport.open(Request(url="https://example.test/f")) as answer,
        aclosing(answer.chunks()) as pieces,
    ):
        came += await anext(pieces)
        async with answer.tap() as tap:
            assert tap is not None
            while tap.left:
                into = memoryview(bytearray(await tap.grant()))
                came += into[: tap.draw(into)]

    assert came == body


async def test_a_first_limit_does_not_charge_for_what_was_drawn_before() -> None:
    """It holds from the next slice on; one that is under way is over soon."""
    body, gate = bytes(20_000), anyio.Event()
    headers = {"Content-Length": str(len(body)), "Content-Type": "video/mp4"}
    reply = FakeReply(
        headers=headers, pieces=[body[:10_000], gate, b"1", body[10_001:]], drawn=True
    )
    transport = Bandwidth(FakeTransport([reply]), rate=None)
    came = 0

    async def draw() -> None:
        nonlocal came
        request = Request(url="https://example.test/f")
        async with transport.open(request) as answer, answer.tap() as tap:
            assert tap is not None
            while tap.left:
                came += tap.draw(memoryview(bytearray(await tap.grant())))

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(draw)
        await anyio.sleep(5)
        assert came == 10_000
        transport.limit(1000)
        gate.set()

    assert came == len(body)
    assert anyio.current_time() - began == pytest.approx(15, abs=0.5)


RATE = 1_000_000
STREAMS = 8


async def read_noting(transport: Bandwidth, came: list[tuple[float, int]]) -> None:
    async with transport.open(Request(url="https://example.test/f")) as reply:
        came.extend([(anyio.current_time(), len(piece)) async for piece in reply.chunks()])


async def drawn_noting(transport: Bandwidth, came: list[tuple[float, int]]) -> None:
    into = memoryview(bytearray(1 << 20))
    async with transport.open(Request(url="https://example.test/f")) as reply, reply.tap() as tap:
        assert tap is not None
        while tap.left:
            most = await tap.grant()
            came.append((anyio.current_time(), tap.draw(into[:most])))


def by_the_second(came: list[tuple[float, int]]) -> list[int]:
    """Return what came in each whole second, wherever it begins, to a fiftieth."""
    steps = [0] * (int(max(at for at, _ in came) * 50) + 1)
    for at, count in came:
        steps[int(at * 50)] += count
    return [sum(steps[begin : begin + 50]) for begin in range(len(steps) - 50)]


@pytest.mark.parametrize(
    ("drawn", "piece"), [(0, 1000), (0, 300_000), (STREAMS // 2, 300_000), (STREAMS, 300_000)]
)
async def test_rule_57_every_second_has_its_share_and_hardly_more(drawn: int, piece: int) -> None:
    """Hosts would send all at once; each stream may be a grain ahead, and none is held up."""
    pieces = (b"x" * piece,) * (1_200_000 // piece)
    size = {"Content-Length": str(piece * len(pieces))}
    replies = [FakeReply(headers=size, pieces=pieces, drawn=n < drawn) for n in range(STREAMS)]
    transport = Bandwidth(FakeTransport(replies), rate=RATE)
    grains = STREAMS * (transport.grain or 0)
    came: list[tuple[float, int]] = []

    async with anyio.create_task_group() as group:
        for number in range(STREAMS):
            group.start_soon(drawn_noting if number < drawn else read_noting, transport, came)

    assert sum(n for _, n in came) == STREAMS * piece * len(pieces)
    seconds = by_the_second(came)
    assert len(seconds) > 8 * 50
    assert max(seconds) <= RATE + grains
    assert min(seconds) >= RATE - grains
