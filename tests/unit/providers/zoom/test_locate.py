from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from fakes.transport import FakeReply
from fakes.zoom import NOW, URL, Asked, Bench, discovered, error, file, meeting, page, session
from reelkeep.core.model import FileId, RecordingId
from reelkeep.core.poll_window import PartlyRead
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Error,
    Gone,
    NotYet,
    OutOfReach,
    RateLimited,
    Refused,
)
from reelkeep.providers.zoom.provider import Zoom
from virtual import VIRTUAL, Backend

LIST = "/users/u-1/recordings"
WHOLE = "/meetings/m-1/recordings"
SESSION = session("s-1", file("f-1"))
ID, FILE = RecordingId("m-1"), FileId("f-1")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Hand:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.bench = Bench(clock=lambda: self.now)
        self.now = NOW

    def on_whole(self, *answers: FakeReply) -> None:
        self.bench.script.on(WHOLE, *answers)

    @property
    def wholes(self) -> int:
        return len(self.bench.script.at(WHOLE))


def whole(*files: dict[str, object]) -> FakeReply:
    return FakeReply.json(meeting("m-1", *files))


async def listed(hand: Hand, adapter: Zoom) -> None:
    hand.bench.script.on(LIST, page([meeting("m-1", file("f-1", download_url=f"{URL}listed"))]))
    await discovered(adapter)


async def test_the_address_of_a_listing_is_used() -> None:
    hand = Hand()
    adapter = hand.bench.meetings()
    await listed(hand, adapter)
    locator = await adapter.locate(ID, FILE, fresh=False)
    assert (locator.url, locator.kin) == (f"{URL}listed", ".zoom.us")
    assert locator.credentials == {"Authorization": "Bearer at-1"}
    assert hand.wholes == 0


async def test_an_old_address_is_asked_for_again() -> None:
    hand = Hand()
    adapter = hand.bench.meetings()
    await listed(hand, adapter)
    hand.on_whole(whole(file("f-1")))
    hand.now += timedelta(hours=2)
    assert (await adapter.locate(ID, FILE, fresh=False)).url == f"{URL}f-1"


async def test_a_fresh_address_is_always_asked_for() -> None:
    hand = Hand()
    adapter = hand.bench.meetings()
    await listed(hand, adapter)
    hand.on_whole(whole(file("f-1")))
    assert (await adapter.locate(ID, FILE, fresh=True)).url == f"{URL}f-1"


async def test_asking_for_one_file_finds_the_others() -> None:
    hand = Hand()
    hand.on_whole(whole(file("f-1"), file("f-2")))
    adapter = hand.bench.meetings()
    await adapter.locate(ID, FILE, fresh=False)
    await adapter.locate(ID, FileId("f-2"), fresh=False)
    assert hand.wholes == 1


async def test_a_file_without_an_id_is_found_by_type_and_start() -> None:
    hand = Hand()
    bare = file("x", id=..., status=..., file_type="TIMELINE", download_url=f"{URL}timeline")
    hand.on_whole(whole(file("f-1"), bare))
    locator = await hand.bench.meetings().locate(
        ID, FileId("TIMELINE@2025-11-18T09:00:20Z"), fresh=True
    )
    assert locator.url == f"{URL}timeline"


async def test_fresh_renews_a_token_of_some_age() -> None:
    hand = Hand()
    hand.on_whole(whole(file("f-1")))
    adapter = hand.bench.meetings()
    await adapter.locate(ID, FILE, fresh=True)
    hand.now += timedelta(minutes=5)
    locator = await adapter.locate(ID, FILE, fresh=True)
    assert locator.credentials == {"Authorization": "Bearer at-2"}


async def test_many_fresh_locators_renew_one_token() -> None:
    hand = Hand()
    hand.on_whole(whole(file("f-1")))
    adapter = hand.bench.meetings()
    await adapter.locate(ID, FILE, fresh=True)
    hand.now += timedelta(minutes=5)

    async def locate() -> None:
        await adapter.locate(ID, FILE, fresh=True)

    async with anyio.create_task_group() as together:
        for _ in range(20):
            together.start_soon(locate)
    assert hand.bench.script.tokens == 2


async def test_ids_with_slashes_are_encoded_twice() -> None:
    bench = Bench()
    path = "/meetings/%252FaB3%252Fx%252F%252FYz%252B12Q%253D%253D/recordings"
    bench.script.on(path, FakeReply.json(meeting("/aB3/x//Yz+12Q==", file("f-1"))))
    await bench.meetings().locate(RecordingId("/aB3/x//Yz+12Q=="), FILE, fresh=False)
    assert len(bench.script.at(path)) == 1


async def test_an_unknown_meeting_is_asked_for_once_more_encoded_twice() -> None:
    bench = Bench()
    bench.script.on("/meetings/a%2B1/recordings", error(404, 3001, "Meeting does not exist."))
    bench.script.on("/meetings/a%252B1/recordings", FakeReply.json(meeting("a+1", file("f-1"))))
    locator = await bench.meetings().locate(RecordingId("a+1"), FILE, fresh=False)
    assert locator.url == f"{URL}f-1"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(404, 3301, "no recording"), Gone),
        (error(404, 3001, "no meeting"), Gone),
        (error(404, 1001, "no user"), Gone),
        (FakeReply.json({"message": "?"}, status=404), Gone),
        (error(200, 200, "not the right permissions"), Refused),
        (error(400, 300, "invalid"), Refused),
        (error(429, 429, "daily", Retry_After="2025-11-21T00:00:00Z"), RateLimited),
        (whole(file("f-2")), Gone),
        (whole(file("f-1", status="processing")), NotYet),
        (whole(file("f-1", status="processing"), file("f-2")), NotYet),
        (whole(file("f-1", download_url=...)), NotYet),
        (whole(file("f-2", status="processing")), NotYet),
        (whole(file("f-1", download_url="ftp://host/x")), Refused),
        (whole(file("f-1", download_url="us02web.zoom.us/rec/download/x")), Refused),
        (FakeReply.json(meeting("another", file("f-1"))), BadAnswer),
        (whole(file("f-1", external_storage_url="s3://b/a", download_url=...)), OutOfReach),
    ],
)
async def test_what_cannot_be_located_says_why(answer: FakeReply, kind: type[Error]) -> None:
    bench = Bench()
    bench.script.on(WHOLE, answer)
    with pytest.raises(kind):
        await bench.meetings().locate(ID, FILE, fresh=False)


async def test_a_refusal_for_good_is_reported() -> None:
    bench = Bench()
    bench.script.on(WHOLE, error(200, 200, "not the right permissions"))
    with pytest.raises(Refused):
        await bench.meetings().locate(ID, FILE, fresh=False)
    (said,) = bench.log.named("provider.refused")
    assert (said["recording"], said["code"]) == ("m-1", "refused")


async def test_a_daily_limit_does_not_hold_known_addresses_back() -> None:
    hand = Hand()
    adapter = hand.bench.meetings()
    await listed(hand, adapter)
    hand.on_whole(error(429, 429, "daily", Retry_After="2025-11-21T00:00:00Z"))
    with pytest.raises(RateLimited):
        await adapter.locate(ID, FileId("f-2"), fresh=False)
    assert (await adapter.locate(ID, FILE, fresh=False)).url == f"{URL}listed"


def trashed(asked: Asked) -> FakeReply:
    files = [meeting("m-1", file("f-1"))] if asked.query.get("trash") else []
    return page(files)(asked)


async def test_what_went_to_the_trash_is_found_there() -> None:
    bench = Bench()
    bench.script.on(LIST, trashed)
    locator = await bench.meetings(trash="rescue").locate(ID, FILE, fresh=True)
    assert locator.url == f"{URL}f-1"


async def test_what_is_not_in_the_trash_is_gone() -> None:
    bench = Bench()
    bench.script.on(LIST, page([]))
    with pytest.raises(Gone):
        await bench.meetings(trash="rescue").locate(ID, FILE, fresh=True)


async def test_the_trash_is_read_once_for_many() -> None:
    bench = Bench()
    bench.script.on(LIST, trashed)
    adapter = bench.meetings(trash="rescue")

    async def locate() -> None:
        await adapter.locate(ID, FILE, fresh=True)

    async with anyio.create_task_group() as together:
        for _ in range(10):
            together.start_soon(locate)
    assert len(bench.script.at(LIST)) == 2


@pytest.mark.parametrize("body", [SESSION, {"sessions": [SESSION]}])
async def test_a_sessions_file_is_located_with_our_own_token(body: object) -> None:
    bench = Bench()
    bench.script.on("/videosdk/sessions/s-1/recordings", FakeReply.json(body))
    locator = await bench.sdk().locate(RecordingId("s-1"), FILE, fresh=False)
    assert locator.credentials["Authorization"].startswith("Bearer eyJ")


@pytest.mark.parametrize(("url", "start"), [(f"{URL}f", "?"), (f"{URL}f?a=1", "&")])
async def test_a_sessions_token_may_go_into_the_address(url: str, start: str) -> None:
    bench = Bench()
    body = session("s-1", file("f-1", download_url=url))
    bench.script.on("/videosdk/sessions/s-1/recordings", FakeReply.json(body))
    locator = await bench.sdk(token_in="query").locate(RecordingId("s-1"), FILE, fresh=False)
    assert locator.url.startswith(f"{url}{start}access_token=eyJ")
    assert (locator.credentials, locator.kin) == ({}, None)


async def test_a_locator_shows_neither_address_nor_token() -> None:
    bench = Bench()
    bench.script.on(WHOLE, whole(file("f-1")))
    locator = await bench.meetings().locate(ID, FILE, fresh=False)
    assert "at-1" not in repr(locator)
    assert "zoom.us/" not in repr(locator)


NOWHERE = "/meetings/AAAAAAAAAAAAAAAAAAAAAA%3D%3D/recordings"


@pytest.mark.parametrize(
    "answer",
    [
        error(400, 4711, "does not contain scopes:[a:b]"),
        error(401, 124, "?"),
        FakeReply.of(b"<html>Not found</html>", status=404),
    ],
)
async def test_a_refusal_of_one_recording_is_about_it_if_others_may_be_asked_for(
    answer: FakeReply,
) -> None:
    hand = Hand()
    hand.on_whole(answer)
    hand.bench.script.on(NOWHERE, error(404, 3001, "Meeting does not exist."))
    with pytest.raises(Refused, match="this recording alone"):
        await hand.bench.meetings().locate(ID, FILE, fresh=True)
    assert len(hand.bench.log.named("provider.refused")) == 1


async def test_a_refusal_of_all_recordings_is_about_the_credentials() -> None:
    hand = Hand()
    hand.on_whole(error(400, 4711, "does not contain scopes:[a:b]"))
    hand.bench.script.on(NOWHERE, error(400, 4711, "does not contain scopes:[a:b]"))
    with pytest.raises(AuthFailed):
        await hand.bench.meetings().locate(ID, FILE, fresh=True)


async def test_a_trash_that_was_partly_read_gives_what_was_found_and_claims_no_loss() -> None:
    hand = Hand()
    adapter = hand.bench.meetings(users=["u-1", "u-2"], trash="rescue")
    hand.on_whole(error(404, 3301, "There is no recording."))
    hand.bench.script.on(LIST, page([meeting("m-1", file("f-1"))]))
    hand.bench.script.on("/users/u-2/recordings", error(500, 500, "oops"))
    assert (await adapter.locate(ID, FILE, fresh=True)).url == f"{URL}f-1"
    with pytest.raises(PartlyRead, match="u-2, trash"):
        await adapter.locate(ID, FileId("f-2"), fresh=True)


def without_trash(asked: Asked) -> FakeReply:
    return error(403, 200, "?") if asked.query.get("trash") else page([])(asked)


async def test_the_trash_of_many_broken_users_hides_no_others() -> None:
    hand = Hand()
    users = [f"u-{number}" for number in range(60)]
    for name in users:
        hand.bench.script.on(f"/users/{name}/recordings", without_trash)
    hand.bench.script.on("/users/u-40/recordings", trashed)
    adapter = hand.bench.meetings(users=users, trash="rescue")
    hand.on_whole(error(404, 3301, "There is no recording."))
    assert (await adapter.locate(ID, FILE, fresh=True)).url == f"{URL}f-1"
