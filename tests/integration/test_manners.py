"""How hosts are treated: what they are shown, how often they are asked, and when not at all."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from fakes.attempts import Desk, stored
from fakes.disk import FaultyDisk, archive_on
from fakes.holdings import download
from fakes.shelf import Shelf, media
from hostile import BODY, DUE, HELD
from hosts import Act, answering, breaking, good
from reelkeep.core.addresses import AddressPolicy
from reelkeep.core.model import Failed, FileId, Locator, RecordingId
from reelkeep.core.naming import SafeName
from reelkeep.transport import AiohttpTransport
from servers import Seen, Wire, serving
from stage import BEARER, BRIEF, OPTIONS, Host, Renewing, Scene, scene
from virtual import PATIENT, Backend, clock

SEAM = 100


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


@pytest.fixture(autouse=True)
def short_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resumes compare less than these small files have."""
    monkeypatch.setattr("reelkeep.core.resume.SEAM", SEAM)


class Impatient:
    """A host that says something at the moment of the next request, which it never reads."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.used: set[int] = set()

    async def __call__(self, seen: Seen, wire: Wire) -> None:
        if seen.connection in self.used:
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nunasked..")
        else:
            self.used.add(seen.connection)
            await self.host(seen, wire)


@pytest.mark.parametrize("shared", [False, True], ids=["owned", "planted"])
async def test_what_a_host_says_unasked_is_no_rest_of_a_file_of_unpromised_size(
    shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its total is what the host says, and no promise. On a shared connection it is believed."""
    if shared:
        monkeypatch.setattr("reelkeep.transport.client._is_apart", lambda _request: False)
    large = replace(DUE, size=None, name=SafeName("recording.events"), file_type="EVENTS")
    small = replace(
        large, row=99, file=FileId("other"), name=SafeName("other.events"), size=len(BODY)
    )
    host = Host(Shelf(BODY), [breaking(Wire.close, at=HELD)])
    async with scene(Impatient(host), tmp_path, clock=clock) as stage:
        assert isinstance(await stage.operator.fetch(large), Failed)
        assert stored(await stage.operator.fetch(small)).size == len(BODY)
        assert stored(await stage.operator.fetch(large)).size == (9 if shared else len(BODY))


async def test_rules_20_and_21_bug_20_credentials_stay_behind_on_the_way(tmp_path: Path) -> None:
    here, there = Host(Shelf(BODY)), Host(Shelf(BODY), [breaking(Wire.close, at=HELD)])
    async with serving(there) as elsewhere:
        here.then = answering(302, Location=elsewhere.url("/signed?sig=secret"))
        async with scene(here, tmp_path, clock=clock) as stage:
            stage.check(await stage.settle(DUE), "stored", BODY)
            assert stored(stage.outcomes[-1]).source == elsewhere.url("")
    assert {seen.headers.get("Authorization") for seen in stage.site.seen} == {BEARER}
    assert [seen.headers.get("Authorization") for seen in elsewhere.seen] == [None, None]
    assert [seen.headers.get("Range") for seen in elsewhere.seen] == [None, f"bytes={HELD - SEAM}-"]


async def test_rule_22_bug_34_an_address_that_runs_out_is_renewed_once_a_time(
    tmp_path: Path,
) -> None:
    """Each address is good for one request; the file takes many."""
    used: set[str] = set()

    def once_each(seen: Seen, shelf: Shelf) -> Act:
        if seen.target in used:
            return answering(403)(seen, shelf)
        used.add(seen.target)
        return breaking(Wire.close, at=9_000)(seen, shelf)

    host = Host(Shelf(BODY), then=once_each)
    async with scene(host, tmp_path, clock=clock) as there:
        there.provider.credentialed = False
        there.check(await there.settle(DUE), "stored", BODY)
        assert sum(there.provider.asked) == 5
    assert host.served < len(BODY) + 10_000


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wish", ["120", "Mon, 05 Jan 2026 12:02:00 GMT"], ids=["for", "until"])
async def test_rules_51_and_52_a_host_is_left_alone_by_all_for_as_long_as_it_wants(
    status: int, wish: str, tmp_path: Path
) -> None:
    """One request is turned away; eight other files would ask at once."""
    host = Host(Shelf(BODY), [good, answering(status, Retry_After=wish)])
    asked: list[float] = []

    async def noting(seen: Seen, wire: Wire) -> None:
        asked.append(anyio.current_time())
        await host(seen, wire)

    async with scene(noting, tmp_path, clock=clock) as there:
        for number in range(2):
            await there.operator.fetch(download(f"{number}.mp4", size=len(BODY)))
        async with anyio.create_task_group() as group:
            for number in range(2, 10):
                due = download(f"{number}.mp4", size=len(BODY))
                group.start_soon(there.settle, due)
        assert there.finished() == [BODY] * 9
    assert len(asked) == 10
    assert all(at < 5 for at in asked[:2])
    assert all(at >= 119 for at in asked[2:])


async def test_rule_54_bug_28_no_transfer_is_too_long(tmp_path: Path) -> None:
    """It comes at little more than the least rate, for two hours."""

    def slowly(seen: Seen, shelf: Shelf) -> Act:
        head, body = good(seen, shelf).pieces
        steps = [body[at : at + 500] for at in range(0, len(body), 500)]
        return Act([head, *steps], pause=72)

    options = replace(OPTIONS, stall_timeout=timedelta(minutes=5), stall_rate=5)
    async with scene(Host(Shelf(BODY), then=slowly), tmp_path, options=options) as there:
        began = anyio.current_time()
        there.check(await there.settle(DUE), "stored", BODY)
        assert anyio.current_time() - began >= 7_000
        assert len(there.site.seen) == 1


@pytest.mark.parametrize("direct_from", [1 << 20, 1], ids=["read", "drawn"])
async def test_bug_27_a_connection_may_be_idle_for_longer_than_a_stall_takes(
    direct_from: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", direct_from)
    monkeypatch.setattr("reelkeep.transport.direct_reader.TAP_FROM", direct_from)
    async with scene(Host(Shelf(BODY)), tmp_path, clock=clock) as there:
        for number in range(3):
            assert await there.settle(download(f"{number}.mp4", size=len(BODY))) == "stored"
            await anyio.sleep(20)
        assert there.finished() == [BODY] * 3
        assert there.site.connections == (3 if direct_from == 1 else 1)


class TwoAddresses(AbstractResolver):
    """Knows one name, which has two addresses."""

    async def resolve(
        self, host: str, port: int = 0, _family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=f"127.0.0.{end}", port=port, family=socket.AF_INET, proto=0,
                flags=0,
            )
            for end in (1, 2)
        ]  # fmt: skip

    async def close(self) -> None:
        pass


async def test_rule_55_after_a_stall_another_address_goes_on(tmp_path: Path) -> None:
    """One of two machines behind a name hangs; the name is looked up once."""
    sick, well = Host(Shelf(BODY), then=breaking(Wire.hang, at=HELD)), Host(Shelf(BODY))
    options = replace(BRIEF, allow=AddressPolicy.parse(["127.0.0.0/8", "two.test"]))
    async with (
        serving(sick) as here,
        serving(well, address="127.0.0.2", port=here.port) as there,
        AiohttpTransport(options, resolver=TwoAddresses()) as transport,
    ):
        archive = archive_on(tmp_path, FaultyDisk())
        await archive.prepare()
        url = f"http://two.test:{here.port}/rec/secret-path?token=secret"
        operator = Desk(transport, archive, provider=Renewing(url=url), clock=clock)
        stage = Scene(here, archive, Renewing(), operator, tmp_path, clock)
        stage.check(await stage.settle(DUE), "stored", BODY)
        assert [seen.headers.get("Range") for seen in here.seen] == [None]
        assert [seen.headers.get("Range") for seen in there.seen] == [f"bytes={HELD - SEAM}-"]


async def test_bug_14_many_files_of_one_bad_host_do_not_mix(tmp_path: Path) -> None:
    """They have the same size, the same moment, and one folder."""
    shelves = {f"/{n}": Shelf(media(20_000).replace(b"mp42", b"%04d" % n)) for n in range(40)}
    cut: set[str] = set()

    async def host(seen: Seen, wire: Wire) -> None:
        path = seen.target.partition("?")[0]
        act = (good if path in cut else breaking(Wire.reset, at=9_000))(seen, shelves[path])
        cut.add(path)
        await wire.send(*act.pieces)
        if act.end is not None:
            await act.end(wire)

    class Each(Renewing):
        async def locate(self, _recording: RecordingId, file: FileId, *, fresh: bool) -> Locator:
            self.asked.append(fresh)
            return Locator(f"{self.url}/{file.removeprefix('id of ').removesuffix('.mp4')}")

    async with serving(host) as site, AiohttpTransport(OPTIONS) as transport:
        archive = archive_on(tmp_path, FaultyDisk())
        await archive.prepare()
        operator = Desk(transport, archive, provider=Each(url=site.url("")), clock=clock)
        there = Scene(site, archive, Renewing(), operator, tmp_path, clock)
        async with anyio.create_task_group() as group:
            for n in range(40):
                group.start_soon(there.settle, download(f"{n}.mp4", size=20_000))
    assert sorted(there.finished()) == sorted(shelf.content for shelf in shelves.values())
    assert there.parts() == []
