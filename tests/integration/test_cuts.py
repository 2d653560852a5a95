"""Connections that break wherever they like: all bytes come, and hardly any comes twice.

Waiting takes no time here, so that a file may be cut as often as a policy allows.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fakes.holdings import download
from fakes.shelf import Shelf, media
from hostile import BODY, DUE, HELD
from hosts import End, Mischief, breaking
from reelkeep.core.media import HEAD_BYTES
from reelkeep.core.retry import Policy
from servers import Wire
from stage import Host, scene
from virtual import PATIENT, Backend, PatientLoop, clock

LARGEST = 300_000
HEADS = 200
"""Bytes of a head, and of the frames of chunks."""

SEAM = 100
"""Bytes that a resume asks for again; 64 KiB would be all of these small files."""

WAYS = {"read": 1 << 20, "drawn": 1}
"""How the bytes come, and from how many on threads draw them."""


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelkeep.core.resume.SEAM", SEAM)
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", WAYS[request.param])
    monkeypatch.setattr("reelkeep.transport.direct_reader.TAP_FROM", WAYS[request.param])
    monkeypatch.setattr("reelkeep.transport.direct_reader.SLICE", 0.05)


Cut = tuple[int, End, str]
ENDS = st.sampled_from([Wire.close, Wire.reset, Wire.truncate, Wire.garble])
CUTS = st.lists(
    st.tuples(st.integers(0, LARGEST), ENDS, st.sampled_from(["length", "chunked"])), max_size=6
)


def of(cuts: Sequence[Cut]) -> list[Mischief]:
    return [breaking(end, framing=framing, at=at) for at, end, framing in cuts]


async def cut_up(
    cuts: Sequence[Cut], size: int, root: Path, tls: ssl.SSLContext | None, small: int
) -> None:
    """Fetch a file of `size` bytes whose first replies are cut so; see that it is exact.

    A cut costs the first bytes, of which it takes some to know a file; and asyncio drops what it
    deciphered together with what nobody can decipher.
    """
    body = media(size)
    host = Host(Shelf(body), of(cuts))
    policy = Policy(attempts=len(cuts) + 1, base=timedelta(seconds=1), longest=timedelta(minutes=5))
    async with scene(host, root, tls=tls, clock=clock, small=small) as there:
        ended = await there.settle(download(size=size), policy=policy)
        there.check(ended, "stored", body)
        requests = len(there.site.seen)
    assert requests <= len(cuts) + 1
    lost = sum(at if tls and end is Wire.garble else HEAD_BYTES for at, end, _ in cuts)
    assert host.served <= size + lost + requests * HEADS


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=CUTS, size=st.integers(40, LARGEST), small=st.sampled_from([0, 1 << 20]))
@example(cuts=[(0, Wire.close, "length")] * 6, size=40, small=0)
@example(cuts=[(LARGEST, Wire.reset, "length")] * 6, size=LARGEST, small=0)
@example(cuts=[(999, Wire.garble, "chunked")] * 6, size=LARGEST, small=1 << 20)
def test_bugs_3_and_8_wherever_it_is_cut_little_is_served_twice(
    cuts: list[Cut], size: int, small: int, secure: bool, way: None, quick_trust: None,
    localhost_tls: ssl.SSLContext,
) -> None:  # fmt: skip
    async def main() -> None:
        with TemporaryDirectory() as root:
            await cut_up(cuts, size, Path(root), localhost_tls if secure else None, small)

    anyio.run(main, backend_options={"loop_factory": PatientLoop})


async def test_bug_11_each_range_begins_where_the_bytes_end(way: None, tmp_path: Path) -> None:
    host = Host(Shelf(BODY), [breaking(Wire.close, at=at) for at in (1_000, 20_000, 1, 9_000)])
    async with scene(host, tmp_path, clock=clock) as there:
        there.check(await there.settle(DUE, policy=Policy(attempts=5)), "stored", BODY)
        asked = [seen.headers.get("Range") for seen in there.site.seen]
    ends = [1_000, 900 + 20_000, 900 + 20_000, 20_800 + 9_000]  # the third is cut in its seam
    assert asked == [None, *(f"bytes={end - SEAM}-" for end in ends)]


@pytest.mark.parametrize("way", ["drawn"], indirect=True)
async def test_rule_28_being_stopped_keeps_what_was_drawn(way: None, tmp_path: Path) -> None:
    host = Host(Shelf(BODY), [breaking(Wire.hang, at=HELD)])
    async with scene(host, tmp_path, clock=clock) as there:
        async with anyio.create_task_group() as group:
            group.start_soon(there.operator.fetch, DUE)
            while there.operator.transfers.received < HELD:
                await checkpoint()
            group.cancel_scope.cancel()
        there.check(await there.settle(DUE), "stored", BODY)
        assert there.site.seen[-1].headers["Range"] == f"bytes={HELD - SEAM}-"


async def test_bug_9_doing_it_again_leaves_the_file_as_it_is(way: None, tmp_path: Path) -> None:
    async with scene(Host(Shelf(BODY)), tmp_path, clock=clock) as there:
        for _ in range(2):
            there.check(await there.settle(DUE), "stored", BODY)
        assert len(there.site.seen) == 1
