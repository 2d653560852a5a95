"""What every provider promises, whatever it talks to (`reelkeep.ports.Provider`).

Each subject runs against the simulator: `SUBJECTS` says how an adapter is made and what it should
find. To add one, add an entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import anyio
import pytest

from fakes.simulated import Bench, bench
from reelkeep.core.model import FileId, Locator, Readiness, Recording, RecordingId, Window
from reelkeep.errors import AuthFailed, Gone, NotYet, ProviderError, Unavailable
from reelkeep.ports import Provider, Request
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import Switches, page, status
from virtual import PATIENT, Backend


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One adapter under test."""

    type: str
    extent: Extent
    host: str  #: In the simulator's journal.
    options: dict[str, Any] = field(default_factory=dict)
    listing: str  #: Pattern of the requests that list, for faults.
    token: str | None  #: Pattern of the requests that get tokens.
    revoke: Callable[[Simulator], None]  #: From now on the credentials are not accepted.
    expire: Callable[[Simulator], None] | None  #: All access tokens die.


def _revoke_goto(sim: Simulator) -> None:
    sim.switches.goto.token_fault = "invalid_grant"
    sim.goto_tokens.expire()


def _revoke_zoom(sim: Simulator) -> None:
    sim.switches.zoom.token_fault = "invalid_client"
    sim.zoom_tokens.expire()


def _revoke_videosdk(sim: Simulator) -> None:
    sim.switches.zoom.sdk_longest = timedelta(0)  # no token of ours is short enough


SUBJECTS = [
    Subject(
        type="gotoassist",
        extent=Extent(recordings=600, meetings=0, sessions=0, untranscoded=0.1),
        host="goto",
        options={"requests_per_second": 100},
        listing="GET /G2A/rest/v1/archive/recordings",
        token="POST /oauth/token",
        revoke=_revoke_goto,
        expire=lambda sim: sim.goto_tokens.expire(),
    ),
    Subject(
        type="zoom",
        extent=Extent(recordings=0, meetings=20, sessions=0, days=60),
        host="zoom",
        options={"plan": "business"},
        listing="GET /v2/users/*/recordings",
        token="POST /oauth/token",
        revoke=_revoke_zoom,
        expire=lambda sim: sim.zoom_tokens.expire(),
    ),
    Subject(
        type="zoom-videosdk",
        extent=Extent(recordings=0, meetings=0, sessions=20, days=60),
        host="zoom",
        options={"plan": "business"},
        listing="GET /v2/videosdk/recordings",
        token=None,
        revoke=_revoke_videosdk,
        expire=None,
    ),
]


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.type)
def subject(request: pytest.FixtureRequest) -> Subject:
    chosen: Subject = request.param
    return chosen


@pytest.fixture
async def running(subject: Subject) -> AsyncIterator[Bench]:
    async with bench(extent=subject.extent, switches=Switches().unlimited()) as b:
        yield b


@pytest.fixture
def provider(subject: Subject, running: Bench) -> Provider:
    return running.provider(subject.type, **subject.options)


async def batches(provider: Provider, span: Window) -> list[list[Recording]]:
    return [list(batch) async for batch in provider.discover(span)]


async def known(provider: Provider, span: Window) -> dict[RecordingId, Recording]:
    """Return all that is ready, with its files."""
    found: dict[RecordingId, Recording] = {}
    for batch in await batches(provider, span):
        ready = [each for each in batch if each.readiness is Readiness.READY]
        described = await provider.describe(ready) if provider.traits.describes else ready
        found |= {each.id: each for each in described}
    return found


async def fetched(b: Bench, locator: Locator) -> tuple[int, bytes]:
    request = Request(url=locator.url, credentials=locator.credentials, kin=locator.kin)
    async with b.transport.open(request) as reply:
        return reply.status, b"".join([chunk async for chunk in reply.chunks()])


async def first_file(provider: Provider, span: Window) -> tuple[RecordingId, FileId]:
    for each in (await known(provider, span)).values():
        for file in each.files:
            if file.obstacle is None:
                return each.id, file.id
    raise AssertionError("nothing to locate")


async def test_building_asks_nothing(provider: Provider, running: Bench) -> None:
    assert provider.name
    assert not running.journal_size


async def test_traits_never_change(provider: Provider, running: Bench) -> None:
    before = provider.traits
    await batches(provider, running.span)
    assert provider.traits == before


async def test_all_recordings_are_discovered(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    listed = {each.id for batch in await batches(provider, running.span) for each in batch}
    wanted = {
        each.recording for each in running.sim.world.expected() if each.provider == subject.type
    }
    assert wanted <= listed


async def test_a_batch_is_never_empty_nor_longer_than_five_hundred(
    provider: Provider, running: Bench
) -> None:
    sizes = [len(batch) for batch in await batches(provider, running.span)]
    assert all(0 < size <= 500 for size in sizes)


async def test_discovering_twice_finds_the_same(provider: Provider, running: Bench) -> None:
    span = running.span
    first, second = await known(provider, span), await known(provider, span)
    assert first == second


async def test_ids_are_text_and_files_have_distinct_ids(provider: Provider, running: Bench) -> None:
    for each in (await known(provider, running.span)).values():
        assert isinstance(each.id, str)
        assert len({file.id for file in each.files}) == len(each.files)


async def test_every_file_of_what_is_ready_can_be_fetched(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    recordings = await known(provider, running.span)
    wanted = {
        each.sha256
        for each in running.sim.world.expected()
        if each.provider == subject.type and each.recording in recordings
    }
    got: set[str] = set()
    limit = anyio.CapacityLimiter(8)

    async def fetch(recording: RecordingId, file: FileId) -> None:
        async with limit:
            locator = await provider.locate(recording, file, fresh=False)
            code, body = await fetched(running, locator)
        if code == 200:
            got.add(hashlib.sha256(body).hexdigest())

    async with anyio.create_task_group() as tasks:
        for each in recordings.values():
            for file in each.files:
                if file.obstacle is None:
                    tasks.start_soon(fetch, each.id, file.id)
    assert wanted
    assert got == wanted
    assert not running.sim.journal.leaks


async def test_no_locator_shows_itself(provider: Provider, running: Bench) -> None:
    recording, file = await first_file(provider, running.span)
    locator = await provider.locate(recording, file, fresh=False)
    assert "http" not in repr(locator)


async def test_a_fresh_locator_asks_the_provider(provider: Provider, running: Bench) -> None:
    recording, file = await first_file(provider, running.span)
    await provider.locate(recording, file, fresh=False)
    before = running.journal_size
    await provider.locate(recording, file, fresh=True)
    assert running.journal_size > before


async def test_what_does_not_exist_cannot_be_located(provider: Provider, running: Bench) -> None:
    recording, _ = await first_file(provider, running.span)
    with pytest.raises((NotYet, Gone)):
        await provider.locate(recording, FileId("no-such-file"), fresh=False)


async def test_facts_hold_no_addresses(provider: Provider, running: Bench) -> None:
    for each in (await known(provider, running.span)).values():
        assert "download" not in repr(each.facts).lower()
        assert "://" not in repr(each.facts).replace("s3://", "")  # that opens nothing


async def test_a_check_of_a_good_account_finds_it_in_order(provider: Provider) -> None:
    findings = await provider.check()
    assert findings
    assert all(each.ok for each in findings)


async def test_a_check_of_a_refused_account_says_so(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    subject.revoke(running.sim)
    findings = await provider.check()
    assert any(not each.ok and each.message for each in findings)


async def test_refused_credentials_are_told(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    subject.revoke(running.sim)
    with pytest.raises(AuthFailed):
        await batches(provider, running.span)


async def test_a_token_that_dies_is_renewed(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    if subject.expire is None:
        return
    before = await batches(provider, running.span)
    subject.expire(running.sim)
    assert await batches(provider, running.span) == before


async def test_a_short_outage_goes_unnoticed(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    running.sim.faults.add(subject.listing, status(500), page(502))
    assert await batches(provider, running.span)


async def test_a_long_outage_is_told(provider: Provider, running: Bench, subject: Subject) -> None:
    running.sim.faults.add(subject.listing, page(503, times=None))
    with pytest.raises(Unavailable):
        await batches(provider, running.span)


async def test_an_api_that_speaks_html_is_not_believed(
    provider: Provider, running: Bench, subject: Subject
) -> None:
    running.sim.faults.add(subject.listing, page(200, times=None))
    with pytest.raises(ProviderError):
        await batches(provider, running.span)


async def test_an_empty_span_holds_nothing(provider: Provider, running: Bench) -> None:
    long_ago = running.sim.world.since - timedelta(days=300)
    span = Window(long_ago, long_ago + timedelta(days=1))
    assert await batches(provider, span) == []


async def test_acknowledging_is_idempotent(provider: Provider, running: Bench) -> None:
    if not provider.traits.acknowledges:
        return
    ids = list(await known(provider, running.span))[: provider.traits.batch]
    assert list(await provider.acknowledge(ids)) == ids
    assert list(await provider.acknowledge(ids)) == ids


async def test_transcoding_makes_recordings_ready(provider: Provider, running: Bench) -> None:
    if not provider.traits.transcodes:
        return
    found = [each for batch in await batches(provider, running.span) for each in batch]
    waiting = [each.id for each in found if each.readiness is Readiness.TRANSCODABLE]
    await provider.transcode(waiting)
    await provider.transcode(waiting)
    await anyio.sleep(60)
    assert set(waiting) <= set(await known(provider, running.span))
