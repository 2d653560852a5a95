from __future__ import annotations

import pytest

from fakes.transport import FakeReply
from fakes.zoom import Bench, error, page
from reelkeep.providers.zoom.provider import Zoom
from virtual import VIRTUAL, Backend

LIST = "/users/u-1/recordings"
ACCOUNT = "/accounts/me/recordings"
NOWHERE = "/meetings/AAAAAAAAAAAAAAAAAAAAAA%3D%3D/recordings"
SESSION = "/videosdk/sessions/AAAAAAAAAAAAAAAAAAAAAA%3D%3D/recordings"
SESSIONS = "/videosdk/recordings"
SCOPE = "Invalid access token, does not contain scopes:[{}]."


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def bench() -> Bench:
    made = Bench()
    made.script.on("/users", page([{"id": "u-1"}], name="users"))
    made.script.on(LIST, page([]))
    made.script.on(ACCOUNT, page([]))
    made.script.on(NOWHERE, error(404, 3001, "Meeting does not exist."))
    made.script.on(SESSIONS, page([], name="sessions"))
    return made


async def findings(adapter: Zoom) -> dict[str, bool]:
    return {each.subject: each.ok for each in await adapter.check()}


async def test_all_is_well() -> None:
    assert await findings(bench().meetings(users="all")) == {
        "token": True,
        "users": True,
        "listing": True,
        "files": True,
        "whole account": True,
    }


async def test_every_kind_of_question_is_asked_once() -> None:
    made = bench()
    await made.meetings(users="all").check()
    asked = [each.path for each in made.script.asked]
    assert asked == ["/oauth/token", "/users", LIST, NOWHERE, ACCOUNT]


async def test_known_users_are_not_looked_up() -> None:
    made = bench()
    await made.meetings().check()
    assert [each.path for each in made.script.asked] == ["/oauth/token", LIST, NOWHERE]


@pytest.mark.parametrize(
    "missing",
    [
        error(404, 3301, "There is no recording for this meeting."),
        error(404, 3001, "Meeting does not exist."),
        error(404, 1001, "User does not exist."),
        error(404, 404, "?"),
        error(404, 300, "Invalid session id."),
        error(404, 9999, "?"),
        FakeReply.json({"message": "?"}, status=404),
        FakeReply.json([], status=404),
        FakeReply.of(b"<html>Not found</html>", status=404),
        FakeReply.of(b"", status=404),
    ],
)
async def test_however_nothing_is_found_one_was_allowed_to_ask(missing: FakeReply) -> None:
    made = bench()
    made.script.on(NOWHERE, missing)
    made.script.on(SESSION, missing)
    for adapter in (made.meetings(), made.sdk()):
        assert (await findings(adapter))["files"] is True


@pytest.mark.parametrize("refused", [error(400, 300, "?"), error(403, 200, "?")])
async def test_another_refusal_of_the_probe_is_a_fault(refused: FakeReply) -> None:
    made = bench()
    made.script.on(NOWHERE, refused)
    assert (await findings(made.meetings()))["files"] is False


async def test_a_listing_that_is_not_there_is_a_fault() -> None:
    made = bench()
    made.script.on(LIST, FakeReply.of(b"<html>Not found</html>", status=404))
    failed = [each for each in await made.meetings().check() if not each.ok]
    assert ["api_url" in each.message for each in failed] == [True]


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


@pytest.mark.parametrize("code", [3301, 3001])
async def test_that_there_is_nothing_is_told_to_those_who_may_ask(code: int) -> None:
    made = bench()
    made.script.on(LIST, error(404, code, "?"))
    made.script.on(ACCOUNT, error(404, code, "?"))
    for users, other in (("all", "whole account"), ("account", "each user")):
        found = {each.subject: each for each in await made.meetings(users=users).check()}
        assert found["listing"].ok
        assert found[other].message.startswith("allowed")


async def test_an_account_without_cloud_recording_is_a_fault() -> None:
    made = bench()
    made.script.on(ACCOUNT, error(400, 200, "no plan"))
    made.script.on(SESSIONS, error(400, 200, "no plan"))
    found = {each.subject: each for each in await made.meetings(users="account").check()}
    assert not found["listing"].ok
    assert "set `users: all`" in found["each user"].message
    assert (await findings(made.sdk()))["listing"] is False
    found = {each.subject: each for each in await made.meetings(users="all").check()}
    assert found["whole account"].message.startswith("not allowed")


async def test_users_without_cloud_recording_are_passed_over() -> None:
    made = bench()
    made.script.on("/users", page([{"id": "u-9"}, {"id": "u-1"}], name="users"))
    made.script.on("/users/u-9/recordings", error(400, 200, "no plan"))
    (told,) = [
        each for each in await made.meetings(users="all").check() if each.subject == "listing"
    ]
    assert (told.ok, told.message) == (True, "allowed")
    made.script.on(LIST, error(400, 200, "no plan"))
    (told,) = [
        each for each in await made.meetings(users="all").check() if each.subject == "listing"
    ]
    assert (told.ok, "none of 2 users" in told.message) == (True, True)


async def test_each_user_is_allowed_though_the_first_is_refused() -> None:
    made = bench()
    made.script.on("/users", page([{"id": "u-9"}, {"id": "u-1"}], name="users"))
    made.script.on("/users/u-9/recordings", error(403, 200, "not this one"))
    found = {each.subject: each for each in await made.meetings(users="account").check()}
    assert found["each user"].message.startswith("allowed, too")


@pytest.mark.parametrize(
    "unfit", [{"meeting_id": "81234567890"}, {"exclude": {"users": ["a@b.test"]}}]
)
async def test_what_cannot_be_configured_is_not_recommended(unfit: dict[str, object]) -> None:
    made = bench()
    (told,) = [
        each
        for each in await made.meetings(users="all", **unfit).check()
        if each.subject == "whole account"
    ]
    assert "recommended" not in told.message
    assert "needs `users: all`" in told.message


@pytest.mark.parametrize(
    ("users", "refused", "other", "words"),
    [
        ("all", [LIST], "whole account", "set `users: account`"),
        ("all", ["/users"], "whole account", "set `users: account`"),
        ("account", [ACCOUNT], "each user", "set `users: all`"),
        ("all", [LIST, ACCOUNT], "whole account", "not allowed, either"),
        ("account", ["/users", ACCOUNT], "each user", "not allowed, either"),
    ],
)
async def test_the_way_that_the_scopes_allow_is_the_one_recommended(
    users: str, refused: list[str], other: str, words: str
) -> None:
    made = bench()
    for path in refused:
        made.script.on(path, error(400, 4711, SCOPE.format("cloud_recording:x")))
    found = {each.subject: each for each in await made.meetings(users=users).check()}
    assert found[other].ok
    assert words in found[other].message


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


async def test_both_ways_to_list_are_asked_about_and_one_is_recommended() -> None:
    made = bench()
    (told,) = [e for e in await made.meetings(users="all").check() if e.subject == "whole account"]
    assert "allowed, and recommended: `users: account`" in told.message
    made.script.on(ACCOUNT, error(400, 4711, SCOPE.format("cloud_recording:x")))
    (told,) = [e for e in await made.meetings(users="all").check() if e.subject == "whole account"]
    assert told.ok
    assert "not allowed" in told.message
    assert "list_account_recordings:admin" in told.message


async def test_an_account_that_is_listed_as_a_whole_is_checked_as_one() -> None:
    made = bench()
    found = {each.subject: each for each in await made.meetings(users="account").check()}
    assert all(each.ok for each in found.values())
    assert "recommended" in found["each user"].message
    made.script.on(ACCOUNT, error(400, 4711, SCOPE.format("cloud_recording:x")))
    found = {each.subject: each for each in await made.meetings(users="account").check()}
    assert not found["listing"].ok
    assert "cloud_recording:x" in found["listing"].message


async def test_what_is_refused_for_one_user_only_is_about_that_user() -> None:
    made = bench()
    users = [{"id": "u-9", "email": "nine@b.test"}, {"id": "u-1"}]
    made.script.on("/users", page(users, name="users"))
    made.script.on("/users/u-9/recordings", error(400, 4711, SCOPE.format("cloud_recording:x")))
    found = {each.subject: each for each in await made.meetings(users="all").check()}
    assert found["listing"].ok
    assert not found["one user"].ok
    assert "nine@b.test" in found["one user"].message
    assert "others are served" in found["one user"].message
