"""The page over real sockets, and by a daemon as a process."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import anyio
import pytest

from fakes.catalog import (
    NAME,
    START,
    Catalog,
    a_file,
    a_recording,
    failed,
    open_catalog,
    stored,
)
from integration.test_daemon import running, simulated
from reelkeep.archive.stored_files import StoredFiles
from reelkeep.catalog.browsing import CatalogBrowser
from reelkeep.core.addresses import Endpoint
from reelkeep.disk import ArchiveDisk
from reelkeep.errors import Refused
from reelkeep.page.access import PROTECTION, Access
from reelkeep.page.site import Site
from reelkeep.page.source import ActiveCondition, PageSource
from reelkeep.simulator.fixtures import Extent
from reelkeep.telemetry.server import Probes, serving

TOKEN = "the-token-of-this-page"
HOSTILE = "<script>alert(1)</script>\u202e\"'>"
FILM = bytes(range(256)) * 64
TALK = b"WEBVTT\n\n00:00:01.000 --> 00:00:02.000\n<b>Hello</b> &lt;img src=x onerror=alert(1)&gt;\n"


@dataclass
class World:
    """A site over a catalog and a folder, and what it reported."""

    root: Path
    catalog: Catalog
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lines: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    under_way: list[dict[str, Any]] = field(default_factory=list)
    problems: list[ActiveCondition] = field(default_factory=list)
    base: str = ""

    def report(self, event: str, /, **keys: object) -> None:
        self.events.append((event, keys))

    async def status(self) -> dict[str, Any]:
        line = {
            "name": NAME, "enabled": True, "reason": None, "last_success": START.isoformat(),
            "stored": 3, "pending": 1, "failed": 1, "unavailable": 0, "at_risk": 2,
            "stored_bytes": 5_000_000,
        }  # fmt: skip
        return {"providers": [line], "free_bytes": 7 * 10**9, "min_free": 10**9}

    def source(self, *, media: bool, actions: bool) -> PageSource:
        return PageSource(
            browser=CatalogBrowser(self.catalog.database),
            operator=self.catalog.operator,
            decisions=self.catalog.decisions if actions else None,
            media=StoredFiles(self.root, ArchiveDisk()) if media else None,
            status=self.status,
            transfers=lambda: self.under_way,
            problems=lambda: self.problems,
            lines=lambda number: [each for each in self.lines if each[0] > number],
            clock=self.catalog.clock,
            report=self.report,
        )

    async def archive(self, id_: str, **contents: bytes) -> str:
        """Archive a recording with files of these contents; return its key."""
        names = {name.replace("_", "."): body for name, body in contents.items()}
        files = [
            a_file(f"{n}", stem=name.partition(".")[0], extension=name.rpartition(".")[2],
                   size=len(body))
            for n, (name, body) in enumerate(names.items(), 1)
        ]  # fmt: skip
        await self.catalog.admit(a_recording(id_, *files, title=HOSTILE, started=START))
        claimed = await self.catalog.claim_all()
        for name, body in names.items():
            done = stored(claimed[f"{id_}/{name}"], hashlib.sha256(body).hexdigest())
            await self.catalog.ledger.record([replace(done, size=len(body))])
        await self.catalog.publish()
        holding = await self.catalog.holding(id_)
        home = self.root / str(holding.folder)
        home.mkdir(parents=True)
        for name, body in names.items():
            (home / name).write_bytes(body)
        return holding.key


async def nothing() -> Sequence[str]:
    return []


@asynccontextmanager
async def site(
    world: World, *, media: bool = True, actions: bool = True, base: str = "/"
) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve the page; yields a client without a token, whose cookies are kept."""
    access = Access(TOKEN, clock=world.catalog.clock, nonce=lambda: "nonce")
    made = Site(
        world.source(media=media, actions=actions), access, base=base, actions=actions,
        zone=ZoneInfo("UTC"),
    )  # fmt: skip
    probes = Probes(
        healthy=lambda: True, ready=nothing, status=world.status, metrics=lambda: b"",
        page=made.answer,
    )  # fmt: skip
    async with AsyncExitStack() as stack:
        at = await stack.enter_async_context(serving(probes, Endpoint("127.0.0.1", 0)))
        world.base = f"http://{at}"
        jar = aiohttp.CookieJar(unsafe=True)  # that is: also of addresses
        client = aiohttp.ClientSession(world.base, cookie_jar=jar)
        yield await stack.enter_async_context(client)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    return World(tmp_path, open_catalog())


@dataclass
class Got:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def ask(client: aiohttp.ClientSession, path: str, method: str = "GET", **options: Any) -> Got:
    async with client.request(method, path, allow_redirects=False, **options) as response:
        headers = {key.lower(): value for key, value in response.headers.items()}
        return Got(response.status, headers, await response.read())


async def signed_in(client: aiohttp.ClientSession) -> aiohttp.ClientSession:
    found = await ask(client, f"/?token={TOKEN}")
    assert found.status == 303
    return client


def form_token(page: Got) -> str:
    match = re.search(r'name="form" value="([0-9a-f]+)"', page.text)
    assert match is not None
    return match[1]


OWN = {"Sec-Fetch-Site": "same-origin"}


async def test_nobody_sees_anything_without_the_token(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        for path in ("/", "/coverage", "/recordings", f"/recordings/{key}", f"/media/{key}/1",
                     "/failures", "/log", "/events", "/chart/stored.svg", "/nowhere"):  # fmt: skip
            found = await ask(client, path)
            assert (found.status, found.headers["www-authenticate"]) == (401, "Bearer")
            found = await ask(client, path, headers={"Accept": "text/html"})
            assert (found.status, found.headers["location"]) == (303, "/sign-in")
        assert (await ask(client, "/healthz")).status == 200


async def test_a_link_with_the_token_signs_in_and_leaves_it_out_of_the_address(
    world: World,
) -> None:
    async with site(world) as client:
        found = await ask(client, f"/recordings?token={TOKEN}&q=a%20b")
        assert (found.status, found.headers["location"]) == (303, "/recordings?q=a+b")
        cookie = found.headers["set-cookie"]
        assert all(word in cookie for word in ("HttpOnly", "SameSite=Strict", "Max-Age=43200"))
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        assert (await ask(client, "/")).status == 200


async def test_a_form_signs_in_and_out(world: World) -> None:
    async with site(world) as client:
        assert 'type="password"' in (await ask(client, "/sign-in")).text
        found = await ask(client, "/sign-in", "POST", data={"token": TOKEN}, headers=OWN)
        assert found.status == 303
        page = await ask(client, "/")
        form = {"form": form_token(page)}
        assert (await ask(client, "/sign-out", "POST", data=form, headers=OWN)).status == 303
        assert (await ask(client, "/")).status == 401


async def test_a_bearer_token_lets_in(world: World) -> None:
    async with site(world) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await ask(client, "/recordings", headers=headers)).status == 200


async def test_a_wrong_token_is_refused_counted_and_reported(world: World) -> None:
    async with site(world) as client:
        for text in ("wrong", f"{TOKEN}x", ""):
            headers = {"Authorization": f"Bearer {text}"}
            found = await ask(client, "/", headers=headers)
            assert found.status == 401
            assert TOKEN not in found.text
        assert (await ask(client, "/?token=wrong")).status == 401
        refused = await ask(client, "/sign-in", "POST", data={"token": "wrong"}, headers=OWN)
        assert (refused.status, "This is not the token" in refused.text) == (401, True)
    assert [keys["attempts"] for name, keys in world.events if name == "page.refused"] == [1, 2, 4]


async def test_behind_https_the_cookie_is_for_https(world: World) -> None:
    async with site(world) as client:
        headers = {"X-Forwarded-Proto": "https"}
        found = await ask(client, f"/?token={TOKEN}", headers=headers)
        assert "Secure" in found.headers["set-cookie"]


async def test_a_name_that_is_not_this_machine_is_refused(world: World) -> None:
    async with site(world) as client:
        headers = {"Host": "evil.example:9477", "Authorization": f"Bearer {TOKEN}"}
        assert (await ask(client, "/", headers=headers)).status == 421


async def test_every_answer_tells_the_browser_to_be_careful(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        await signed_in(client)
        for path in ("/", "/coverage", f"/recordings/{key}", f"/media/{key}/1", "/nowhere",
                     "/static/page.css", "/sign-in", "/recordings?from=x"):  # fmt: skip
            found = await ask(client, path)
            for name, value in PROTECTION.items():
                assert found.headers[name.lower()] == value, path
        assert (await ask(client, "/")).headers["cache-control"] == "no-store"


async def test_no_page_has_scripts_or_styles_of_its_own(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM, talk_vtt=TALK)
    world.problems = [ActiveCondition("disk.low", "Little is left.", "Make room.")]
    async with site(world) as client:
        await signed_in(client)
        for path in ("/", "/coverage", "/recordings", f"/recordings/{key}", "/failures", "/log"):
            text = (await ask(client, path)).text
            assert not re.search(r"<script(?! src=)|<style|<[^>]*\s(?:style|on\w+)=", text), path


async def test_text_of_providers_stays_text(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM, talk_vtt=TALK)
    async with site(world) as client:
        await signed_in(client)
        for path in ("/recordings", f"/recordings/{key}", "/recordings?q=%3Cscript%3E"):
            text = (await ask(client, path)).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;" in text
        page = (await ask(client, f"/recordings/{key}")).text
        assert "Hello &lt;img src=x onerror=alert(1)&gt;" in page
        assert 'data-second="1.0"' in page


@pytest.mark.parametrize(
    ("range_", "status", "part"),
    [
        (None, 200, slice(None)),
        ("bytes=100-199", 206, slice(100, 200)),
        ("bytes=-16", 206, slice(-16, None)),
        ("bytes=16000-", 206, slice(16000, None)),
        ("bytes=0-1,5-6", 200, slice(None)),
    ],
)
async def test_a_file_is_sent_by_range(
    world: World, range_: str | None, status: int, part: slice
) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        await signed_in(client)
        headers = {"Range": range_} if range_ else {}
        found = await ask(client, f"/media/{key}/1", headers=headers)
        assert (found.status, found.body) == (status, FILM[part])
        assert found.headers["content-type"] == "video/mp4"
        assert found.headers["accept-ranges"] == "bytes"
        head = await ask(client, f"/media/{key}/1", "HEAD", headers=headers)
        assert (head.status, head.body) == (status, b"")
        assert head.headers["content-length"] == str(len(FILM[part]))


async def test_conditions_of_ranges_are_heeded(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        await signed_in(client)
        etag = (await ask(client, f"/media/{key}/1", "HEAD")).headers["etag"]
        assert etag == f'"{hashlib.sha256(FILM).hexdigest()}"'
        for condition, status in ((etag, 206), ('"other"', 200)):
            headers = {"Range": "bytes=1-2", "If-Range": condition}
            assert (await ask(client, f"/media/{key}/1", headers=headers)).status == status
        known = await ask(client, f"/media/{key}/1", headers={"If-None-Match": etag})
        assert (known.status, known.body) == (304, b"")
        behind = await ask(client, f"/media/{key}/1", headers={"Range": "bytes=99999-"})
        assert (behind.status, behind.headers["content-range"]) == (416, f"bytes */{len(FILM)}")


async def test_only_what_the_catalog_calls_stored_can_be_had(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    (world.root / "secret").write_bytes(b"secret")
    async with site(world) as client:
        await signed_in(client)
        for path in (f"/media/{key}/0", f"/media/{key}/2", f"/media/{key}/99999999999",
                     "/media/nokey/1", f"/media/{key}/../../secret", "/media/../secret/1",
                     f"/media/{key}/%2e%2e%2fsecret", "/static/../page.py", "/static/%2e%2e/x",
                     f"/media/{key}/-1", f"/media/{key}/\u0661"):  # fmt: skip
            found = await ask(client, path)
            assert found.status == 404, path
            assert b"secret" not in found.body.replace(b"/secret", b"")


async def test_a_file_that_is_gone_or_another_is_not_sent(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    (video,) = world.root.rglob("video.mp4")
    async with site(world) as client:
        await signed_in(client)
        video.write_bytes(b"short")
        assert (await ask(client, f"/media/{key}/1")).status == 404
        video.unlink()
        video.symlink_to("/etc/passwd")
        linked = await ask(client, f"/media/{key}/1")
        assert (linked.status, "remove the link" in linked.text) == (503, True)


async def test_pages_pictures_of_vectors_and_the_unknown_are_only_downloaded(
    world: World,
) -> None:
    key = await world.archive("a", page_html=b"<html>", image_svg=b"<svg/>", chat_txt=b"hi")
    async with site(world) as client:
        await signed_in(client)
        for number in (1, 2, 3):
            found = await ask(client, f"/media/{key}/{number}")
            assert found.headers["content-type"] == "application/octet-stream"
            assert found.headers["content-disposition"].startswith("attachment; ")


async def test_a_download_has_a_name(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        await signed_in(client)
        found = await ask(client, f"/media/{key}/1?download=1")
        told = found.headers["content-disposition"]
        assert told == "attachment; filename=\"video.mp4\"; filename*=UTF-8''video.mp4"


async def test_without_media_nothing_can_be_played_or_downloaded(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world, media=False) as client:
        await signed_in(client)
        assert (await ask(client, f"/media/{key}/1")).status == 403
        text = (await ask(client, f"/recordings/{key}")).text
        assert "/media/" not in text
        assert "<video" not in text


async def failing(world: World) -> str:
    await world.catalog.admit(a_recording("bad", a_file("1"), title="Bad one", started=START))
    (download,) = (await world.catalog.claim_all()).values()
    await world.catalog.ledger.record([failed(download, Refused("not for you"))])
    return (await world.catalog.holding("bad")).key


@pytest.mark.parametrize(
    ("action", "state", "word"), [("retry", "due", "retried"), ("waive", "waived", "waived")]
)
async def test_what_failed_is_decided_and_logged_with_who_did(
    world: World, action: str, state: str, word: str
) -> None:
    key = await failing(world)
    async with site(world) as client:
        await signed_in(client)
        page = await ask(client, "/failures")
        assert "not for you" in page.text
        form = {"form": form_token(page), "key": key, "file": "1", "action": action}
        done = await ask(client, "/failures", "POST", data=form, headers=OWN)
        assert (done.status, done.headers["location"]) == (303, f"/failures?changed={word}")
        again = await ask(client, "/failures", "POST", data=form, headers=OWN)
        assert again.headers["location"] == "/failures?changed=unchanged"
    assert set((await world.catalog.files("bad")).values()) == {state}
    ((_, keys),) = [each for each in world.events if each[0] == "page.decided"]
    assert (keys["by"], keys["address"], keys["action"]) == ("page", "127.0.0.1", action)


async def test_a_recording_is_decided_as_a_whole(world: World) -> None:
    key = await failing(world)
    async with site(world) as client:
        await signed_in(client)
        form = {"form": form_token(await ask(client, f"/recordings/{key}")), "action": "waive"}
        done = await ask(client, f"/recordings/{key}", "POST", data=form, headers=OWN)
        assert done.headers["location"] == f"/recordings/{key}?changed=waived"
    assert set((await world.catalog.files("bad")).values()) == {"waived"}


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({}, True, 403),
        ({"Origin": "https://evil.example"}, True, 403),
        ({"Origin": "null"}, True, 403),
        ({"Sec-Fetch-Site": "cross-site"}, True, 403),
        (OWN, False, 403),
    ],
)
async def test_a_form_of_somebody_else_changes_nothing(
    world: World, headers: dict[str, str], token: bool, status: int
) -> None:
    key = await failing(world)
    async with site(world) as client:
        await signed_in(client)
        form = {"key": key, "file": "1", "action": "waive"}
        if token:
            form["form"] = form_token(await ask(client, "/failures"))
        found = await ask(client, "/failures", "POST", data=form, headers=headers)
        assert found.status == status
    assert set((await world.catalog.files("bad")).values()) == {"failed"}


async def test_without_actions_nothing_can_be_changed(world: World) -> None:
    key = await failing(world)
    async with site(world, actions=False) as client:
        await signed_in(client)
        page = await ask(client, "/failures")
        assert 'value="waive"' not in page.text
        form = {"form": form_token(page), "key": key, "file": "1", "action": "waive"}
        found = await ask(client, "/failures", "POST", data=form, headers=OWN)
        assert found.status == 403
    assert set((await world.catalog.files("bad")).values()) == {"failed"}


async def test_a_long_form_is_refused(world: World) -> None:
    async with site(world) as client:
        data = {"token": "x" * 100_000}
        assert (await ask(client, "/sign-in", "POST", data=data, headers=OWN)).status == 413


async def test_the_list_is_searched_and_turned_page_by_page(world: World) -> None:
    await world.catalog.admit(
        *(a_recording(f"r{n}", title=f"Talk {n}", started=START - timedelta(days=n))
          for n in range(120))
    )  # fmt: skip
    async with site(world) as client:
        await signed_in(client)
        path, seen = "/recordings", set[str]()
        for _ in range(3):
            page = (await ask(client, path)).text
            seen |= set(re.findall(r">(Talk \d+)</a>", page))
            more = re.search(r'rel="next" href="([^"]+)"', page)
            path = more[1].replace("&amp;", "&") if more else ""
        assert (len(seen), path) == (120, "")
        day = (START - timedelta(days=7)).date()
        found = (await ask(client, f"/recordings?from={day}&to={day}")).text
        assert re.findall(r">(Talk \d+)</a>", found) == ["Talk 7"]
        assert ">Talk 99</a>" in (await ask(client, "/recordings?q=talk+99")).text
        assert ">Talk 33</a>" in (await ask(client, "/recordings?q=r33")).text
        assert "No recording was found" in (await ask(client, "/recordings?q=nothing")).text


@pytest.mark.parametrize("query", ["from=yesterday", "to=2026-13-01", "after=x", "after=1~1"])
async def test_what_cannot_be_read_is_said(world: World, query: str) -> None:
    async with site(world) as client:
        await signed_in(client)
        found = await ask(client, f"/recordings?{query}")
        assert found.status == 400
        assert "expected" in found.text or "no place" in found.text


async def test_a_list_that_is_known_is_not_sent_again(world: World) -> None:
    await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        await signed_in(client)
        for path in ("/recordings", "/static/page.css", "/chart/stored.svg"):
            etag = (await ask(client, path)).headers["etag"]
            again = await ask(client, path, headers={"If-None-Match": etag})
            assert (again.status, again.body) == (304, b"")


async def test_each_day_of_the_coverage_leads_to_its_recordings(world: World) -> None:
    await world.archive("a", video_mp4=FILM)
    async with site(world) as client:
        await signed_in(client)
        text = (await ask(client, "/coverage")).text
        match = re.search(r'<a class="stored" href="([^"]+)"', text)
        assert match is not None
        listed = (await ask(client, match[1].replace("&amp;", "&"))).text
        assert "&lt;script&gt;" in listed


async def test_the_overview_says_what_is_wrong_in_the_words_of_the_runbook(world: World) -> None:
    advice = "Make room.\nOr move it."
    world.problems = [ActiveCondition("disk.low", "Little room is left.", advice)]
    async with site(world) as client:
        await signed_in(client)
        text = (await ask(client, "/")).text
        assert all(word in text for word in ("disk.low", "Little room is left.", "Or move it."))


async def events(client: aiohttp.ClientSession, path: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with client.get(path) as response:
        assert response.headers["content-type"] == "text/event-stream"
        async for line in response.content:
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
            if len(found) == count:
                break
    return found


async def test_open_pages_are_told_of_progress(world: World) -> None:
    world.under_way = [
        {"provider": NAME, "recording": "a", "file": "v.mp4", "done": 5, "total": 9, "seconds": 1}
    ]
    async with site(world) as client:
        await signed_in(client)
        (news,) = await events(client, "/events", 1)
        assert (await ask(client, "/events", "HEAD")).body == b""
        assert (news["transfers"][0]["done"], news["transfers"][0]["rate"]) == (5, 5)
        assert news["providers"][0]["stored"] == 3


async def test_the_log_is_filtered_and_goes_on_live(world: World) -> None:
    base = {"timestamp": "2026-01-05T12:00:00Z", "event": "poll.completed"}
    world.lines = [
        (1, base | {"level": "info", "provider": "a", "recording": "<b>x</b>"}),
        (2, base | {"level": "error", "provider": "b", "event": "disk.low"}),
        (3, base | {"level": "warning", "provider": "a", "event": "poll.failed"}),
    ]
    async with site(world) as client:
        await signed_in(client)
        text = (await ask(client, "/log")).text
        assert text.index("poll.failed") < text.index("disk.low") < text.index("poll.completed")
        assert "&lt;b&gt;x&lt;/b&gt;" in text
        assert "poll.completed" not in (await ask(client, "/log?level=warning")).text
        assert "disk.low" not in (await ask(client, "/log?provider=a")).text
        found = await events(client, "/events?last=1&level=warning&provider=", 2)
        assert [each["event"] for each in found] == ["disk.low", "poll.failed"]


async def test_below_another_path_every_link_is_there(world: World) -> None:
    key = await world.archive("a", video_mp4=FILM)
    async with site(world, base="/tapes/") as client:
        found = await ask(client, f"/tapes/?token={TOKEN}")
        assert (found.headers["location"], "Path=/tapes/" in found.headers["set-cookie"]) == (
            "/tapes/",
            True,
        )
        text = (await ask(client, f"/tapes/recordings/{key}")).text
        links = re.findall(r'(?:href|src|action)="([^"]+)"', text)
        assert links
        assert all(each.startswith(("/tapes/", "#")) for each in links)


async def test_many_and_slow_browsers_do_no_harm(world: World) -> None:
    """More than are served are hung up on; the daemon's own pages answer afterwards."""
    key = await world.archive("a", video_mp4=FILM * 500)
    async with site(world) as client:
        await signed_in(client)
        cookies = "; ".join(f"{each.key}={each.value}" for each in client.cookie_jar)
        asked = f"GET /media/{key}/1 HTTP/1.1\r\nHost: localhost\r\nCookie: {cookies}\r\n\r\n"
        port = int(world.base.rpartition(":")[2])
        async with AsyncExitStack() as stack:
            for _ in range(200):
                stream = await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))
                try:
                    await stream.send(asked.encode())
                except anyio.BrokenResourceError:
                    continue  # one too many
            assert (await ask(client, "/nowhere")).status in (404, 503)
        assert (await ask(client, "/healthz")).status == 200
        assert (await ask(client, f"/media/{key}/1", "HEAD")).status == 200


async def test_a_daemon_has_the_page_that_its_configuration_asks_for(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    page = {"token": {"file": "token"}, "base_path": "/"}
    extent = Extent(recordings=2, meetings=2, sessions=1, odd=False)
    server = {"listen": "127.0.0.1:0", "page": page}
    async with simulated(tmp_path, extent, server=server) as place, running(place) as daemon:
        while place.missing():
            published = len(daemon.named("recording.published"))
            await daemon.says("recording.published", published + 1)
        async with aiohttp.ClientSession(await daemon.url()) as client:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            assert "Nothing is wrong now" in (await ask(client, "/", headers=headers)).text
            listed = (await ask(client, "/recordings", headers=headers)).text
            keys = re.findall(r'href="/recordings/([0-9a-f]+)"', listed)
            assert len(keys) >= 4
            digests = set[str]()
            for key in keys:
                shown = (await ask(client, f"/recordings/{key}", headers=headers)).text
                for path in re.findall(r'href="(/media/[^"]+)\?download=1"', shown):
                    body = (await ask(client, path, headers=headers)).body
                    digests.add(hashlib.sha256(body).hexdigest())
            assert {each.sha256 for each in place.sim.world.expected()} <= digests
            assert "recording.published" in (await ask(client, "/log", headers=headers)).text
            assert (await ask(client, "/", headers={"Authorization": "Bearer no"})).status == 401
        (refused,) = await daemon.says("page.refused")
        assert refused["address"] == "127.0.0.1"
        assert TOKEN not in json.dumps(daemon.lines)
        assert daemon.complaints == []
