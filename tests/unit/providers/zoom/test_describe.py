from __future__ import annotations

import pytest

from fakes.transport import FakeReply
from fakes.zoom import Bench, discovered, error, file, meeting, page
from reelkeep.errors import AuthFailed
from virtual import VIRTUAL, Backend

LIST = "/users/u-1/recordings"
WHOLE = "/meetings/m-1/recordings"
AUDIO = {"participant_audio_files": [file("a-1", file_type="M4A", recording_type=...)]}


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def bench(*answers: FakeReply) -> Bench:
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


@pytest.mark.parametrize("answer", [error(404, 3301, "?"), error(200, 200, "?")])
async def test_a_recording_that_cannot_be_described_is_taken_as_it_is(answer: FakeReply) -> None:
    adapter = bench(answer).meetings(participant_audio=True)
    listed = await discovered(adapter)
    assert await adapter.describe(listed) == listed


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


async def test_a_missing_scope_is_no_property_of_a_recording() -> None:
    adapter = bench(error(400, 4711, "does not contain scopes:[a:b]")).meetings(
        participant_audio=True
    )
    listed = await discovered(adapter)
    with pytest.raises(AuthFailed):
        await adapter.describe(listed)


async def test_zoom_neither_transcodes_nor_is_told() -> None:
    adapter = bench().meetings()
    listed = await discovered(adapter)
    await adapter.transcode([each.id for each in listed])
    assert list(await adapter.acknowledge([each.id for each in listed])) == []
