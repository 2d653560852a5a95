from __future__ import annotations

import pytest

from fakes.transport import FakeReply
from fakes.zoom import Bench, error, page
from reelkeep.providers.zoom.provider import Zoom
from virtual import VIRTUAL, Backend

LIST = "/users/u-1/recordings"
NOWHERE = "/meetings/AAAAAAAAAAAAAAAAAAAAAA%3D%3D/recordings"
TWICE = "/meetings/AAAAAAAAAAAAAAAAAAAAAA%253D%253D/recordings"
SCOPE = "Invalid access token, does not contain scopes:[{}]."


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def bench() -> Bench:
    made = Bench()
    made.script.on("/users", page([{"id": "u-1"}], name="users"))
    made.script.on(LIST, page([]))
    made.script.on(NOWHERE, error(404, 3001, "Meeting does not exist."))
    made.script.on(TWICE, error(404, 3001, "Meeting does not exist."))
    return made


async def findings(adapter: Zoom) -> dict[str, bool]:
    return {each.subject: each.ok for each in await adapter.check()}


async def test_all_is_well() -> None:
    assert await findings(bench().meetings(users="all")) == {
        "token": True,
        "users": True,
        "listing": True,
        "files": True,
    }


async def test_without_a_token_nothing_else_is_asked() -> None:
    made = bench()
    made.script.on("/oauth/token", FakeReply.json({"error": "invalid_client"}, status=401))
    (finding,) = await made.meetings().check()
    assert not finding.ok
    assert "client_id or client_secret is wrong" in finding.message


@pytest.mark.parametrize(
    ("path", "subject", "scope"),
    [
        ("/users", "users", "user:read:list_users:admin"),
        (LIST, "listing", "cloud_recording:read:list_user_recordings:admin"),
        (NOWHERE, "files", "cloud_recording:read:list_recording_files:admin"),
    ],
)
async def test_a_missing_scope_is_named(path: str, subject: str, scope: str) -> None:
    made = bench()
    made.script.on(path, error(400, 4711, SCOPE.format(scope)))
    failed = [each for each in await made.meetings(users="all").check() if not each.ok]
    assert [each.subject for each in failed] == [subject]
    assert scope in failed[0].message


async def test_a_sample_without_cloud_recording_is_no_fault() -> None:
    made = bench()
    made.script.on(LIST, error(400, 200, "no plan"))
    assert all((await findings(made.meetings())).values())


async def test_a_wrong_user_is_a_fault() -> None:
    made = bench()
    made.script.on(LIST, error(404, 1001, "User does not exist."))
    assert (await findings(made.meetings()))["listing"] is False


async def test_the_video_sdk_is_checked_without_users() -> None:
    made = bench()
    made.script.on("/videosdk/recordings", error(401, 124, "Invalid access token."))
    checked = await findings(made.sdk())
    assert (checked["token"], checked["listing"]) == (True, False)
    assert made.script.at("/users") == []
