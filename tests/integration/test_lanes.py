"""Large files by several requests at once, from hosts that are not up to it.

Rules 4 to 9, 35, 56 and 57 of the transfer notes, bugs 10, 11 and 13. Whatever the host does with
the ranges, the file is stored byte for byte; and little is served twice.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from aiohappyeyeballs import start_connection
from aiohttp import TCPConnector
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.holdings import download
from fakes.shelf import Shelf, media
from hosts import (
    LAST,
    Act,
    End,
    Mischief,
    another_tag,
    answering,
    breaking,
    changed,
    chunk,
    extent,
    framed,
    good,
    http_date,
    ignoring,
    on_wire,
    overlong,
    shorter,
    slice_with_200,
)
from proofs import each_in_turn
from reelkeep.core import segments
from reelkeep.core.coverage import Scale
from servers import Seen, Wire
from stage import BRIEF, OPTIONS, POLICY, Host, scene

BODY = media(2_000_000)
DUE = download(size=len(BODY))
PIECE = 200_000
SCALE = Scale(large=500_000, rest=250_000, piece=PIECE, stolen=64 << 10)
LANES = 4
KERNEL = 32 << 10
"""What is asked of the kernel for each end of a connection; it takes twice as much."""
BUFFERS = 5 * KERNEL + (32 << 10)
"""What lies between the host and us of a connection that is dropped."""

WAYS = ["http-drawn", "http-gathered", "https-drawn", "https-gathered"]
"""How the bytes of the ranges come: by a thread each, or in chunks by the loop."""


def small_socket(address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL)
    return made


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelkeep.core.resume.SEAM", 1000)
    connector = partial(TCPConnector, socket_factory=small_socket)
    monkeypatch.setattr("reelkeep.transport.pooled.TCPConnector", connector)
    starting = partial(start_connection, socket_factory=small_socket)
    monkeypatch.setattr("reelkeep.transport.dialer.start_connection", starting)


def direct_from(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let bodies of `size` bytes and more have a connection and a thread of their own."""
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", size)
    monkeypatch.setattr("reelkeep.transport.direct_reader.TAP_FROM", size)


@pytest.fixture(params=WAYS)
def tls(
    request: pytest.FixtureRequest,
    quick_trust: None,
    localhost_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> ssl.SSLContext | None:
    drawn_from = 1 if request.param.endswith("drawn") else PIECE + 1
    direct_from(drawn_from, monkeypatch)
    return localhost_tls if request.param.startswith("https") else None


staged = partial(scene, lanes=LANES, scale=SCALE, buffer=KERNEL, small=0)


@dataclass(frozen=True)
class Case:
    """What the requests for ranges are answered with, one after the other; then all is well."""

    ranges: Sequence[Mischief]
    attempts: int = 1  #: It takes so many at most.
    fetched: int = 1  #: Nor is the file served more often, but for what was on its way.
    stalls: bool = False  #: It takes a stall to go on.


def shifted(by: int) -> Mischief:
    """A range that is another one, and says so truly."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        (start, stop), size = extent(shelf(seen.headers)), len(shelf.content)
        told = {"Content-Range": f"bytes {start + by}-{stop + by - 1}/{size}"}
        return on_wire(shelf.reply(206, shelf.content[start + by : stop + by], told))

    return act


def to_the_end(seen: Seen, shelf: Shelf) -> Act:
    """More than was asked for: all from there on, and it says so."""
    (start, _), size = extent(shelf(seen.headers)), len(shelf.content)
    told = {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
    return on_wire(shelf.reply(206, shelf.content[start:], told))


def page(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    start, stop = extent(reply)
    content = b"<html>".ljust(stop - start)
    return on_wire(
        replace(reply, headers={**reply.headers, "Content-Type": "text/html"}, pieces=[content])
    )


CASES = {
    "good": Case([]),
    "chunked": Case([framed(lambda body: chunk(body) + LAST)] * 20),
    "rule-56-ignored-always": Case([ignoring] * 50, fetched=2),
    "rule-56-ignored-once": Case([ignoring], fetched=2),
    "rule-56-ignored-late": Case([good, good, good, ignoring], fetched=2),
    "rule-11-200-with-a-range": Case([good, slice_with_200], fetched=2),
    "rule-13-416": Case([good, answering(416, b"no")], fetched=2),
    "rule-8-one-before": Case([shifted(-1)], attempts=2, fetched=2),
    "rule-8-one-after": Case([good, shifted(1)], attempts=2, fetched=2),
    "rule-8-far-away": Case([good, shifted(-PIECE)], attempts=2, fetched=2),
    "rule-8-other-total": Case(
        [changed(Content_Range="bytes {start}-{end}/{more}")], attempts=2, fetched=2
    ),
    "rule-8-no-total": Case(
        [changed(Content_Range="bytes {start}-{end}/*")], attempts=2, fetched=2
    ),
    "rule-8-no-range": Case([changed(Content_Range="")], attempts=2, fetched=2),
    "rule-8-other-unit": Case(
        [changed(Content_Range="items {start}-{end}/{size}")], attempts=2, fetched=2
    ),
    "rule-8-to-the-end": Case([good, to_the_end], attempts=2, fetched=2),
    "rule-8-one-more": Case(
        [changed(Content_Range="bytes {start}-{last}/{size}")], attempts=2, fetched=2
    ),
    "rule-8-overlong": Case([overlong], attempts=2, fetched=2),
    "rule-12-multipart": Case(
        [changed(Content_Type="multipart/byteranges; boundary=b")], attempts=2, fetched=2
    ),
    "rule-15-gzip": Case([changed(Content_Encoding="gzip")], attempts=2, fetched=2),
    "rule-6-other-tag": Case([good, changed(ETag='"v2"')], attempts=2, fetched=2),
    "rule-6-weakened": Case([good, changed(ETag='W/"v1"')], attempts=2, fetched=2),
    "rule-6-another-each-time": Case([another_tag], attempts=3, fetched=3),
    "rule-18-html": Case([good, page], attempts=2),
    "rule-9-short": Case([shorter(50_000)] * 20),
    "rule-9-crumbs": Case([shorter(10)] * 30),
    "rule-9-none-of-it": Case(
        [changed(Content_Range="bytes {start}-{end}/{size}", Content_Length="0")],
        attempts=2, fetched=2,
    ),
    "cut": Case([breaking(Wire.close)] * 3 + [good, breaking(Wire.close)], attempts=3),
    "cut-at-once": Case([breaking(Wire.close, at=0)] * 4, attempts=3),
    "reset": Case([breaking(Wire.reset), good, breaking(Wire.reset)], attempts=2),
    "chunked-cut": Case([breaking(Wire.close, framing="chunked")] * 2, attempts=2),
    "truncated": Case([breaking(Wire.truncate)] * 2, attempts=2),
    "garbled": Case([breaking(Wire.garble)] * 2, attempts=2),
    "rule-55-stalled": Case([breaking(Wire.hang)], attempts=2, stalls=True),
    "rule-55-all-stalled": Case([breaking(Wire.hang)] * LANES, attempts=2, stalls=True),
    "rule-57-throttled": Case([good, answering(429, Retry_After="0")], attempts=2),
    "rule-57-throttled-until": Case(
        [answering(503, Retry_After=http_date(1)), good, good], attempts=2
    ),
    "rule-50-out-of-order": Case([answering(500), good, answering(502)], attempts=2),
    "rule-22-run-out": Case([answering(403), good, good, answering(410)], attempts=2),
}  # fmt: skip


def spans(asked: Sequence[str | None]) -> list[tuple[int, int]]:
    """Return the first byte of each range that was asked for, and its last."""
    told = [each.removeprefix("bytes=").partition("-") for each in asked if each is not None]
    return [(int(start), int(end)) for start, _, end in told if end]


def inside(asked: Sequence[str | None]) -> int:
    """Return how many ranges began within an earlier one: what had that was perhaps dropped."""
    found = spans(asked)
    return sum(
        any(start < at <= end for start, end in found[:number])
        for number, (at, _) in enumerate(found)
    )


@pytest.mark.parametrize(("name", "tls"), each_in_turn(CASES, WAYS), indirect=["tls"])
async def test_a_large_file_is_exact_whatever_its_ranges_are(
    name: str, tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    case = CASES[name]
    host = Host(Shelf(BODY), [good, *case.ranges])
    options = BRIEF if case.stalls else OPTIONS
    async with staged(host, tmp_path, tls=tls, options=options) as there:
        there.check(await there.settle(DUE), "stored", BODY)
        asked = [seen.headers.get("Range") for seen in there.site.seen]
        assert len(there.outcomes) <= case.attempts, there.outcomes
    assert any(each and not each.endswith("-") for each in asked)
    assert len(asked) <= 30 + len(case.ranges)
    dropped = LANES * (case.attempts + case.fetched - 1) + inside(asked)
    assert host.served <= case.fetched * len(BODY) + dropped * BUFFERS + 400 * len(asked)


async def test_rule_7_every_range_is_asked_for_of_this_version_only(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    host = Host(Shelf(BODY))
    async with staged(host, tmp_path, tls=tls) as there:
        assert await there.settle(DUE) == "stored"
        first, *ranged = there.site.seen
    assert "Range" not in first.headers
    assert {seen.headers["If-Range"] for seen in ranged} == {'"v1"'}
    found = spans([seen.headers["Range"] for seen in ranged])
    assert len(found) == len(ranged)
    assert all(start <= end < len(BODY) for start, end in found)


async def test_rule_7_a_file_that_changes_under_the_lanes_is_fetched_anew(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    """Its host says 200 to what is asked of the old version; no byte of that is left."""
    other = BODY.replace(b"mp42", b"isom")
    old, new = Shelf(BODY), Shelf(other, etag='"v2"')
    host = Host(new, [lambda seen, _: good(seen, old)] * 3)
    async with staged(host, tmp_path, tls=tls) as there:
        there.check(await there.settle(DUE), "stored", other)
        assert len(there.outcomes) == 2


async def test_bugs_10_and_17_where_ranges_are_ignored_one_stream_brings_it_without_a_failure(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    host = Host(Shelf(BODY, ranges=False))
    async with staged(host, tmp_path, tls=tls) as there:
        for name in ("a.mp4", "b.mp4"):
            due = download(name, size=len(BODY))
            assert await there.settle(due) == "stored"
        asked = [seen.headers.get("Range") for seen in there.site.seen]
        assert len(there.outcomes) == 2
    assert None in asked[1:]
    assert asked[-1] is None
    assert sum(each is not None for each in asked) <= LANES  # the second file asks for none


@pytest.mark.parametrize(
    "shelf",
    [
        pytest.param(Shelf(BODY, etag=None), id="no-validator"),
        pytest.param(Shelf(BODY, etag='W/"v1"'), id="weak"),
        pytest.param(Shelf(BODY, headers={"Accept-Ranges": "none"}), id="no-ranges"),
        pytest.param(Shelf(media(400_000)), id="small"),
    ],
)
async def test_rule_56_one_stream_is_the_rule(
    shelf: Shelf, quick_trust: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct_from(1, monkeypatch)
    async with staged(Host(shelf), tmp_path) as there:
        due = download(size=len(shelf.content))
        there.check(await there.settle(due), "stored", shelf.content)
        assert len(there.site.seen) == 1


async def test_rule_35_the_digest_is_of_the_whole_file_in_order(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    """Lanes finish in any order: here the first piece comes last."""
    slow = Host(Shelf(BODY))

    async def host(seen: Seen, wire: Wire) -> None:
        if "Range" not in seen.headers:
            pieces = good(seen, slow.shelf).pieces
            await slow.play(Act([pieces[0], pieces[1][:50_000]], pause=0.3), wire)
            await slow.play(Act([pieces[1][50_000:]]), wire)
        else:
            await slow(seen, wire)

    async with staged(host, tmp_path, tls=tls) as there:
        there.check(await there.settle(DUE), "stored", BODY)
        assert len(there.outcomes) == 1


async def test_the_rest_of_a_slow_lane_is_taken_over(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    """One range comes at 80 kB a second; the others do not wait for it."""
    host = Host(Shelf(BODY))
    slow: list[str] = []

    async def half_asleep(seen: Seen, wire: Wire) -> None:
        if "Range" in seen.headers and not slow:
            slow.append(seen.headers["Range"])
            head, body = good(seen, host.shelf).pieces
            drops = [body[at : at + 4000] for at in range(0, len(body), 4000)]
            await host.play(Act([head, *drops], pause=0.05), wire)
        else:
            await host(seen, wire)

    async with staged(half_asleep, tmp_path, tls=tls) as there:
        there.check(await there.settle(DUE), "stored", BODY)
        asked = [seen.headers["Range"] for seen in there.site.seen[1:]]
        assert len(there.outcomes) == 1
    last = slow[0].partition("-")[2]
    assert sum(each.endswith(f"-{last}") for each in asked) >= 2
    assert host.served <= len(BODY) + (LANES + 2) * BUFFERS


@pytest.mark.parametrize("per_host", [1, 2, 3])
async def test_files_that_share_few_connections_do_not_wait_for_each_other(
    per_host: int, tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    """A lane leaves the reply that it does not need any more before it asks for another."""
    host = Host(Shelf(BODY))
    options = replace(OPTIONS, per_host=per_host)
    async with staged(host, tmp_path, tls=tls, options=options) as there:
        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                for number in range(3):
                    due = download(f"{number}.mp4", size=len(BODY))
                    group.start_soon(there.settle, due)
        assert there.finished() == [BODY] * 3


async def test_rule_57_a_host_that_finds_them_too_many_gets_fewer(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    """It bears two requests at a time."""
    shelf, at_once, most = Shelf(BODY), 0, 0
    inner = Host(shelf)

    async def host(seen: Seen, wire: Wire) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            too_many = at_once > 2
            act = answering(429, Retry_After="0") if too_many else good
            pieces = act(seen, shelf).pieces
            await inner.play(Act([pieces[0]], pause=0.02), wire)
        finally:
            at_once -= 1  # before the end: who has it asks again before the host knows
        await inner.play(Act(pieces[1:]), wire)

    async with staged(host, tmp_path, tls=tls) as there:
        policy = replace(POLICY, attempts=8)
        assert await there.settle(DUE, policy=policy) == "stored"
        throttled = len(there.outcomes)
        most = 0
        due = download("second.mp4", size=len(BODY))
        assert await there.settle(due, policy=policy) == "stored"
        assert len(there.outcomes) == throttled + 1
    assert most < LANES  # two or three: a connection that ends may still count at its host
    assert throttled <= LANES


async def test_crumbs_without_end_are_left_for_later(
    tls: ssl.SSLContext | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SHORT_REPLIES", 10)
    host = Host(Shelf(BODY), [good], then=shorter(10))
    async with staged(host, tmp_path, tls=tls) as there:
        await there.operator.fetch(DUE)
        assert len(there.site.seen) <= 10 + 2 * LANES
        assert there.finished() == []


async def test_a_range_without_an_end_is_not_read_without_end(
    tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    """It is framed in chunks, so that only its own word says how long it is."""

    async def endless(seen: Seen, wire: Wire) -> None:
        if "Range" not in seen.headers:
            await host(seen, wire)
            return
        head, _ = framed(lambda _: b"")(seen, host.shelf).pieces
        await host.play(Act([head, *[chunk(b"x" * 60_000)] * 1000]), wire)

    host = Host(Shelf(BODY))
    async with staged(endless, tmp_path, tls=tls) as there:
        await there.operator.fetch(DUE)
    assert there.finished() == []
    assert host.served <= len(BODY) + LANES * (PIECE + 60_000 + 10 * BUFFERS)


ends = st.sampled_from([Wire.close, Wire.reset])


@dataclass
class Cuts:
    """A host whose n-th reply breaks after so many bytes."""

    shelf: Shelf
    cuts: list[tuple[int, End]]
    inner: Host = field(init=False)

    def __post_init__(self) -> None:
        self.inner = Host(self.shelf, [breaking(end, at=at) for at, end in self.cuts])


@pytest.mark.parametrize("https", [False, True], ids=["http", "https"])
@settings(
    max_examples=15,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 250_000), ends), max_size=8),
    size=st.integers(600_000, 1_500_000),
    drawn=st.booleans(),
)
def test_bugs_8_and_13_wherever_the_lanes_are_cut_little_is_served_twice(
    cuts: list[tuple[int, End]],
    size: int,
    drawn: bool,
    https: bool,
    quick_trust: None,
    localhost_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    direct_from(1 if drawn else PIECE + 1, monkeypatch)
    body = media(size)
    host = Host(Shelf(body), [breaking(end, at=at) for at, end in cuts])

    async def main() -> None:
        with TemporaryDirectory() as root:
            tls = localhost_tls if https else None
            async with staged(host, Path(root), tls=tls) as there:
                policy = replace(POLICY, attempts=len(cuts) + 2)
                ended = await there.settle(download(size=size), policy=policy)
                there.check(ended, "stored", body)
                assert len(there.outcomes) <= len(cuts) + 1

    anyio.run(main)
    lost = sum(512 if end is Wire.close else at for at, end in cuts)
    dropped = (LANES + len(cuts)) * BUFFERS
    assert host.served <= size + lost + dropped
