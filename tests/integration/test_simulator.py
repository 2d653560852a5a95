"""The simulated providers, over real sockets."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import anyio
import pytest
import yaml
from yarl import URL

from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.server import Simulator
from reelkeep.simulator.signing import jwt
from reelkeep.simulator.switches import (
    FORBIDDEN,
    NO_RIGHTS,
    Chaos,
    Fault,
    Flaw,
    Switches,
    answer,
    page,
    status,
)
from reelkeep.simulator.world import SimFile

ARCHIVE = "/G2A/rest/v1/archive/recordings"
KEY = "accountKey=400000000000001"
NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)
SPAN = "from=2025-10-21&to=2025-11-20&page_size=300"
EXTENT = Extent(recordings=8, meetings=6, sessions=3, users=2, days=29, sizes=(20_000, 90_000))


@dataclass
class Clock:
    """A clock that tests turn by hand."""

    time: datetime = NOW

    def __call__(self) -> datetime:
        return self.time

    def forward(self, **delta: float) -> None:
        self.time += timedelta(**delta)


@dataclass
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any


class Client:
    """Asks a simulator, with good tokens unless told otherwise."""

    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self.sim = sim
        self._session = session

    async def ask(self, method: str, url: str, **options: Any) -> Reply:
        options.setdefault("allow_redirects", False)
        async with self._session.request(method, URL(url, encoded=True), **options) as reply:
            body = await reply.read()
            is_json = reply.content_type == "application/json" and body not in (b"", b"not json")
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return Reply(reply.status, headers, body, await reply.json() if is_json else None)

    async def goto(self, method: str, rest: str, **options: Any) -> Reply:
        token = self.sim.scene.accounts.goto.personal_token
        options.setdefault("headers", {"Authorization": f"Bearer {token}"})
        return await self.ask(method, f"{self.sim.scene.goto_url}{rest}", **options)

    async def goto_token(self, refresh_token: str = "rt-0001") -> Reply:
        account = self.sim.scene.accounts.goto
        basic = aiohttp.encode_basic_auth(account.client_id, account.client_secret)
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.goto("POST", "/oauth/token", data=form, headers={"Authorization": basic})

    async def zoom_headers(self) -> dict[str, str]:
        account = self.sim.scene.accounts.zoom
        query = f"grant_type=account_credentials&account_id={account.account_id}"
        basic = aiohttp.encode_basic_auth(account.client_id, account.client_secret)
        reply = await self.ask(
            "POST",
            f"{self.sim.scene.zoom_url}/oauth/token?{query}",
            headers={"Authorization": basic},
        )
        return {"Authorization": f"Bearer {reply.json['access_token']}"}

    async def zoom(self, method: str, rest: str, **options: Any) -> Reply:
        if "headers" not in options:
            options["headers"] = await self.zoom_headers()
        return await self.ask(method, f"{self.sim.scene.zoom_url}{rest}", **options)

    def sdk_headers(self, **claims: Any) -> dict[str, str]:
        account = self.sim.scene.accounts.videosdk
        issued = int(self.sim.scene.now().timestamp())
        body = {"iss": account.api_key, "iat": issued, "exp": issued + 3600} | claims
        return {"Authorization": f"Bearer {jwt(body, account.api_secret.encode())}"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def client(clock: Clock) -> AsyncIterator[Client]:
    """A simulator without rate limits, and a client of it."""
    simulator = Simulator(7, extent=EXTENT, switches=Switches().unlimited(), now=clock)
    async with simulator as sim, aiohttp.ClientSession() as session:
        yield Client(sim, session)


def video(client: Client) -> SimFile:
    return client.sim.world.recordings[0].video


def body_of(file: SimFile) -> bytes:
    return file.content.bytes()


async def listed(client: Client, query: str = "") -> dict[str, list[int]]:
    reply = await client.goto("GET", f"{ARCHIVE}?{KEY}{query}")
    assert reply.status == 200
    found: dict[str, list[int]] = reply.json
    return found


async def fetch(client: Client, file: SimFile, **headers: str) -> Reply:
    return await client.ask("GET", client.sim.scene.g2a_url(file), headers=headers)


def quoted(text: str, times: int) -> str:
    for _ in range(times):
        text = quote(text, safe="")
    return text


class TestGoToAssist:
    """G1 to G14."""

    async def test_a_missing_token_is_403_and_not_401(self, client: Client) -> None:
        reply = await client.goto("GET", f"{ARCHIVE}?{KEY}", headers={})
        assert reply.status == 403
        assert reply.json == {"int_err_code": "InvalidToken", "msg": "Invalid token passed"}
        assert reply.headers["x-amzn-errortype"] == "UnauthorizedException"

    @pytest.mark.parametrize("scheme", ["Bearer ", "OAuth oauth_token="])
    async def test_both_schemes_are_accepted(self, client: Client, scheme: str) -> None:
        headers = {"Authorization": f"{scheme}pat-0001"}
        assert (await client.goto("GET", f"{ARCHIVE}?{KEY}", headers=headers)).status == 200

    async def test_an_access_token_lives_for_an_hour(self, client: Client, clock: Clock) -> None:
        token = (await client.goto_token()).json["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        before = await client.goto("GET", f"{ARCHIVE}?{KEY}", headers=headers)
        clock.forward(hours=1)
        after = await client.goto("GET", f"{ARCHIVE}?{KEY}", headers=headers)
        assert (before.status, after.status) == (200, 403)

    async def test_a_rotated_refresh_token_replaces_the_old_one(self, client: Client) -> None:
        client.sim.switches.goto.rotate_every = 2
        assert "refresh_token" not in (await client.goto_token()).json
        rotated = (await client.goto_token()).json["refresh_token"]
        old, new = await client.goto_token(), await client.goto_token(rotated)
        assert (old.status, old.json["error"], new.status) == (400, "invalid_grant", 200)

    async def test_the_dead_token_endpoint_says_so(self, client: Client) -> None:
        reply = await client.goto("POST", "/oauth/v2/token")
        assert "no longer valid" in reply.json["message"]

    async def test_lists_are_capped_in_start_order(self, client: Client) -> None:
        everything = (await listed(client))["readyForDownload"]
        client.sim.switches.goto.cap = 3
        assert (await listed(client))["readyForDownload"] == everything[:3]

    async def test_a_list_needs_a_key(self, client: Client) -> None:
        assert (await client.goto("GET", ARCHIVE)).status == 400

    async def test_milliseconds_are_refused(self, client: Client) -> None:
        rest = f"{ARCHIVE}?{KEY}&fromTime=2025-11-01T00:00:00.000Z"
        assert (await client.goto("GET", rest)).status == 400

    async def test_unknown_parameters_are_ignored(self, client: Client) -> None:
        assert await listed(client, "&from=2030-01-01") == await listed(client)

    async def test_transcoding_hides_a_recording_until_it_is_done(
        self, client: Client, clock: Clock
    ) -> None:
        name = (await listed(client))["readyForTranscode"][0]
        reply = await client.goto("POST", f"{ARCHIVE}/transcode/{name}")
        during = await listed(client)
        clock.forward(seconds=2)
        after = await listed(client)
        assert reply.status == 204
        assert name not in during["readyForTranscode"] + during["readyForDownload"]
        assert name in after["readyForDownload"]

    async def test_an_acknowledged_recording_leaves_the_list(self, client: Client) -> None:
        first, second, *_ = (await listed(client))["readyForDownload"]
        reply = await client.goto("PUT", f"{ARCHIVE}/archived/{first},{second}")
        assert reply.status == 204
        assert first not in (await listed(client))["readyForDownload"]
        assert {first, second} <= set((await listed(client, "&archived=1"))["readyForDownload"])
        assert client.sim.journal.acknowledged == [first, second]

    @pytest.mark.parametrize(
        ("form", "rest"),
        [
            ("urls:csv", "urls?recordingIds={0},{1}"),
            ("urls:csv", "urls?recordingIds={0}%2C{1}"),
            ("urls:repeat", "urls?recordingIds={0}&recordingIds={1}"),
            ("urls:literal", "urls&recordingIds={0}&recordingIds={1}"),
        ],
    )
    async def test_every_form_of_ids_is_understood(
        self, client: Client, form: str, rest: str
    ) -> None:
        ids = (await listed(client))["readyForDownload"][:2]
        reply = await client.goto("GET", f"{ARCHIVE}/{rest.format(*ids)}")
        assert [one["recordingId"] for one in reply.json] == ids
        assert client.sim.journal.id_forms == {form: 1}

    async def test_ids_may_come_in_a_body(self, client: Client) -> None:
        ids = (await listed(client))["readyForDownload"][:2]
        reply = await client.goto("PUT", f"{ARCHIVE}/archived", json={"recordingIds": ids})
        assert (reply.status, client.sim.journal.acknowledged) == (204, ids)

    async def test_a_strict_host_knows_one_form_only(self, client: Client) -> None:
        client.sim.switches.goto.urls_form = "repeat"
        ids = (await listed(client))["readyForDownload"]
        reply = await client.goto("GET", f"{ARCHIVE}/urls?recordingIds={ids[0]},{ids[1]}")
        assert (reply.status, reply.json["errorCode"]) == (404, "NOT_FOUND")

    async def test_what_is_not_ready_has_no_url(self, client: Client) -> None:
        lists = await listed(client)
        ids = [lists["readyForTranscode"][0], lists["readyForDownload"][0]]
        reply = await client.goto("GET", f"{ARCHIVE}/urls?recordingIds={ids[0]},{ids[1]}")
        assert [one["recordingId"] for one in reply.json] == ids[1:]

    async def test_the_size_is_a_string_and_right(self, client: Client) -> None:
        name = client.sim.world.recordings[0].id
        (links,) = (await client.goto("GET", f"{ARCHIVE}/urls?recordingIds={name}")).json
        reply = await client.ask("GET", links["recordingUrl"])
        assert links["recordingSize"] == str(len(reply.body))

    async def test_urls_end_after_two_days(self, client: Client, clock: Clock) -> None:
        url = client.sim.scene.g2a_url(video(client))
        clock.forward(hours=48)
        assert (await client.ask("GET", url)).status == 403

    async def test_too_many_ids_are_refused(self, client: Client) -> None:
        ids = ",".join(["900000000000001"] * 501)
        assert (await client.goto("PUT", f"{ARCHIVE}/archived/{ids}")).status == 400

    async def test_one_bad_id_spoils_a_batch(self, client: Client) -> None:
        name = client.sim.world.recordings[0].id
        reply = await client.goto("GET", f"{ARCHIVE}/urls?recordingIds={name},1")
        assert (reply.status, reply.json["errorCode"]) == (403, "Forbidden")

    async def test_the_rate_limit_has_no_headers(self, client: Client) -> None:
        client.sim.switches.goto.per_second = 1
        await listed(client)
        reply = await client.goto("GET", f"{ARCHIVE}?{KEY}")
        assert reply.status == 429
        assert not [name for name in reply.headers if "rate" in name or "retry" in name]

    async def test_a_thumbnail_may_be_missing(self, client: Client) -> None:
        (file,) = [one.thumbnail for one in client.sim.world.recordings if one.thumbnail.missing]
        assert (await fetch(client, file)).status == 404

    async def test_events_may_be_empty(self, client: Client) -> None:
        (file,) = [r.events for r in client.sim.world.recordings if not r.events.content.size]
        reply = await fetch(client, file)
        assert (reply.status, reply.body) == (200, b"")


class TestZoomListings:
    """Z1 to Z6, Z11 to Z15, Z18, Z19."""

    async def test_a_wrong_secret_is_refused(self, client: Client) -> None:
        basic = aiohttp.encode_basic_auth("zoom-client-0001", "wrong")
        reply = await client.zoom("POST", "/oauth/token", headers={"Authorization": basic})
        assert (reply.status, reply.json["error"]) == (400, "invalid_client")

    async def test_a_new_token_may_kill_the_old_one(self, client: Client) -> None:
        client.sim.switches.zoom.new_token_kills_old = True
        old = await client.zoom_headers()
        await client.zoom_headers()
        reply = await client.zoom("GET", "/v2/users", headers=old)
        assert (reply.status, reply.json["code"]) == (401, 124)

    async def test_a_token_lives_for_an_hour(self, client: Client, clock: Clock) -> None:
        headers = await client.zoom_headers()
        clock.forward(seconds=3599)
        assert (await client.zoom("GET", "/v2/users", headers=headers)).status == 401

    async def test_a_long_span_is_clamped_without_an_error(self, client: Client) -> None:
        rest = "/v2/accounts/me/recordings?from=2025-01-01&to=2025-11-20"
        reply = await client.zoom("GET", rest)
        assert (reply.status, reply.json["from"]) == (200, "2025-10-20")

    async def test_pages_add_up_to_the_listing(self, client: Client) -> None:
        base = "/v2/accounts/me/recordings?from=2025-10-21&to=2025-11-20&page_size=4"
        found, token = [], ""
        while True:
            reply = await client.zoom("GET", f"{base}&next_page_token={token}")
            found += [one["uuid"] for one in reply.json["meetings"]]
            if not (token := reply.json["next_page_token"]):
                break
        wanted = [one.uuid for one in client.sim.world.meetings if not one.on_prem]
        assert sorted(found) == sorted(wanted)

    async def test_the_newest_meeting_comes_first(self, client: Client) -> None:
        reply = await client.zoom("GET", f"/v2/accounts/me/recordings?{SPAN}")
        starts = [one["start_time"] for one in reply.json["meetings"]]
        assert starts == sorted(starts, reverse=True)

    async def test_a_page_may_come_twice(self, client: Client) -> None:
        client.sim.switches.zoom.repeat_pages = True
        base = "/v2/accounts/me/recordings?from=2025-10-21&to=2025-11-20&page_size=4"
        first = (await client.zoom("GET", base)).json
        again = (
            await client.zoom("GET", f"{base}&next_page_token={first['next_page_token']}")
        ).json
        assert again["meetings"] == first["meetings"]

    async def test_a_uuid_with_slashes_needs_double_encoding(self, client: Client) -> None:
        (name, *_) = [m.uuid for m in client.sim.world.meetings if m.uuid.startswith("//")]
        once = await client.zoom("GET", f"/v2/meetings/{quoted(name, 1)}/recordings")
        twice = await client.zoom("GET", f"/v2/meetings/{quoted(name, 2)}/recordings")
        assert (once.status, once.json["code"]) == (404, 3001)
        assert (twice.status, twice.json["uuid"]) == (200, name)

    async def test_a_number_means_the_latest_instance(self, client: Client) -> None:
        number = client.sim.world.meetings[0].id
        latest = max(
            (one for one in client.sim.world.meetings if one.id == number),
            key=lambda one: one.started_at,
        )
        reply = await client.zoom("GET", f"/v2/meetings/{number}/recordings")
        assert reply.json["uuid"] == latest.uuid

    async def test_captions_and_timelines_are_bare(self, client: Client) -> None:
        reply = await client.zoom("GET", f"/v2/accounts/me/recordings?{SPAN}")
        files = [f for one in reply.json["meetings"] for f in one.get("recording_files", [])]
        bare = [file for file in files if file["file_type"] in ("CC", "TIMELINE")]
        assert len(bare) == 2
        assert not [file for file in bare if file.keys() & {"id", "status", "file_size"}]

    async def test_on_premise_recordings_are_listed_on_demand(self, client: Client) -> None:
        reply = await client.zoom("GET", f"/v2/accounts/me/recordings?{SPAN}&mc=true")
        (meeting,) = reply.json["meetings"]
        assert not [file for file in meeting["recording_files"] if "download_url" in file]

    async def test_a_user_has_his_own_meetings_only(self, client: Client) -> None:
        reply = await client.zoom("GET", f"/v2/users/u-0001/recordings?{SPAN}")
        assert {one["host_id"] for one in reply.json["meetings"]} == {"u-0001"}

    async def test_a_user_may_vanish_after_he_was_listed(self, client: Client) -> None:
        client.sim.world.users[0].gone = True
        reply = await client.zoom("GET", f"/v2/users/u-0001/recordings?{SPAN}")
        assert (reply.status, reply.json["code"]) == (404, 1001)

    async def test_a_missing_scope_is_400_and_named(self, client: Client) -> None:
        client.sim.switches.zoom.scopes = set()
        reply = await client.zoom("GET", "/v2/users")
        assert (reply.status, reply.json["code"]) == (400, 4711)
        assert "user:read:list_users:admin" in reply.json["message"]

    async def test_the_limit_a_second_has_headers_but_no_retry_after(self, client: Client) -> None:
        client.sim.switches.zoom.medium = (1, 0)
        headers = await client.zoom_headers()
        await client.zoom("GET", "/v2/users", headers=headers)
        reply = await client.zoom("GET", "/v2/users", headers=headers)
        assert (reply.status, reply.headers["x-ratelimit-type"]) == (429, "QPS")
        assert "retry-after" not in reply.headers

    async def test_the_daily_limit_ends_at_an_iso_time(self, client: Client) -> None:
        client.sim.switches.zoom.medium = (0, 1)
        await client.zoom("GET", "/v2/users")
        reply = await client.zoom("GET", "/v2/users")
        assert (reply.status, reply.headers["retry-after"]) == (429, "2025-11-21T00:00:00Z")

    async def test_a_rendition_may_come_late(self, client: Client, clock: Clock) -> None:
        meeting = client.sim.world.meetings[0]
        meeting.files[1].visible_from = NOW + timedelta(minutes=30)
        rest = f"/v2/meetings/{quoted(meeting.uuid, 2)}/recordings"
        before = (await client.zoom("GET", rest)).json["recording_count"]
        clock.forward(minutes=30)
        assert (await client.zoom("GET", rest)).json["recording_count"] == before + 1

    async def test_a_file_is_processing_before_it_is_completed(
        self, client: Client, clock: Clock
    ) -> None:
        meeting = client.sim.world.meetings[0]
        meeting.files[0].completed_from = NOW + timedelta(minutes=30)
        rest = f"/v2/meetings/{quoted(meeting.uuid, 2)}/recordings"
        before = (await client.zoom("GET", rest)).json["recording_files"][0]
        clock.forward(minutes=30)
        after = (await client.zoom("GET", rest)).json["recording_files"][0]
        assert (before["file_type"], before["status"]) == ("", "processing")
        assert (after["file_type"], after["status"]) == ("MP4", "completed")

    @pytest.mark.parametrize(("switch", "size"), [(True, 0), (False, None)])
    async def test_an_unfinished_file_may_have_addresses(
        self, client: Client, switch: bool, size: int | None
    ) -> None:
        client.sim.switches.zoom.processing_addresses = switch
        meeting = client.sim.world.meetings[0]
        meeting.files[0].stuck = True
        rest = f"/v2/meetings/{quoted(meeting.uuid, 2)}/recordings"
        shown = (await client.zoom("GET", rest)).json["recording_files"][0]
        assert ("download_url" in shown, shown.get("file_size")) == (switch, size)

    @pytest.mark.parametrize(("switch", "status"), [(True, 200), (False, 400)])
    async def test_me_is_the_owner(self, client: Client, switch: bool, status: int) -> None:
        client.sim.switches.zoom.me_listed = switch
        assert (await client.zoom("GET", "/v2/users/me/recordings")).status == status

    async def test_the_trash_shows_what_was_trashed_and_gives_it_back(self, client: Client) -> None:
        name = client.sim.world.meetings[0].uuid
        rest = f"/v2/meetings/{quoted(name, 2)}/recordings"
        trashed = await client.zoom("DELETE", f"{rest}?action=trash")
        gone = await client.zoom("GET", rest)
        shown = await client.zoom("GET", "/v2/accounts/me/recordings?trash=true")
        back = await client.zoom("PUT", f"{rest}/status", json={"action": "recover"})
        again = await client.zoom("GET", rest)
        (only,) = shown.json["meetings"]
        assert [r.status for r in (trashed, gone, back, again)] == [204, 404, 204, 200]
        assert only["uuid"] == name
        assert all("deleted_time" in file for file in only["recording_files"])

    async def test_a_single_file_can_be_trashed(self, client: Client) -> None:
        meeting = client.sim.world.meetings[0]
        rest = f"/v2/meetings/{quoted(meeting.uuid, 2)}/recordings/{meeting.files[0].id}"
        await client.zoom("DELETE", rest)
        query = "trash=true&trash_type=recording_file"
        shown = (await client.zoom("GET", f"/v2/accounts/me/recordings?{query}")).json
        ((only,),) = [one["recording_files"] for one in shown["meetings"]]
        assert only["id"] == meeting.files[0].id

    async def test_replies_can_be_scripted(self, client: Client) -> None:
        client.sim.faults.add("GET /v2/users", page(502), answer(NO_RIGHTS))
        edge = await client.zoom("GET", "/v2/users")
        hidden = await client.zoom("GET", "/v2/users")
        right = await client.zoom("GET", "/v2/users")
        assert (edge.status, edge.json) == (502, None)
        assert (hidden.status, hidden.json["code"]) == (200, 200)
        assert right.json["users"]


class TestVideoSdk:
    """Z17."""

    async def test_sessions_are_listed_in_a_wrapper(self, client: Client) -> None:
        rest = f"/v2/videosdk/recordings?{SPAN}"
        reply = await client.zoom("GET", rest, headers=client.sdk_headers())
        wanted = {session.id for session in client.sim.world.sessions}
        assert {one["session_id"] for one in reply.json["sessions"]} == wanted

    @pytest.mark.parametrize("claims", [{"iss": "x"}, {"app_key": "y"}, {"exp": 1}])
    async def test_another_token_is_refused(self, client: Client, claims: dict[str, Any]) -> None:
        headers = client.sdk_headers(**claims)
        reply = await client.zoom("GET", "/v2/videosdk/recordings", headers=headers)
        assert (reply.status, reply.json["code"]) == (401, 124)

    async def test_one_file_may_be_listed_twice(self, client: Client) -> None:
        rest = f"/v2/videosdk/recordings?{SPAN}"
        reply = await client.zoom("GET", rest, headers=client.sdk_headers())
        ids = [f["id"] for one in reply.json["sessions"] for f in one["recording_files"]]
        assert len(ids) == len(set(ids)) + 1

    async def test_external_files_have_no_download_url(self, client: Client) -> None:
        rest = f"/v2/videosdk/recordings?{SPAN}"
        reply = await client.zoom("GET", rest, headers=client.sdk_headers())
        files = [file for one in reply.json["sessions"] for file in one["recording_files"]]
        (external,) = [file for file in files if "external_storage_url" in file]
        assert "download_url" not in external

    async def test_the_token_may_come_in_the_query(self, client: Client) -> None:
        file = client.sim.world.sessions[0].files[0]
        token = client.sdk_headers()["Authorization"].removeprefix("Bearer ")
        url = f"{client.sim.scene.zoom_download_url(file)}?access_token={token}"
        reply = await client.ask("GET", url, allow_redirects=True)
        assert reply.body == body_of(file)


class TestZoomDownloads:
    """Z7, Z8, Z11, Z12, Z18."""

    @staticmethod
    def of(client: Client) -> tuple[SimFile, str]:
        file = client.sim.world.meetings[0].files[0]
        return file, client.sim.scene.zoom_download_url(file)

    async def test_a_download_is_a_redirect_to_another_origin(self, client: Client) -> None:
        _, url = self.of(client)
        reply = await client.ask("GET", url, headers=await client.zoom_headers())
        assert reply.status == 302
        assert URL(reply.headers["location"]).origin() != URL(url).origin()

    async def test_a_download_ends_in_the_expected_bytes(self, client: Client) -> None:
        file, url = self.of(client)
        headers = await client.zoom_headers()
        reply = await client.ask("GET", url, headers=headers, allow_redirects=True)
        (wanted,) = [one for one in client.sim.world.expected() if one.file == file.key]
        assert hashlib.sha256(reply.body).hexdigest() == wanted.sha256
        assert reply.headers["content-disposition"] == f'attachment; filename="{file.name}"'
        assert client.sim.journal.leaks == []

    async def test_the_target_refuses_a_bearer(self, client: Client) -> None:
        _, url = self.of(client)
        headers = await client.zoom_headers()
        target = (await client.ask("GET", url, headers=headers)).headers["location"]
        assert (await client.ask("GET", target, headers=headers)).status == 403
        assert len(client.sim.journal.leaks) == 1

    async def test_the_target_expires(self, client: Client, clock: Clock) -> None:
        _, url = self.of(client)
        headers = await client.zoom_headers()
        target = (await client.ask("GET", url, headers=headers)).headers["location"]
        clock.forward(minutes=30)
        assert (await client.ask("GET", target)).status == 403

    @pytest.mark.parametrize(
        ("switch", "code", "start"),
        [
            ("html", 200, b"<!DOCTYPE html>"),
            ("json", 200, FORBIDDEN),
            ("401", 401, FORBIDDEN),
            ("403", 403, FORBIDDEN),
            ("404", 404, FORBIDDEN),
        ],
    )
    async def test_a_bad_token_gets_one_of_many_answers(
        self, client: Client, switch: str, code: int, start: bytes
    ) -> None:
        client.sim.switches.downloads.bad_answer = switch
        reply = await client.ask("GET", self.of(client)[1])
        assert (reply.status, reply.body.startswith(start)) == (code, True)

    async def test_a_download_token_of_a_meeting_opens_its_files(self, client: Client) -> None:
        meeting = client.sim.world.meetings[0]
        rest = f"/v2/meetings/{quoted(meeting.uuid, 2)}/recordings"
        shape = await client.zoom("GET", f"{rest}?include_fields=download_access_token&ttl=60")
        headers = {"Authorization": f"Bearer {shape.json['download_access_token']}"}
        assert (await client.ask("GET", self.of(client)[1], headers=headers)).status == 302

    async def test_a_listing_scope_is_not_enough(self, client: Client) -> None:
        client.sim.switches.zoom.scopes.discard("cloud_recording:read:list_recording_files:admin")
        headers = await client.zoom_headers()
        listing = await client.zoom("GET", "/v2/accounts/me/recordings", headers=headers)
        download = await client.ask("GET", self.of(client)[1], headers=headers)
        assert (listing.status, download.status, download.body) == (200, 401, FORBIDDEN)

    @pytest.mark.parametrize(("switch", "code"), [(True, 302), (False, 404)])
    async def test_the_trash_may_be_open_or_not(
        self, client: Client, switch: bool, code: int
    ) -> None:
        client.sim.switches.downloads.trashed = switch
        client.sim.world.meetings[0].trashed_at = NOW
        reply = await client.ask("GET", self.of(client)[1], headers=await client.zoom_headers())
        assert reply.status == code

    async def test_a_fresh_file_may_be_refused_for_a_while(
        self, client: Client, clock: Clock
    ) -> None:
        file, url = self.of(client)
        file.completed_from = NOW
        client.sim.switches.downloads.fresh_for = timedelta(minutes=1)
        headers = await client.zoom_headers()
        before = await client.ask("GET", url, headers=headers)
        clock.forward(minutes=1)
        after = await client.ask("GET", url, headers=headers)
        assert (before.status, after.status) == (401, 302)


class TestBodies:
    """Z9, Z10."""

    async def test_a_range_continues_a_file(self, client: Client) -> None:
        file = video(client)
        etag = (await fetch(client, file)).headers["etag"]
        reply = await fetch(client, file, Range="bytes=1000-", **{"If-Range": etag})
        assert (reply.status, reply.body) == (206, body_of(file)[1000:])

    async def test_a_changed_etag_starts_anew(self, client: Client) -> None:
        file = video(client)
        etag = (await fetch(client, file)).headers["etag"]
        client.sim.faults.add(file.key, Fault(flaw=Flaw.NEW_ETAG))
        reply = await fetch(client, file, Range="bytes=1000-", **{"If-Range": etag})
        assert (reply.status, len(reply.body)) == (200, file.content.size)

    @pytest.mark.parametrize("flaw", [Flaw.TRUNCATE, Flaw.RESET])
    async def test_a_broken_body_is_noticed(self, client: Client, flaw: Flaw) -> None:
        client.sim.faults.add(video(client).key, Fault(flaw=flaw, at=5_000))
        with pytest.raises(aiohttp.ClientError):
            await fetch(client, video(client))

    async def test_a_silent_cut_looks_like_success(self, client: Client) -> None:
        client.sim.faults.add(video(client).key, Fault(flaw=Flaw.CUT_SILENTLY, at=-500))
        reply = await fetch(client, video(client))
        assert (reply.status, reply.body) == (200, body_of(video(client))[:-500])

    async def test_a_corrupt_byte_heals_on_the_next_attempt(self, client: Client) -> None:
        file = video(client)
        client.sim.faults.add(file.key, Fault(flaw=Flaw.CORRUPT, at=-10))
        bad, good = (await fetch(client, file)).body, (await fetch(client, file)).body
        wrong = [at for at, (a, b) in enumerate(zip(bad, good, strict=True)) if a != b]
        assert (wrong, good) == ([file.content.size - 10], body_of(file))

    @pytest.mark.parametrize("flaw", [Flaw.STALL, Flaw.DRIP])
    async def test_a_slow_body_is_complete(self, client: Client, flaw: Flaw) -> None:
        file = video(client)
        client.sim.faults.add(file.key, Fault(flaw=flaw, at=-2_000, seconds=0.001))
        assert (await fetch(client, file)).body == body_of(file)

    @pytest.mark.parametrize(
        ("flaw", "header", "value"),
        [
            (Flaw.CHUNKED, "transfer-encoding", "chunked"),
            (Flaw.CLOSE, "connection", "close"),
            (Flaw.GZIP, "content-encoding", "gzip"),
        ],
    )
    async def test_framings_differ_but_not_the_bytes(
        self, client: Client, flaw: Flaw, header: str, value: str
    ) -> None:
        file = video(client)
        client.sim.faults.add(file.key, Fault(flaw=flaw))
        reply = await fetch(client, file)
        assert (reply.headers[header], reply.body) == (value, body_of(file))

    @pytest.mark.parametrize("more", [7, -7])
    async def test_a_size_may_differ_from_the_listed_one(self, client: Client, more: int) -> None:
        file = video(client)
        client.sim.faults.add(file.key, Fault(flaw=Flaw.GROW, at=more))
        assert len((await fetch(client, file)).body) == file.content.size + more

    async def test_errors_come_as_often_as_scripted(self, client: Client) -> None:
        file = video(client)
        client.sim.faults.add(file.key, status(503), status(429, retry_after="3"))
        replies = [await fetch(client, file) for _ in range(3)]
        assert [reply.status for reply in replies] == [503, 429, 200]
        assert replies[1].headers["retry-after"] == "3"

    async def test_chaos_gives_everything_on_the_second_attempt(self, client: Client) -> None:
        client.sim.faults.chaos = Chaos(1, 0.5, (status(503), Fault(flaw=Flaw.CUT_SILENTLY, at=50)))
        for recording in client.sim.world.recordings:
            bodies = [(await fetch(client, recording.video)).body for _ in range(2)]
            assert body_of(recording.video) in bodies
        assert client.sim.journal.faults.keys() == {"status", "cut-silently"}

    async def test_a_large_body_comes_in_slices(self, client: Client) -> None:
        file = video(client)
        file.content = replace(file.content, wanted=9_000_000)
        assert hashlib.sha256((await fetch(client, file)).body).hexdigest() == file.content.sha256

    async def test_digests_are_announced_on_demand(self, client: Client) -> None:
        client.sim.switches.downloads.digests = frozenset({"zoom-file-sha256"})
        reply = await fetch(client, video(client))
        assert reply.headers["zoom-file-sha256"] == hashlib.sha256(reply.body).hexdigest()


async def test_a_stalled_body_does_not_delay_the_end() -> None:
    with anyio.fail_after(120):
        async with aiohttp.ClientSession() as session, Simulator(7, extent=EXTENT) as sim:
            file = sim.world.recordings[0].video
            sim.faults.add(file.key, Fault(flaw=Flaw.STALL, at=100, seconds=600))
            async with session.get(sim.scene.g2a_url(file)) as reply:
                assert len(await reply.content.readexactly(100)) == 100


async def test_new_recordings_are_listed_at_once(client: Client) -> None:
    recording = client.sim.studio.add_recording(NOW - timedelta(minutes=5))
    assert (await listed(client))["readyForDownload"][-1] == recording.id


def test_it_runs_by_itself_and_prints_a_configuration() -> None:
    command = [sys.executable, "-m", "reelkeep.simulator", "--recordings", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        printed = "".join(_until(lines, "    api_secret:", "    since:"))
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(10) == 0
    types = [provider["type"] for provider in yaml.safe_load(printed)["providers"]]
    assert types == ["gotoassist", "zoom", "zoom-videosdk"]


def _until(lines: Any, *marks: str) -> list[str]:
    found: list[str] = []
    left = list(marks)
    for line in lines:
        found.append(line)
        if left and line.startswith(left[0]):
            left.pop(0)
        if not left:
            break
    return found
