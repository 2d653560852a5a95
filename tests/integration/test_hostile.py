"""The real fetcher, client and archive against hosts that do whatever hosts were seen to do.

Whatever happens, a file is stored byte for byte, or has failed for the right reason; and a host
is not asked more often than that takes. Rules and bugs are those of the transfer notes, (b) and
(c); the list of hosts is theirs, (e) 2 (`tests/hostile`).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import anyio
import pytest

from fakes.shelf import Shelf
from hostile import BODY, CASES, DUE, HELD, LARGEST, OVERHEAD, Case
from hosts import breaking
from proofs import each_in_turn
from reelkeep.archive.part import SMALL
from reelkeep.transport.direct_reader import ThreadReader
from servers import Wire
from stage import BRIEF, OPTIONS, Host, scene
from virtual import PATIENT, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


SEAM = 100
"""Bytes that a resume asks for again; with 64 KiB it would be all of these small files."""


WAYS = ["http-read", "http-drawn", "https-read", "https-drawn"]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, quick_trust: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the bytes come: by aiohttp, or by a thread on a connection of their own."""
    chosen: str = request.param
    monkeypatch.setattr("reelkeep.core.resume.SEAM", SEAM)
    if chosen.endswith("drawn"):
        monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", 1)
        monkeypatch.setattr("reelkeep.transport.direct_reader.TAP_FROM", 1)
        monkeypatch.setattr("reelkeep.transport.direct_reader.SLICE", 0.05)
        monkeypatch.setattr("reelkeep.transport.connection._PIECE", 1024)  # little comes with heads
    return chosen


@pytest.fixture
def tls(way: str, localhost_tls: ssl.SSLContext) -> ssl.SSLContext | None:
    return localhost_tls if way.startswith("https") else None


@dataclass(frozen=True)
class Meeting:
    """One way to meet a host: with nothing in hand or with HELD bytes, once or again and again."""

    resumed: bool
    lasting: bool

    def host(self, case: Case) -> Host:
        shelf = Shelf(BODY, etag=case.etag, modified=case.modified)
        acts = [breaking(Wire.close, at=HELD)] if self.resumed else []
        if self.lasting:
            return Host(shelf, acts, case.mischief)
        return Host(shelf, [*acts, case.mischief])

    def expected(self, case: Case) -> str:
        if not self.lasting:
            return case.once
        return case.resumed if self.resumed else case.fresh

    async def hold(self, case: Case, root: Path, tls: ssl.SSLContext | None, small: int) -> None:
        host = self.host(case)
        options = BRIEF if case.stalls else OPTIONS
        async with scene(host, root, tls=tls, small=small, options=options) as there:
            there.check(await there.settle(DUE), self.expected(case), BODY)
            assert len(there.site.seen) <= case.requests
            if case.keeps:
                assert host.served <= len(BODY) + len(there.site.seen) * OVERHEAD
            else:  # an attempt, and the one that left HELD bytes, waste a reply at most
                assert host.served <= (len(there.outcomes) + 1) * LARGEST


@pytest.mark.parametrize(("name", "way"), each_in_turn(CASES, WAYS), indirect=["way"])
async def test_bug_32_whatever_a_host_does_the_file_is_exact_or_fails_for_the_right_reason(
    name: str, way: str, tls: ssl.SSLContext | None, tmp_path: Path
) -> None:
    case = CASES[name]
    small = 0 if way == "https-drawn" else SMALL  # nothing goes by memory here, everything there
    meetings = [
        Meeting(*each) for each in product((False, True), (False, True)[: 1 + case.lasting])
    ]
    async with anyio.create_task_group() as group:
        for number, meeting in enumerate(meetings):
            group.start_soon(meeting.hold, case, tmp_path / str(number), tls, small)


async def test_small_bodies_are_drawn_here_where_they_should_be(
    way: str, tls: ssl.SSLContext | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0
    draw = ThreadReader.draw

    def counting(tap: ThreadReader, into: memoryview) -> int:
        nonlocal drawn
        count = draw(tap, into)
        drawn += count
        return count

    monkeypatch.setattr(ThreadReader, "draw", counting)
    async with scene(Host(Shelf(BODY)), tmp_path, tls=tls) as there:
        assert await there.settle(DUE) == "stored"
    assert drawn > len(BODY) // 2 if way.endswith("drawn") else drawn == 0
