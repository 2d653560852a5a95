"""One account's conversation with the API, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from fakes.goto import Answer, Api, Asked, account, invalid_token, options, refusal, tools
from fakes.log import RecordedLog
from fakes.transport import FakeReply
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Misconfigured,
    RateLimited,
    Refused,
    Stalled,
    Unavailable,
    Unreachable,
)
from reelkeep.providers.gotoassist.api_errors import RequestRejected
from reelkeep.providers.gotoassist.client import Call, GoToClient, listing
from reelkeep.providers.pacing import Pacer
from reelkeep.providers.web import Answer as Said
from virtual import VIRTUAL, Backend, clock

EMPTY = FakeReply.json({"readyForTranscode": [], "readyForDownload": []})
HTML = FakeReply.of(b"<html>RecordedLog in</html>", Content_Type="text/html")


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Tokens:
    """Credentials whose tokens are `at-1`, `at-2`, …"""

    def __init__(self) -> None:
        self.count = 1

    async def get(self) -> str:
        return f"at-{self.count}"

    async def renew(self, stale: str) -> str:
        if stale == f"at-{self.count}":
            self.count += 1
        return f"at-{self.count}"


class Line:
    """A client on a script."""

    def __init__(self, *script: Answer, rate: float = 100, **given: object) -> None:
        self.api = Api(script)
        self.log = RecordedLog()
        self.tokens = Tokens()
        self.options = options(**given)
        self.client = GoToClient(
            self.options,
            tools(self.api.transport, log=self.log),
            self.tokens,
            Pacer(rate, clock=clock),
        )

    async def say(self, call: Call | None = None) -> Said:
        return await self.client.send(call or listing(self.options))

    @property
    def authorizations(self) -> Sequence[str]:
        return [asked.authorization for asked in self.api.asked]


async def test_a_request_carries_the_token_as_bearer() -> None:
    line = Line(EMPTY)
    await line.say()
    assert line.authorizations == ["Bearer at-1"]


async def test_the_older_scheme_can_be_chosen() -> None:
    line = Line(EMPTY, auth=options().auth.model_copy(update={"scheme": "OAuth"}))
    await line.say()
    assert line.authorizations == ["OAuth oauth_token=at-1"]


async def test_the_token_is_no_ordinary_header() -> None:
    line = Line(EMPTY)
    await line.say()
    (request,) = line.api.transport.requests
    assert "Authorization" not in request.headers
    assert request.follow is False


async def test_a_rejected_token_is_renewed_and_the_request_replayed() -> None:
    line = Line(invalid_token(), EMPTY)
    assert (await line.say()).status == 200
    assert line.authorizations == ["Bearer at-1", "Bearer at-2"]


async def test_a_second_rejection_is_for_the_operator() -> None:
    line = Line(invalid_token())
    with pytest.raises(AuthFailed, match="new access token is refused as well"):
        await line.say()
    assert len(line.api.asked) == 3  # the last one asks for what nobody can have


@pytest.mark.parametrize("refused", [invalid_token(), refusal(401)])
async def test_what_is_refused_while_other_requests_are_served_is_about_that_request(
    refused: FakeReply,
) -> None:
    def answer(asked: Asked) -> FakeReply:
        is_witness = asked.pairs.get("toTime", "").startswith("2005-01-01T01")
        return EMPTY if is_witness else refused

    tokens = Tokens()
    client = GoToClient(options(), tools(Api(answer).transport), tokens, Pacer(100, clock=clock))
    for _ in range(3):
        with pytest.raises(RequestRejected, match="other requests are served"):
            await client.send(listing(options()))
    assert tokens.count <= 2  # a token that serves other requests is not renewed again


async def test_a_pause_that_is_asked_for_meanwhile_is_kept() -> None:
    """Whether anything else is served is asked in its turn, too."""
    slow = FakeReply.of(b"", status=429, Retry_After="20")
    line = Line(refusal(401), slow, EMPTY)
    with pytest.raises(RequestRejected):
        await line.say()
    assert anyio.current_time() >= 20


async def test_a_given_token_that_is_rejected_is_for_the_operator_at_once() -> None:
    api = Api([invalid_token()])
    (finding,) = await account(api).check()
    assert (finding.ok, "auth.access_token" in finding.message) == (False, True)
    assert len(api.asked) == 1


@pytest.mark.parametrize("code", [400, 403, 404, 414])
async def test_a_refusal_is_not_repeated(code: int) -> None:
    line = Line(refusal(code))
    with pytest.raises(RequestRejected):
        await line.say()
    assert len(line.api.asked) == 1


async def test_a_missing_seat_is_not_repeated() -> None:
    line = Line(refusal(401))
    with pytest.raises(AuthFailed, match="seat"):
        await line.say()
    assert len(line.api.asked) == 2  # the last one asks for what nobody can have


@pytest.mark.parametrize(
    "trouble",
    [FakeReply.of(b"", status=500), Unreachable("reset"), Stalled("no head"), HTML, refusal(503)],
)
async def test_passing_trouble_is_waited_out_for_some_seconds(trouble: Answer) -> None:
    line = Line(trouble, trouble, trouble, EMPTY)
    await line.say()
    assert anyio.current_time() == pytest.approx(1 + 2 + 4, abs=0.1)


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (FakeReply.of(b"", status=502), Unavailable),
        (Unreachable("reset"), Unavailable),
        (HTML, BadAnswer),
    ],
)
async def test_lasting_trouble_is_told(trouble: Answer, kind: type[Exception]) -> None:
    line = Line(trouble)
    with pytest.raises(kind):
        await line.say()
    assert len(line.api.asked) == 4


async def test_an_address_against_the_policy_is_misconfigured() -> None:
    line = Line(Refused("private address"))
    with pytest.raises(Misconfigured):
        await line.say()


async def test_too_many_requests_are_waited_out_with_growing_waits() -> None:
    busy = FakeReply.of(b"", status=429)
    line = Line(busy, busy, EMPTY)
    await line.say()
    assert anyio.current_time() == pytest.approx((1 + 2) * 1.0, abs=0.2)


async def test_too_many_requests_for_long_are_told_with_a_time() -> None:
    line = Line(FakeReply.of(b"", status=429))
    with pytest.raises(RateLimited) as caught:
        await line.say()
    assert caught.value.until is not None
    assert caught.value.until > clock()
    assert len(line.api.asked) == 4


async def test_a_time_to_come_back_is_respected_if_there_is_one() -> None:
    line = Line(FakeReply.of(b"", status=429, Retry_After="30"), EMPTY)
    await line.say()
    assert anyio.current_time() == pytest.approx(30)


async def test_a_long_time_to_come_back_is_not_sat_out() -> None:
    line = Line(FakeReply.of(b"", status=429, Retry_After="3600"), EMPTY)
    with pytest.raises(RateLimited) as caught:
        await line.say()
    assert caught.value.until is not None
    assert (caught.value.until - clock()).total_seconds() == pytest.approx(3600)


async def test_slowing_down_is_reported_when_it_begins_and_when_it_ends() -> None:
    busy = FakeReply.of(b"", status=429)
    line = Line(busy, busy, EMPTY)
    await line.say()
    await line.say()
    assert [sorted(keys) for keys in line.log.named("provider.throttled")] == [
        ["host", "provider", "until"],
        ["host", "provider"],
    ]


async def test_requests_are_spaced() -> None:
    line = Line(EMPTY, rate=5)
    async with anyio.create_task_group() as tasks:
        for _ in range(11):
            tasks.start_soon(line.say)
    assert anyio.current_time() == pytest.approx(2.0)


async def test_a_daily_budget_is_kept() -> None:
    api = Api([EMPTY])
    provider = account(api, requests_per_day=1)
    await provider.check()
    (finding,) = await provider.check()
    assert "this day" in finding.message
    assert len(api.asked) == 1
