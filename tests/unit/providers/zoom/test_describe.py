from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fakes.transport import FakeReply
from fakes.zoom import Bench, discovered, error, file, meeting, page
from reelkeep.core.model import RecordingId, Window
from reelkeep.core.poll_window import PartlyDescribed, Unread
from reelkeep.errors import AuthFailed, BadAnswer, Unreachable
from reelkeep.providers.zoom.endpoints import encoded
from reelkeep.providers.zoom.recording_api import NOWHERE
from virtual import VIRTUAL, Backend

LIST = "/users/u-1/recordings"
WHOLE = "/meetings/m-1/recordings"
AUDIO = {"participant_audio_files": [file("a-1", file_type="M4A", recording_type=...)]}


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def bench(*answers: FakeReply | Exception) -> Bench:
    made = Bench()
    made.script.on(LIST, page([meeting("m-1", file("f-1"))]))
    made.script.on(WHOLE, *answers)
    return made


async def test_a_description_adds_the_audio_of_participants() -> None:
    adapter = bench(FakeReply.json(meeting("m-1", file("f-1"), **AUDIO))).meetings(
        participant_audio=True
    )
    (described,) = await adapter.describe(await discovered(adapter))
    assert [each.id for each in described.files] == ["f-1", "a-1"]


async def test_nothing_is_asked_unless_it_is_wanted() -> None:
    made = bench()
    adapter = made.meetings()
    listed = await discovered(adapter)
    assert await adapter.describe(listed) == listed
    assert made.script.at(WHOLE) == []


async def test_a_description_holds_no_secret() -> None:
    body = meeting("m-1", file("f-1"), password="pp-0001", download_access_token="t-0001")
    adapter = bench(FakeReply.json(body)).meetings(participant_audio=True)
    (described,) = await adapter.describe(await discovered(adapter))
    assert "0001" not in repr(described).replace("acct-0001", "")


async def test_a_recording_that_is_lost_is_taken_as_it_is_if_all_announced_is_listed() -> None:
    adapter = bench(error(404, 3301, "?")).meetings(participant_audio=True)
    listed = await discovered(adapter)
    assert await adapter.describe(listed) == listed


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(404, 3301, "There is no recording."), "There is no recording."),
        (error(403, 403, "Not for you."), "Not for you."),
        (error(200, 200, "No permission."), "No permission."),
        (error(400, 1010, "User not found."), "User not found."),
    ],
)
async def test_audio_that_is_refused_is_out_of_reach(answer: FakeReply, words: str) -> None:
    made = bench(answer)
    made.script.on(LIST, page([meeting("m-1", file("f-1"), recording_count=...)]))
    adapter = made.meetings(participant_audio=True)
    (described,) = await adapter.describe(await discovered(adapter))
    assert [each.id for each in described.files] == ["f-1"]
    assert described.shortfall is not None
    assert (described.shortfall.missing, words in described.shortfall.told) == (1, True)


async def test_audio_that_is_refused_is_out_of_reach_whatever_is_counted() -> None:
    adapter = bench(error(200, 200, "?")).meetings(participant_audio=True)
    (described,) = await adapter.describe(await discovered(adapter))
    assert described.shortfall is not None
    assert described.shortfall.missing == 1


async def test_a_recording_that_is_gone_is_no_refusal() -> None:
    made = bench(error(404, 3301, "?"))
    adapter = made.meetings(participant_audio=True)
    await adapter.describe(await discovered(adapter))
    assert made.log.events == []


async def test_a_refused_description_is_reported() -> None:
    made = bench(error(200, 200, "?"))
    adapter = made.meetings(participant_audio=True)
    await adapter.describe(await discovered(adapter))
    assert len(made.log.named("provider.refused")) == 1


async def test_what_is_not_ready_is_left_out() -> None:
    processing = meeting("m-1", file("f-1", status="processing"))
    made = bench(FakeReply.json(processing))
    made.script.on(LIST, page([processing]))
    adapter = made.meetings(participant_audio=True)
    assert await adapter.describe(await discovered(adapter)) == []


async def test_a_missing_scope_is_the_accounts_if_it_is_missing_for_all() -> None:
    made = bench()
    many = [meeting(f"m-{number}") for number in range(20)]
    made.script.on(LIST, page(many))
    for id_ in (*(f"m-{number}" for number in range(20)), encoded(NOWHERE)):
        refused = error(400, 4711, "does not contain scopes:[a:b]")
        made.script.on(f"/meetings/{id_}/recordings", refused)
    adapter = made.meetings(participant_audio=True)
    with pytest.raises(AuthFailed):
        await adapter.describe(await discovered(adapter))
    asked = [each for each in made.script.asked if each.path.startswith("/meetings/")]
    assert len(asked) == 9  # the last is for a recording that does not exist


async def test_many_that_fail_first_keep_nobody_else_from_being_described() -> None:
    made = bench()
    made.script.on(LIST, page([meeting(f"m-{number}") for number in range(20)]))
    for number in range(20):
        fine = FakeReply.json(meeting(f"m-{number}", file("f"), **AUDIO))
        answer = error(500, 500, "oops") if number < 12 else fine
        made.script.on(f"/meetings/m-{number}/recordings", answer)
    adapter = made.meetings(participant_audio=True)
    with pytest.raises(PartlyDescribed) as caught:
        await adapter.describe(await discovered(adapter))
    told = [each for each in caught.value.described if "a-1" in {file.id for file in each.files}]
    assert len(told) == 8
    assert len(caught.value.described) == 20
    assert "12 recordings" in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        error(500, 500, "oops"),
        error(400, 4711, "does not contain scopes:[a:b]"),
        error(401, 124, "?"),
        FakeReply.of(b"<html>", status=200),
        FakeReply.of(b'{"uuid', status=200),
        FakeReply.json(meeting("m-3", file("f-3"))),
        Unreachable("the connection was closed"),
    ],
)
async def test_a_recording_that_cannot_be_asked_for_leaves_the_others_alone(
    answer: FakeReply | Exception,
) -> None:
    made = bench(answer)
    made.script.on("/meetings/m-2/recordings", FakeReply.json(meeting("m-2")))
    made.script.on(LIST, page([meeting("m-1"), meeting("m-2")]))
    adapter = made.meetings(participant_audio=True)
    with pytest.raises(PartlyDescribed) as caught:
        await adapter.describe(await discovered(adapter))
    told = {str(each.id): each for each in caught.value.described}
    there = told["m-2"].shortfall
    assert told["m-2"].undescribed is None
    assert there is not None
    assert there.missing == 0
    assert told["m-1"].files  # the video does not wait for the audio
    assert told["m-1"].undescribed is None
    short = told["m-1"].shortfall
    assert short is not None
    assert (short.missing, "m-1" in short.told) == (1, True)
    day = datetime(2025, 11, 18, tzinfo=UTC)
    window = Window(day, day + timedelta(days=1))
    assert caught.value.unread == (Unread("host@example.test", window),)
    assert "m-1" in str(caught.value)


async def test_zoom_neither_transcodes_nor_is_told() -> None:
    adapter = bench().meetings()
    listed = await discovered(adapter)
    await adapter.transcode([each.id for each in listed])
    assert list(await adapter.acknowledge([each.id for each in listed])) == []


@pytest.mark.parametrize(
    "refused", [error(400, 4711, "?"), FakeReply.of(b"<html>404</html>", status=404)]
)
async def test_a_look_up_that_is_refused_for_one_alone_is_not_about_the_account(
    refused: FakeReply,
) -> None:
    made = bench(refused)
    made.script.on(f"/meetings/{encoded(NOWHERE)}/recordings", error(404, 3301, "nothing"))
    with pytest.raises(BadAnswer, match="refused for this recording alone"):
        await made.meetings().look_up(RecordingId("m-1"))


async def test_a_look_up_that_is_refused_as_every_other_is_about_the_account() -> None:
    made = bench(error(400, 4711, "?"))
    made.script.on(f"/meetings/{encoded(NOWHERE)}/recordings", error(400, 4711, "?"))
    with pytest.raises(AuthFailed):
        await made.meetings().look_up(RecordingId("m-1"))
