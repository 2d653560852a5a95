"""One id that hides the others of its batch is found; nobody waits for ever."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fakes.goto import Api, Asked, ids, options, tools
from fakes.transport import FakeReply
from reelkeep.core.model import RecordingId
from reelkeep.providers.gotoassist import client
from reelkeep.providers.gotoassist.batch_calls import Bulk
from reelkeep.providers.gotoassist.client import GoToClient
from reelkeep.providers.gotoassist.replies import read_links
from reelkeep.providers.pacing import Pacer
from unit.providers.gotoassist.test_client import Tokens
from virtual import VIRTUAL, Backend, clock


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def asked_for(asked: Asked) -> list[str]:
    return asked.pairs["recordingIds"].split(",")


def bulk(api: Api) -> Bulk:
    async def sound() -> Sequence[RecordingId]:
        return []

    return Bulk(
        GoToClient(options(), tools(api.transport), Tokens(), Pacer(1000, clock=clock)),
        client.urls(options().ids),
        most=500,
        probe=sound,
        check=lambda answer: read_links(answer.json),
        names_nobody=lambda answer: not read_links(answer.json),
    )


@pytest.mark.parametrize("hiding", [1, 17, 40])
async def test_an_id_that_hides_the_others_is_set_apart(hiding: int) -> None:
    def answer(asked: Asked) -> FakeReply:
        wanted = asked_for(asked)
        if str(hiding) in wanted:
            return FakeReply.json([])
        return FakeReply.json([{"recordingId": int(each)} for each in wanted])

    served = await bulk(Api(answer)).send(ids(*range(1, 41)))
    assert set(served.accepted) == {str(n) for n in range(1, 41)}
    found = {id_ for _, each in served.answers for id_ in read_links(each.json)}
    assert found == {str(n) for n in range(1, 41) if n != hiding}


async def test_where_nobody_is_ready_two_more_requests_show_it() -> None:
    api = Api(lambda _asked: FakeReply.json([]))
    served = await bulk(api).send(ids(*range(1, 501)))
    assert (len(api.asked), len(served.accepted)) == (3, 500)


async def test_an_answer_that_names_some_is_taken_as_it_is() -> None:
    api = Api(lambda asked: FakeReply.json([{"recordingId": int(asked_for(asked)[0])}]))
    await bulk(api).send(ids(*range(1, 501)))
    assert len(api.asked) == 1
