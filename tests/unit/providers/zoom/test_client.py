from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

from fakes.log import RecordedLog
from fakes.transport import FakeReply, FakeTransport
from fakes.zoom import Script, error
from reelkeep.errors import (
    AuthFailed,
    Misconfigured,
    ProviderError,
    RateLimited,
    Refused,
    Stalled,
    Unavailable,
    Unreachable,
)
from reelkeep.providers.pacing import Throttling
from reelkeep.providers.tokens import TokenSource
from reelkeep.providers.zoom.api_errors import ApiVerdict, Denied
from reelkeep.providers.zoom.auth import App, Bearer
from reelkeep.providers.zoom.client import Question, ZoomClient
from reelkeep.providers.zoom.limits import LIMITS, AccountLimits, Label
from virtual import START, VIRTUAL, Backend, clock

LOOK = Question("/look", (("page_size", "300"), ("q", "a b&c")), Label.LIGHT)
FINE = FakeReply.json({"ok": 1})
EXPIRED = error(401, 124, "Access token is expired.")
QPS = error(429, 429, "maximum per-second rate limit", X_RateLimit_Type="QPS")
BARE_429 = FakeReply.of(b"", status=429)
DAILY = error(
    429,
    429,
    "maximum daily rate limit",
    X_RateLimit_Type="Daily-limit",
    Retry_After="2026-01-06T00:00:00Z",
)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Desk:
    def __init__(self, *answers: FakeReply | Exception, plan: str = "pro") -> None:
        self.script = Script()
        self.log = RecordedLog()
        self.script.on("/look", *answers)
        transport = FakeTransport(self.script)
        app = App(
            token_url="https://zoom.us/oauth/token",
            account_id="acct",
            client_id="app",
            client_secret="s3cr3t",
        )
        source = TokenSource(lambda: app.token(transport, clock), clock=clock)
        self.client = ZoomClient(
            "https://api.zoom.us/v2/",
            transport=transport,
            bearer=Bearer(source, clock),
            limits=AccountLimits(plan, clock=clock, rng=lambda: 0.0),
            throttling=Throttling("zoom", "https://api.zoom.us/v2", clock=clock, report=self.log),
            clock=clock,
            rng=lambda: 0.0,
        )

    async def ask(self) -> object:
        return await self.client.ask(LOOK)

    @property
    def tokens(self) -> list[str]:
        return [asked.token for asked in self.script.at("/look")]

    @property
    def throttled(self) -> list[object]:
        """The time that each report of throttling names."""
        return [keys.get("until") for keys in self.log.named("provider.throttled")]


async def test_a_question_carries_token_and_query() -> None:
    operator = Desk(FINE)
    assert await operator.ask() == {"ok": 1}
    (asked,) = operator.script.at("/look")
    assert (asked.token, asked.query) == ("at-1", {"page_size": "300", "q": "a b&c"})


async def test_an_expired_token_is_renewed_and_the_question_replayed() -> None:
    operator = Desk(EXPIRED, FINE)
    assert await operator.ask() == {"ok": 1}
    assert operator.tokens == ["at-1", "at-2"]


async def test_a_second_refusal_of_the_token_is_final() -> None:
    operator = Desk(EXPIRED)
    with pytest.raises(AuthFailed, match="even a new access token"):
        await operator.ask()
    assert operator.tokens == ["at-1", "at-2"]


async def test_many_questions_with_one_dead_token_renew_it_once() -> None:
    operator = Desk()
    operator.script.on("/look", lambda asked: EXPIRED if asked.token == "at-1" else FINE)
    async with anyio.create_task_group() as together:
        for _ in range(5):
            together.start_soon(operator.ask)
    assert operator.script.tokens == 2


async def test_a_missing_scope_renews_nothing() -> None:
    operator = Desk(error(400, 4711, "does not contain scopes:[a:b]"))
    with pytest.raises(AuthFailed, match="a:b"):
        await operator.ask()
    assert operator.tokens == ["at-1"]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (error(404, 3301, "?"), ApiVerdict.NOTHING),
        (error(400, 300, "?"), ApiVerdict.INVALID),
        (error(200, 200, "?"), ApiVerdict.FORBIDDEN),
    ],
)
async def test_what_is_refused_for_good_is_asked_once(
    answer: FakeReply, verdict: ApiVerdict
) -> None:
    operator = Desk(answer)
    with pytest.raises(Denied) as caught:
        await operator.ask()
    assert caught.value.verdict is verdict
    assert len(operator.tokens) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        FakeReply.of(b"<html>", status=502),
        FakeReply.of(b"<html>", status=200),
        FakeReply.of(b"", status=200),
        Unreachable("gone"),
    ],
)
async def test_a_short_outage_is_waited_for(trouble: FakeReply | Exception) -> None:
    assert await Desk(trouble, trouble, FINE).ask() == {"ok": 1}


async def test_a_long_outage_is_an_error() -> None:
    operator = Desk(FakeReply.of(b"<html>", status=503))
    with pytest.raises(Unavailable):
        await operator.ask()
    assert len(operator.tokens) == 4
    assert timedelta(seconds=3) < clock() - START < timedelta(seconds=8)


async def test_an_outage_of_the_token_service_is_waited_for_as_well() -> None:
    operator = Desk(FINE)
    fine = FakeReply.json({"access_token": "at-9"})
    operator.script.on("/oauth/token", FakeReply.of(b"", status=503), fine)
    await operator.ask()
    assert operator.tokens == ["at-9"]


async def test_an_address_against_the_policy_is_not_tried_again() -> None:
    operator = Desk(Refused("private address"))
    with pytest.raises(Misconfigured):
        await operator.ask()
    assert len(operator.tokens) == 1


@pytest.mark.parametrize("refusal", [QPS, BARE_429])
async def test_too_many_a_second_is_waited_for(refusal: FakeReply) -> None:
    operator = Desk(refusal, refusal, FINE)
    assert await operator.ask() == {"ok": 1}
    assert clock() - START >= timedelta(seconds=3)


async def test_a_limit_that_does_not_end_is_an_error_with_a_time() -> None:
    operator = Desk(QPS)
    with pytest.raises(RateLimited) as caught:
        await operator.ask()
    assert caught.value.until is not None
    assert len(operator.tokens) == 6


async def test_a_short_retry_after_is_waited_for() -> None:
    operator = Desk(error(429, 429, "?", Retry_After="20"), FINE)
    await operator.ask()
    assert clock() - START >= timedelta(seconds=20)


async def test_a_daily_limit_is_an_error_with_a_time() -> None:
    operator = Desk(DAILY, FINE)
    with pytest.raises(RateLimited) as caught:
        await operator.ask()
    assert str(caught.value.until) == "2026-01-06 00:00:00+00:00"
    assert len(operator.tokens) == 1


async def test_a_daily_limit_rests_the_whole_account() -> None:
    operator = Desk(DAILY, FINE)
    for label in Label:
        with pytest.raises(RateLimited):
            await operator.client.ask(Question("/look", label=label))
    assert len(operator.tokens) == 1


async def test_after_a_daily_limit_questions_go_on() -> None:
    operator = Desk(DAILY, FINE)
    with pytest.raises(RateLimited):
        await operator.ask()
    await anyio.sleep(12 * 3600 + 1)
    assert await operator.ask() == {"ok": 1}


async def test_being_throttled_is_told_when_it_begins_and_when_it_ends() -> None:
    operator = Desk(QPS, QPS, FINE)
    await operator.ask()
    await operator.ask()
    began, ended = operator.throttled
    assert (began, ended) == ((START + timedelta(seconds=1)).isoformat(), None)


async def test_a_refusal_of_one_question_ends_the_throttling_too() -> None:
    operator = Desk(QPS, error(404, 3301, "?"))
    with pytest.raises(Denied):
        await operator.ask()
    assert operator.throttled[1:] == [None]


async def test_an_outage_does_not_end_the_throttling() -> None:
    operator = Desk(QPS, FakeReply.of(b"<html>", status=503))
    with pytest.raises(Unavailable):
        await operator.ask()
    assert len(operator.throttled) == 1


async def test_a_daily_limit_is_told_until_it_is_over() -> None:
    operator = Desk(DAILY, FINE)
    for _ in range(3):
        with pytest.raises(RateLimited):
            await operator.ask()
    await anyio.sleep(12 * 3600 + 1)
    await operator.ask()
    assert operator.throttled == ["2026-01-06T00:00:00+00:00", None]


async def test_many_questions_at_once_tell_of_throttling_once() -> None:
    operator = Desk(QPS, QPS, QPS, FINE)
    async with anyio.create_task_group() as together:
        for _ in range(4):
            together.start_soon(operator.ask)
    assert [until is None for until in operator.throttled] == [False, True]


async def test_questions_are_paced_below_the_plans_rate() -> None:
    operator = Desk(FINE, plan="free")
    for _ in range(31):
        await operator.ask()
    assert clock() - START >= timedelta(seconds=30 / 4)


async def test_no_error_shows_a_token_or_a_secret() -> None:
    for answer in (EXPIRED, DAILY, Unreachable("gone")):
        with pytest.raises(ProviderError) as caught:
            await Desk(answer).ask()
        assert "Bearer" not in repr(caught.value)
        assert "page_size" not in str(caught.value)


TOKEN = FakeReply.json({"access_token": "at-9"})


@pytest.mark.parametrize(
    "trouble",
    [
        FakeReply.json({"reason": "too many requests"}, status=429),
        FakeReply.of(b"", status=429, Retry_After="5"),
        FakeReply.of(b"", status=500),
        FakeReply.of(b"<html>", status=503),
        Unreachable("the connection was closed"),
        Stalled("no bytes for 60 s"),
    ],
)
async def test_trouble_of_the_token_service_in_passing_is_waited_for(
    trouble: FakeReply | Exception,
) -> None:
    operator = Desk(FINE)
    operator.script.on("/oauth/token", trouble, trouble, TOKEN)
    assert await operator.ask() == {"ok": 1}
    assert operator.tokens == ["at-9"]


async def test_a_token_service_that_names_a_far_time_is_not_waited_for() -> None:
    operator = Desk(FINE)
    operator.script.on("/oauth/token", FakeReply.of(b"", status=429, Retry_After="3600"))
    with pytest.raises(RateLimited, match="no token"):
        await operator.ask()
    assert len(operator.script.at("/oauth/token")) == 1


async def test_a_question_that_is_not_sent_for_want_of_a_token_costs_nothing_of_the_day() -> None:
    operator = Desk(FINE, plan="free")
    operator.script.on("/oauth/token", FakeReply.of(b"", status=503))
    light = LIMITS["free"][Label.LIGHT][1] or 0
    for _ in range(light // 4 + 1):
        with pytest.raises(Unavailable):
            await operator.ask()
    operator.script.on("/oauth/token", TOKEN)
    assert await operator.ask() == {"ok": 1}


async def test_a_daily_limit_is_told_as_one_with_its_end_and_what_to_do() -> None:
    operator = Desk(DAILY)
    for _ in range(2):  # as it is heard, and as it is kept
        with pytest.raises(RateLimited) as caught:
            await operator.ask()
        assert "daily limit of the account" in str(caught.value)
        assert "2026-01-06 00:00:00 UTC" in str(caught.value)
        assert "`plan`" in str(caught.value)


async def test_a_limit_per_second_is_told_as_one() -> None:
    with pytest.raises(RateLimited, match="limit per second"):
        await Desk(QPS).ask()


async def test_a_pause_that_an_impatient_question_is_asked_for_holds_for_all() -> None:
    operator = Desk(error(429, 429, "?", Retry_After="20"), FINE)
    with pytest.raises(RateLimited):
        await operator.client.ask(LOOK, patient=False)
    await operator.ask()
    assert anyio.current_time() >= 20
