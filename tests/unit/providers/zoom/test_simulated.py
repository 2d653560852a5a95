"""Both adapters against the simulator, over real sockets."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.simulated import Bench, bench
from fakes.zoom import discovered
from reelkeep.core.model import Locator, Recording
from reelkeep.core.poll_window import PartlyRead
from reelkeep.errors import AuthFailed, RateLimited
from reelkeep.ports import Provider, Request
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.switches import MALFORMED, NO_RIGHTS, Switches, answer, page
from reelkeep.simulator.switches import status as status_fault
from reelkeep.simulator.world import Trouble
from virtual import PATIENT, Backend, clock

EXTENT = Extent(recordings=0, meetings=24, sessions=8, users=4, days=60, sizes=(3_000, 9_000))


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


class Scene:
    """A simulator, and somebody who archives it."""

    def __init__(self, at: Bench) -> None:
        self._at = at

    @property
    def sim(self) -> Simulator:
        return self._at.sim

    def adapter(self, name: str = "zoom", **changes: Any) -> Provider:
        return self._at.provider(name, **{"plan": "business", **changes})

    async def all(self, adapter: Provider) -> list[Recording]:
        return await discovered(adapter, self._at.span)

    async def until_error(self, adapter: Provider) -> tuple[list[Recording], PartlyRead]:
        found: list[Recording] = []
        try:
            async for batch in adapter.discover(self._at.span):
                found += batch
        except PartlyRead as failure:
            return found, failure
        raise AssertionError(f"no failure after {len(found)} recordings")

    async def body(self, locator: Locator) -> bytes:
        request = Request(url=locator.url, credentials=locator.credentials, kin=locator.kin)
        async with self._at.transport.open(request) as reply:
            assert reply.status == 200
            return b"".join([chunk async for chunk in reply.chunks()])

    async def archived(self, adapter: Provider) -> set[tuple[str, str]]:
        """Fetch everything; return recordings and digests."""
        found: set[tuple[str, str]] = set()
        listed = await self.all(adapter)
        for recording in await adapter.describe(listed):
            for each in recording.files:
                if each.obstacle is None:
                    locator = await adapter.locate(recording.id, each.id, fresh=False)
                    digest = hashlib.sha256(await self.body(locator)).hexdigest()
                    found.add((recording.id, digest))
        return found

    def expected(self, kind: str, **options: bool) -> set[tuple[str, str]]:
        every = self.sim.world.expected(**options)
        return {(each.recording, each.sha256) for each in every if each.provider == kind}


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with bench(seed=7, extent=EXTENT, switches=Switches().unlimited()) as at:
        yield Scene(at)


async def test_every_meeting_of_any_shape_is_found_and_fetched(scene: Scene) -> None:
    assert await scene.archived(scene.adapter()) == scene.expected("zoom")


async def test_every_session_is_found_and_fetched(scene: Scene) -> None:
    assert await scene.archived(scene.adapter("zoom-videosdk")) == scene.expected("zoom-videosdk")


async def test_a_token_in_the_address_opens_downloads_too(scene: Scene) -> None:
    adapter = scene.adapter("zoom-videosdk", token_in="query")
    assert await scene.archived(adapter) == scene.expected("zoom-videosdk")


async def test_the_audio_of_participants_is_found_on_request(scene: Scene) -> None:
    adapter = scene.adapter(participant_audio=True)
    assert await scene.archived(adapter) == scene.expected("zoom", audio=True)


async def test_what_lies_in_the_trash_is_rescued_on_request(scene: Scene) -> None:
    day_ago = clock() - timedelta(days=1)
    scene.sim.world.meetings[0].trashed_at = day_ago
    scene.sim.world.meetings[1].files[0].trashed_at = day_ago
    adapter = scene.adapter(trash="rescue")
    assert await scene.archived(adapter) == scene.expected("zoom", trash=True)


@pytest.mark.parametrize("trouble", [Trouble.EMPTY_PAGES, Trouble.REPEATS])
async def test_pages_that_promise_more_for_ever_are_a_failure_of_that_user(
    scene: Scene, trouble: Trouble
) -> None:
    user = scene.sim.world.users[0]
    scene.sim.switches.zoom.broken_users[user.email] = trouble
    found, failure = await scene.until_error(scene.adapter())
    others = {each.uuid for each in scene.sim.world.meetings if each.host.id != user.id}
    assert others <= {each.id for each in found}
    assert user.email in str(failure)


@pytest.mark.parametrize("trouble", [Trouble.NO_TRASH, Trouble.NO_PREMISES])
async def test_what_is_refused_of_the_trash_or_premises_alone_hides_nothing_else(
    scene: Scene, trouble: Trouble
) -> None:
    user = scene.sim.world.users[0]
    scene.sim.switches.zoom.broken_users[user.email] = trouble
    found, failure = await scene.until_error(scene.adapter(trash="rescue", meeting_connector=True))
    ordinary = {each.uuid for each in scene.sim.world.meetings if not each.on_prem}
    assert ordinary <= {each.id for each in found}
    assert user.email in str(failure)


async def test_what_lies_in_the_trash_is_located_afresh(scene: Scene) -> None:
    meeting = scene.sim.world.meetings[0]
    meeting.trashed_at = clock() - timedelta(days=1)
    adapter = scene.adapter(trash="rescue")
    (found,) = [each for each in await scene.all(adapter) if each.id == meeting.uuid]
    locator = await adapter.locate(found.id, found.files[0].id, fresh=True)
    assert await scene.body(locator)


@pytest.mark.parametrize(
    "switches",
    [
        {"page_cap": 2},
        {"page_cap": 2, "repeat_pages": True},
        {"ignore_page_size": True, "numeric_type": False},
        {"me_listed": False, "dates_with_time": False, "processing_addresses": False},
        {"sdk_unwrapped": True},
        {"new_token_kills_old": True},
    ],
)
@pytest.mark.parametrize("name", ["zoom", "zoom-videosdk"])
async def test_oddities_of_the_api_lose_nothing(
    scene: Scene, name: str, switches: dict[str, Any]
) -> None:
    for key, value in switches.items():
        setattr(scene.sim.switches.zoom, key, value)
    adapter = scene.adapter(name)
    listed = {each.id for each in await scene.all(adapter)}
    assert listed >= {recording for recording, _ in scene.expected(adapter.traits.type)}


@pytest.mark.parametrize("dead", ["error", "empty"])
async def test_page_tokens_that_die_lose_nothing(scene: Scene, dead: str) -> None:
    scene.sim.switches.zoom.page_cap = 1
    scene.sim.switches.zoom.expired_page = dead
    adapter = scene.adapter(users=[scene.sim.world.users[0].email])
    full = {each.id for each in await scene.all(adapter)}
    answered = len(scene.sim.journal.requests)

    def skewed() -> datetime:
        """Let half an hour pass in the middle of a listing."""
        in_the_middle = len(scene.sim.journal.requests) > answered + 3
        return clock() + timedelta(minutes=30 * in_the_middle)

    scene.sim.scene.now = skewed
    assert {each.id for each in await scene.all(adapter)} == full
    assert len(scene.sim.journal.requests) - answered > answered


async def test_tokens_that_die_in_between_are_replaced(scene: Scene) -> None:
    adapter = scene.adapter()
    await scene.all(adapter)
    scene.sim.zoom_tokens.expire()
    assert await scene.archived(adapter) == scene.expected("zoom")


async def test_a_user_who_left_in_between_is_passed_over(scene: Scene) -> None:
    scene.sim.world.users[1].gone = True
    left = scene.sim.world.users[1].id
    others = {each.uuid for each in scene.sim.world.meetings if each.host.id != left}
    listed = {each.id for each in await scene.all(scene.adapter())}
    assert listed <= others
    assert len(listed) > 10


async def test_faults_on_the_way_are_overcome(scene: Scene) -> None:
    scene.sim.faults.add("GET /v2/users", page(502), status_fault(429), answer(b"", 200))
    listed = {each.id for each in await scene.all(scene.adapter())}
    assert listed >= {recording for recording, _ in scene.expected("zoom")}


@pytest.mark.parametrize("headers", ["full", "none", "mixed"])
async def test_too_many_requests_a_second_are_no_fault(scene: Scene, headers: str) -> None:
    scene.sim.switches.zoom.rate_headers = headers
    scene.sim.switches.zoom.medium = (3, 0)
    adapter = scene.adapter(users=[each.email for each in scene.sim.world.users[:2]])
    assert await scene.all(adapter)
    assert scene.sim.journal.throttled["medium"] > 0


async def test_a_missing_scope_in_broken_json_is_named(scene: Scene) -> None:
    scene.sim.faults.add("GET /v2/users", answer(MALFORMED, 400, times=None))
    with pytest.raises(AuthFailed, match="scope"):
        await scene.all(scene.adapter())


async def test_an_error_with_status_200_is_an_error(scene: Scene) -> None:
    scene.sim.faults.add("GET /v2/users", answer(NO_RIGHTS, 200, times=None))
    with pytest.raises(Exception, match="may not read"):
        await scene.all(scene.adapter())


async def test_a_daily_limit_ends_the_poll_and_no_download(scene: Scene) -> None:
    adapter = scene.adapter()
    found = await scene.all(adapter)
    scene.sim.switches.zoom.medium = scene.sim.switches.zoom.light = (1000, 1)
    with pytest.raises(RateLimited) as caught:
        await scene.all(adapter)
    until = caught.value.until
    assert until is not None
    midnight = datetime(2026, 1, 6, tzinfo=UTC)
    assert timedelta(0) <= until - midnight < timedelta(seconds=1)  # a Date has whole seconds
    ready = next(each for each in found if each.files)
    assert await scene.body(await adapter.locate(ready.id, ready.files[0].id, fresh=False))


@pytest.mark.parametrize("name", ["zoom", "zoom-videosdk"])
async def test_a_good_account_passes_its_check(scene: Scene, name: str) -> None:
    assert [each for each in await scene.adapter(name).check() if not each.ok] == []


async def test_a_missing_scope_is_found_by_the_check(scene: Scene) -> None:
    scope = "cloud_recording:read:list_recording_files:admin"
    scene.sim.switches.zoom.scopes.discard(scope)
    (failed,) = [each for each in await scene.adapter().check() if not each.ok]
    assert scope in failed.message


async def test_the_token_never_reaches_the_download_host(scene: Scene) -> None:
    await scene.archived(scene.adapter())
    assert not scene.sim.journal.leaks
