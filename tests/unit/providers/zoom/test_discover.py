from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from fakes.transport import FakeReply
from fakes.zoom import (
    NOW,
    Asked,
    Bench,
    discovered,
    error,
    file,
    meeting,
    page,
    session,
    span,
)
from reelkeep.core.admission import fingerprint
from reelkeep.core.model import Recording, Window
from reelkeep.core.poll_window import PartlyRead, Unread
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    Misconfigured,
    ProviderError,
    RateLimited,
    Stalled,
    Unavailable,
    Unreachable,
)
from reelkeep.ports import Provider
from reelkeep.providers.zoom.limits import LANES
from reelkeep.providers.zoom.listing import ranges
from reelkeep.providers.zoom.provider import Zoom
from reelkeep.providers.zoom.survey_result import MOST_SHORT
from reelkeep.providers.zoom.users import STATUSES
from virtual import VIRTUAL, Backend

ONE = "/users/u-1/recordings"
TWO = "/users/u-2/recordings"
SDK = "/videosdk/recordings"
ACCOUNT = "/accounts/me/recordings"


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def ids(provider: Provider, days: int = 7) -> list[str]:
    return [each.id for each in await discovered(provider, span(days))]


async def until_error(provider: Provider, days: int = 7) -> tuple[list[Recording], ProviderError]:
    found: list[Recording] = []
    try:
        async for batch in provider.discover(span(days)):
            found += batch
    except ProviderError as failure:
        return found, failure
    raise AssertionError(f"no error after {len(found)} recordings")


async def test_a_users_meetings_are_found() -> None:
    bench = Bench()
    bench.script.on(ONE, page([meeting("m-1"), meeting("m-2")]))
    assert await ids(bench.meetings()) == ["m-1", "m-2"]


async def test_the_span_is_asked_for_up_to_tomorrow() -> None:
    bench = Bench()
    bench.script.on(ONE, page([]))
    await ids(bench.meetings())
    (asked,) = bench.script.at(ONE)
    assert asked.query == {"from": "2025-11-13", "to": "2025-11-21", "page_size": "300"}


async def test_a_long_span_is_asked_for_in_ranges_that_share_a_day() -> None:
    bench = Bench()
    bench.script.on(ONE, page([]))
    await ids(bench.meetings(), days=60)
    assert [(asked.query["from"], asked.query["to"]) for asked in bench.script.at(ONE)] == [
        ("2025-09-21", "2025-10-19"),
        ("2025-10-19", "2025-11-16"),
        ("2025-11-16", "2025-11-21"),
    ]


async def test_all_users_are_asked_whatever_their_status() -> None:
    bench = Bench()

    def users(asked: Asked) -> FakeReply:
        listed = {
            "active": [{"id": "u-1", "email": "a@b.test"}],
            "inactive": [{"id": "u-2"}, {"id": "u-1"}],
            "pending": [{"email": "new@b.test"}],
        }[asked.query["status"]]
        return page(listed, name="users")(asked)

    bench.script.on("/users", users)
    for number, path in enumerate((ONE, TWO, "/users/new@b.test/recordings")):
        bench.script.on(path, page([meeting(f"m-{number}", host_email=...)]))
    found = await discovered(bench.meetings(users="all"))
    assert [(each.id, each.user) for each in found] == [
        ("m-0", "a@b.test"),
        ("m-1", "u-1"),
        ("m-2", "new@b.test"),
    ]
    assert bench.script.at("/users//recordings") == []


@pytest.mark.parametrize(
    ("seconds", "second", "times"),
    [(59, 7, 1), (61, 7, 2), (1, 8, 2)],
    ids=["a moment later", "later", "of other days"],
)
async def test_polls_in_quick_succession_list_users_once(
    seconds: float, second: int, times: int
) -> None:
    bench = Bench()
    bench.script.on("/users", page([{"id": "u-1"}], name="users"))
    bench.script.on(ONE, page([meeting("m-1")]))
    adapter = bench.meetings(users="all")
    await discovered(adapter, span(7))
    await anyio.sleep(seconds)
    assert [each.id for each in await discovered(adapter, span(second))] == ["m-1"]
    assert len(bench.script.at("/users")) == times * len(STATUSES)


def paged(*pages: Callable[[Asked], FakeReply] | FakeReply) -> Callable[[Asked], FakeReply]:
    """Answer page n to the token `t-n`; the first has none."""

    def answer(asked: Asked) -> FakeReply:
        number = int(asked.query.get("next_page_token", "t-0").removeprefix("t-"))
        given = pages[number]
        return given if isinstance(given, FakeReply) else given(asked)

    return answer


async def test_pages_are_followed_with_the_same_parameters() -> None:
    bench = Bench()
    bench.script.on(
        ONE,
        paged(
            page([meeting("m-1")], next_page_token="t-1", total_records=2),
            page([meeting("m-2")], total_records=2),
        ),
    )
    assert await ids(bench.meetings()) == ["m-1", "m-2"]
    first, second = bench.script.at(ONE)
    assert second.query == first.query | {"next_page_token": "t-1"}


async def test_no_batch_comes_before_its_listing_is_drained() -> None:
    bench = Bench()
    bench.script.on(
        ONE, paged(page([meeting("m-1")], next_page_token="t-1"), page([meeting("m-2")]))
    )
    batches = bench.meetings().discover(span())
    await anext(batches)
    assert len(bench.script.at(ONE)) == 2
    await batches.aclose()


async def test_a_batch_has_at_most_500_recordings() -> None:
    bench = Bench()
    many = [meeting(f"m-{number}") for number in range(1001)]
    bench.script.on(ONE, page(many))
    sizes = [len(batch) async for batch in bench.meetings().discover(span())]
    assert sizes == [500, 500, 1]


async def test_pages_that_repeat_for_ever_are_an_end() -> None:
    bench = Bench()
    again = page([meeting("m-1"), meeting("m-2")], next_page_token="t-0", total_records=2)
    bench.script.on(ONE, again)
    assert await ids(bench.meetings()) == ["m-1", "m-2"]
    assert len(bench.script.at(ONE)) == 2


@pytest.mark.parametrize("repeated", [[meeting("m-1")], []], ids=["repeated", "empty"])
@pytest.mark.parametrize("announced", [None, 2, 600])
async def test_pages_that_bring_nothing_and_promise_more_are_no_end(
    repeated: list[dict[str, Any]], announced: int | None
) -> None:
    bench = Bench()
    first = page([meeting("m-1")], next_page_token="t-1", total_records=announced)
    again = page(repeated, next_page_token="t-1", total_records=announced)
    bench.script.on(ONE, paged(first, again))
    bench.script.on(TWO, page([]))
    found, failure = await until_error(bench.meetings(users=["u-1", "u-2"]))
    assert {each.id for each in found} == {"m-1"}
    assert isinstance(failure, PartlyRead)
    assert failure.unread == (Unread("u-1", span()),)
    assert len(bench.script.at(ONE)) == 8  # begun anew once


async def test_empty_pages_of_nothing_are_an_end() -> None:
    bench = Bench()
    bench.script.on(ONE, page([], next_page_token="t-0", total_records=0))
    assert await ids(bench.meetings()) == []


async def test_a_page_that_is_repeated_once_loses_nothing() -> None:
    bench = Bench()
    first = page([meeting("m-1")], next_page_token="t-1", total_records=2)
    last = page([meeting("m-2")], total_records=2)
    bench.script.on(ONE, first, first, last)
    assert await ids(bench.meetings()) == ["m-1", "m-2"]


async def test_a_recording_on_two_pages_is_one_with_all_its_files() -> None:
    bench = Bench()
    bench.script.on(
        ONE,
        paged(
            page([meeting("m-1", file("a"))], next_page_token="t-1"),
            page([meeting("m-1", file("b"))]),
        ),
    )
    (found,) = await discovered(bench.meetings())
    assert [each.id for each in found.files] == ["a", "b"]


async def test_a_dead_page_token_begins_the_listing_anew() -> None:
    bench = Bench()
    first = page([meeting("m-1")], next_page_token="t-1", total_records=2)
    bench.script.on(
        ONE, first, error(400, 300, "Invalid next_page_token."), first, page([meeting("m-2")])
    )
    assert await ids(bench.meetings()) == ["m-1", "m-2"]
    assert [asked.query.get("next_page_token") for asked in bench.script.at(ONE)] == [
        None,
        "t-1",
        None,
        "t-1",
    ]


async def test_an_empty_page_before_the_end_begins_the_listing_anew() -> None:
    bench = Bench()
    first = page([meeting("m-1")], next_page_token="t-1", total_records=2)
    bench.script.on(ONE, first, page([], total_records=2), first, page([meeting("m-2")]))
    assert await ids(bench.meetings()) == ["m-1", "m-2"]
    assert bench.log.events == []


async def test_a_page_token_that_dies_twice_is_an_error() -> None:
    bench = Bench()
    dead = error(400, 300, "Invalid next_page_token.")
    bench.script.on(ONE, paged(page([meeting("m-1")], next_page_token="t-1"), dead))
    bench.script.on(TWO, page([meeting("m-2")]))
    found, failure = await until_error(bench.meetings(users=["u-1", "u-2"]))
    assert {each.id for each in found} == {"m-1", "m-2"}  # what came before it is not lost
    assert isinstance(failure, PartlyRead)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (page([meeting("m-1")], total_records=3), "2 of 3"),
        (page([meeting("m-1"), meeting(""), meeting("", file("f-2"))]), "2 without an id"),
        (page([], meetings=None, total_records=3), "3 of 3"),
    ],
)
async def test_a_listing_that_does_not_show_all_is_a_failure(
    answer: Callable[[Asked], FakeReply], reason: str
) -> None:
    """It is reported once, and read again in each poll, and so are no others of that user."""
    bench = Bench()
    bench.script.on(
        ONE, lambda asked: (answer if asked.query["to"] == "2025-11-21" else page([]))(asked)
    )
    adapter = bench.meetings()
    for _ in range(3):
        found, failure = await until_error(adapter, days=90)
        assert {each.id for each in found} <= {"m-1"}
        assert isinstance(failure, PartlyRead)
        assert reason in str(failure)
        (left,) = failure.unread or ()
        assert (left.part, left.window.since.day) == ("u-1", 14)
    (said,) = bench.log.named("listing.failed")
    assert reason in str(said["reason"])


async def test_however_many_listings_do_not_show_all_few_are_read_again() -> None:
    bench = Bench()
    bench.script.on(ONE, page([meeting("m-1")], total_records=3))
    _, failure = await until_error(bench.meetings(), days=4000)
    assert isinstance(failure, PartlyRead)
    assert len(bench.script.at(ONE)) > 200
    assert len(failure.unread or ()) == MOST_SHORT


async def test_a_listing_that_is_short_once_is_read_again() -> None:
    bench = Bench()
    whole = page([meeting("m-1"), meeting("m-2")])
    bench.script.on(ONE, page([meeting("m-1")], total_records=2), whole)
    assert await ids(bench.meetings()) == ["m-1", "m-2"]
    assert bench.log.events == []


async def test_a_listing_that_is_short_in_another_way_each_time_is_not_the_whole() -> None:
    """The poll fails for it, and its window is read again."""
    bench = Bench()
    first, second = (page([meeting(f"m-{n}")], total_records=2) for n in (1, 2))
    bench.script.on(ONE, first, second)
    found, failure = await until_error(bench.meetings())
    assert [each.id for each in found] == ["m-1", "m-2"]
    assert isinstance(failure, BadAnswer)
    assert "1 of 2 announced" in str(failure)


async def test_a_listing_that_is_longer_than_announced_is_fine() -> None:
    bench = Bench()
    bench.script.on(ONE, page([meeting("m-1"), meeting("m-2")], total_records=1))
    assert await ids(bench.meetings()) == ["m-1", "m-2"]
    assert bench.log.events == []


async def test_an_answer_for_fewer_days_is_not_used() -> None:
    bench = Bench()
    clamped = {"from": "2025-11-14"}
    bench.script.on(ONE, page([meeting("m-1")], **clamped))
    bench.script.on(TWO, page([meeting("m-2")]))
    found, failure = await until_error(bench.meetings(users=["u-1", "u-2"]))
    assert [each.id for each in found] == ["m-2"]
    assert isinstance(failure, PartlyRead)
    assert "u-1, recordings of 2025-11-13..2025-11-21" in str(failure)


async def test_an_answer_without_an_echo_is_used() -> None:
    bench = Bench()
    bench.script.on(ONE, FakeReply.json({"meetings": [meeting("m-1")]}))
    assert await ids(bench.meetings()) == ["m-1"]


@pytest.mark.parametrize("answer", [error(404, 1001, "?"), error(400, 1010, "?")])
async def test_a_user_who_is_not_on_the_account_is_passed_over(answer: FakeReply) -> None:
    bench = Bench()
    bench.script.on("/users", users_of(active=page([{"id": "u-1"}, {"id": "u-2"}], name="users")))
    bench.script.on(ONE, answer)
    bench.script.on(TWO, page([meeting("m-2")]))
    assert "m-2" in await ids(bench.meetings(users="all"), days=400)
    assert len(bench.script.at(ONE)) <= LANES
    (said,) = bench.log.named("poll.incomplete")
    assert "u-1" in str(said["reason"])


@pytest.mark.parametrize("answer", [error(404, 1001, "?"), error(400, 1010, "?")])
async def test_a_configured_user_who_is_not_on_the_account_is_a_failure(answer: FakeReply) -> None:
    bench = Bench()
    bench.script.on("/users/bob@exmaple.test/recordings", answer)
    bench.script.on(TWO, page([meeting("m-2")]))
    adapter = bench.meetings(users=["bob@exmaple.test", "u-2"])
    found, failure = await until_error(adapter, days=400)
    assert {each.id for each in found} == {"m-2"}
    assert isinstance(failure, PartlyRead)
    assert failure.unread == (Unread("bob@exmaple.test", span(400)),)
    assert "misspelt" in str(failure)
    assert len(bench.script.at("/users/bob@exmaple.test/recordings")) <= LANES


async def test_an_account_of_which_every_user_is_unknown_is_a_failure() -> None:
    bench = Bench()
    bench.script.on("/users", users_of(active=page([{"id": "u-1"}, {"id": "u-2"}], name="users")))
    bench.script.on(ONE, error(400, 1010, "?"))
    bench.script.on(TWO, error(400, 1010, "?"))
    _, failure = await until_error(bench.meetings(users="all"))
    assert isinstance(failure, BadAnswer)
    assert "u-1" in str(failure)


async def test_a_user_without_cloud_recording_is_not_asked_again_for_a_day() -> None:
    now = NOW
    bench = Bench(clock=lambda: now)
    bench.script.on(ONE, error(400, 200, "no plan"))
    bench.script.on(TWO, page([]))
    adapter = bench.meetings(users=["u-1", "u-2"])
    assert await ids(adapter) == await ids(adapter) == []
    assert len(bench.script.at(ONE)) == 1
    now += timedelta(days=1)
    bench.script.on(ONE, page([meeting("m-1")]))
    assert await ids(adapter) == ["m-1"]


async def test_an_account_of_which_nobody_has_cloud_recording_is_not_done() -> None:
    """Also a day long, while they are not asked: nobody was served."""
    bench = Bench()
    bench.script.on(ONE, error(400, 200, "You do not have the right permissions."))
    bench.script.on(TWO, error(400, 200, "You do not have the right permissions."))
    adapter = bench.meetings(users=["u-1", "u-2"])
    for _ in range(2):
        with pytest.raises(BadAnswer, match="right permissions"):
            await discovered(adapter)
    assert len(bench.script.at(ONE)) == 1


async def test_a_user_without_recordings_has_none() -> None:
    bench = Bench()
    bench.script.on(ONE, error(404, 3301, "There is no recording."))
    assert await ids(bench.meetings()) == []


BROKEN = [
    pytest.param(error(200, 200, "You do not have the right permissions"), id="200 in a 200"),
    pytest.param(error(400, 300, "?"), id="400/300"),
    pytest.param(error(400, 4711, "does not contain scopes:[a:b]"), id="400/4711"),
    pytest.param(error(401, 124, "?"), id="401/124"),
    pytest.param(error(403, 200, "?"), id="403/200"),
    pytest.param(FakeReply.json({"message": "?"}, status=403), id="403 without a code"),
    pytest.param(error(404, 7777, "?"), id="404 with an unknown code"),
    pytest.param(FakeReply.of(b"404: Not Found", status=404), id="404 that is a page"),
    pytest.param(error(429, 429, "too many a second", X_RateLimit_Type="QPS"), id="429"),
    pytest.param(FakeReply.json({"code": 500, "message": "oops"}, status=500), id="500"),
    pytest.param(FakeReply.of(b"<html>", status=502), id="502"),
    pytest.param(FakeReply.of(b"<html>", status=200), id="a page"),
    pytest.param(FakeReply.of(b'{"meetings":[{', status=200), id="cut JSON"),
    pytest.param(FakeReply.of(b"", status=200), id="nothing"),
    pytest.param(FakeReply.json({"what": "ever"}), id="another object"),
    pytest.param(FakeReply.json({"meetings": "none"}), id="no list"),
    pytest.param(Unreachable("the connection was closed"), id="a closed connection"),
    pytest.param(Stalled("no bytes for 60 s"), id="a time-out"),
]


@pytest.mark.parametrize("place", [ONE, TWO, "/users/u-3/recordings"])
@pytest.mark.parametrize("answer", BROKEN)
async def test_a_failing_user_leaves_the_others_alone(
    answer: FakeReply | Exception, place: str
) -> None:
    bench = Bench()
    users = [f"u-{number}" for number in range(1, 4)]
    for name in users:
        bench.script.on(f"/users/{name}/recordings", page([meeting(f"of-{name}")]))
    bench.script.on(place, answer)
    found, failure = await until_error(bench.meetings(users=users), days=90)
    broken = place.split("/")[2]
    assert {each.id for each in found} == {f"of-{name}" for name in users if name != broken}
    assert isinstance(failure, PartlyRead)
    assert broken in str(failure)
    assert failure.unread == (Unread(broken, span(90)),)
    (said,) = bench.log.named("listing.failed")
    assert said["user"] == broken


async def test_a_user_whose_listing_never_ends_is_left_alone() -> None:
    bench = Bench()
    numbers = itertools.count()

    def endless(asked: Asked) -> FakeReply:
        number = next(numbers)
        return page([meeting(f"m-{number}")], next_page_token=f"t-{number}", total_records=1)(asked)

    bench.script.on(ONE, endless)
    bench.script.on(TWO, page([meeting("other")]))
    found, failure = await until_error(bench.meetings(users=["u-1", "u-2"]))
    assert "other" in {each.id for each in found}
    assert "does not end" in str(failure)
    assert len(bench.script.at(ONE)) < 50


async def test_what_came_before_a_page_that_fails_is_found() -> None:
    bench = Bench()
    first = page([meeting("m-1")], next_page_token="t-1", total_records=2)
    bench.script.on(ONE, paged(first, FakeReply.of(b"<html>", status=502)))
    bench.script.on(TWO, page([meeting("m-2")]))
    found, failure = await until_error(bench.meetings(users=["u-1", "u-2"]))
    assert {each.id for each in found} == {"m-1", "m-2"}
    assert isinstance(failure, PartlyRead)


@pytest.mark.parametrize("bad", [(1, 2, 3, 4), (0, 1, 2, 3, 4, 5), (5, 6, 7, 8, 9, 10, 11)])
async def test_a_stretch_of_refused_windows_leaves_those_behind_it_alone(
    bad: tuple[int, ...],
) -> None:
    bench = Bench()
    days = [str(each.first) for each in ranges(span(330))]

    def answer(asked: Asked) -> FakeReply:
        at = days.index(asked.query["from"])
        return error(400, 300, "?") if at in bad else page([meeting(f"m-{at}")])(asked)

    bench.script.on(ACCOUNT, answer)
    got, failure = await until_error(bench.meetings(users="account"), 330)
    assert {each.id for each in got} == {f"m-{n}" for n in range(len(days)) if n not in bad}
    assert isinstance(failure, PartlyRead)


async def test_windows_that_fail_leave_the_other_windows_alone() -> None:
    bench = Bench()

    def answer(asked: Asked) -> FakeReply:
        if asked.query["from"] in ("2025-08-22", "2025-09-19"):
            return error(500, 500, "oops")
        return page([meeting(f"m-{asked.query['from']}")])(asked)

    for path, adapter in ((ONE, bench.meetings()), (ACCOUNT, bench.meetings(users="account"))):
        bench.script.on(path, answer)
        found, failure = await until_error(adapter, days=90)
        assert [each.id for each in found] == ["m-2025-10-17", "m-2025-11-14"]
        assert isinstance(failure, PartlyRead)
        assert failure.unread is not None
        one, other = failure.unread
        assert (one.part, one.window.since) == ("u-1" if path == ONE else "", span(90).since)
        assert one.window.until == other.window.since == datetime(2025, 9, 19, tzinfo=UTC)
        assert other.window.until == datetime(2025, 10, 17, tzinfo=UTC)


@pytest.mark.parametrize("answer", BROKEN)
async def test_a_window_of_sessions_that_fails_leaves_the_others_alone(
    answer: FakeReply | Exception,
) -> None:
    bench = Bench()

    def given(asked: Asked) -> FakeReply:
        if asked.query["from"] == "2025-09-19":
            if isinstance(answer, Exception):
                return FakeReply.of(b"", status=502)
            return answer
        return page([session(f"s-{asked.query['from']}")], name="sessions")(asked)

    bench.script.on(SDK, given)
    found, failure = await until_error(bench.sdk(), days=90)
    assert [each.id for each in found] == ["s-2025-08-22", "s-2025-10-17", "s-2025-11-14"]
    assert isinstance(failure, PartlyRead)
    assert "the account, recordings of 2025-09-19..2025-10-17" in str(failure)


async def test_what_is_unread_is_read_again_and_nothing_else_of_that_time() -> None:
    bench = Bench()
    bench.script.on(ONE, page([meeting("m-1")]))
    bench.script.on(TWO, page([meeting("m-2")]))
    adapter = bench.meetings(users=["u-1", "u-2"])
    old = Window(NOW - timedelta(days=60), NOW - timedelta(days=40))
    async for _ in adapter.discover_with(span(7), [Unread("u-1", old)]):
        pass
    assert [asked.query["from"] for asked in bench.script.at(TWO)] == ["2025-11-13"]
    assert sorted(asked.query["from"] for asked in bench.script.at(ONE)) == [
        "2025-09-21",
        "2025-10-01",
        "2025-11-13",
    ]


async def read_again(adapter: Zoom, unread: Sequence[Unread]) -> tuple[set[str], list[Unread]]:
    """Return what is found with what is `unread`, and what is unread then."""
    found: set[str] = set()
    try:
        async for batch in adapter.discover_with(span(), unread):
            found |= {each.id for each in batch}
    except PartlyRead as failure:
        return found, list(failure.unread or ())
    return found, []


async def test_a_day_that_cannot_be_read_hides_its_neighbours_for_a_few_polls_only() -> None:
    bench = Bench()
    days = [(NOW - timedelta(days=number)).date().isoformat() for number in range(2, 60)]

    def answer(asked: Asked) -> FakeReply:
        shown = [day for day in days if asked.query["from"] <= day <= asked.query["to"]]
        if "2025-10-10" in shown:
            return error(400, 300, "?")
        return page([meeting(day) for day in shown])(asked)

    bench.script.on(ONE, answer)
    bench.script.on(TWO, error(500, 500, "?"))
    adapter = bench.meetings(users=["u-1", "u-2"])
    found: set[str] = set()
    left = [Unread("u-1", span(60)), Unread("u-2", span(60))]
    for _ in range(8):
        some, left = await read_again(adapter, left)
        found |= some
    assert set(days) - found <= {f"2025-10-{number:02}" for number in range(8, 12)}
    assert [each for each in left if each.part == "u-2"] == [Unread("u-2", span(60))]
    of_one = [each.window for each in left if each.part == "u-1"]
    assert 1 <= len(of_one) <= 4
    assert min(each.since for each in of_one) >= datetime(2025, 10, 8, tzinfo=UTC)
    assert max(each.until for each in of_one) <= datetime(2025, 10, 12, tzinfo=UTC)


async def test_what_is_unread_of_a_user_who_left_is_forgotten() -> None:
    bench = Bench()
    bench.script.on("/users/gone/recordings", error(404, 1001, "?"))
    bench.script.on(ONE, page([]))
    async for _ in bench.meetings().discover_with(span(7), [Unread("gone", span(60))]):
        pass
    assert bench.script.at("/users/gone/recordings")


@pytest.mark.parametrize("name", ["u-1", "Kim@Example.test"])
async def test_an_excluded_user_is_not_asked_for(name: str) -> None:
    bench = Bench()
    users = [{"id": "u-1", "email": "kim@example.test"}, {"id": "u-2", "email": "o@example.test"}]
    bench.script.on("/users", page(users, name="users"))
    bench.script.on(ONE, error(400, 4711, "?"))
    bench.script.on(TWO, page([meeting("m-2")]))
    adapter = bench.meetings(users="all", exclude={"users": [name]})
    unread = [Unread("u-1", span(60)), Unread("kim@example.test", span(60))]
    found = [each.id async for batch in adapter.discover_with(span(7), unread) for each in batch]
    assert found == ["m-2"]
    assert [each.path for each in bench.script.asked if "/users/" in each.path] == [TWO]


def test_a_change_of_who_is_excluded_has_all_read_again() -> None:
    bench = Bench()
    one, other = bench.meetings(), bench.meetings(exclude={"users": ["u-9"]})
    assert one.traits.scope != other.traits.scope


async def test_a_user_who_fails_again_and_again_costs_little() -> None:
    bench = Bench()
    bench.script.on(ONE, error(500, 500, "oops"))
    bench.script.on(TWO, page([]))
    adapter = bench.meetings(users=["u-1", "u-2"])
    with pytest.raises(PartlyRead) as caught:
        async for _ in adapter.discover_with(span(7), [Unread("u-1", span(2000))]):
            pass
    assert len(bench.script.at(ONE)) <= 2 * LANES
    assert caught.value.unread == (Unread("u-1", span(2000)),)


async def test_a_user_is_said_to_be_read_again() -> None:
    bench = Bench()
    bench.script.on(ONE, error(400, 300, "?"), error(400, 300, "?"), page([meeting("m-1")]))
    bench.script.on(TWO, page([]))
    adapter = bench.meetings(users=["u-1", "u-2"])
    for _ in range(2):
        await until_error(adapter)
    assert await ids(adapter) == ["m-1"]
    assert [name for name, _ in bench.log.events] == ["listing.failed", "listing.recovered"]


async def test_many_failing_users_in_a_row_are_no_failing_account() -> None:
    bench = Bench()
    users = [f"u-{number}" for number in range(60)]
    for name in users:
        fine = name in ("u-0", "u-59")
        answer = page([meeting(f"of-{name}")]) if fine else error(403, 200, "?")
        bench.script.on(f"/users/{name}/recordings", answer)
    found, failure = await until_error(bench.meetings(users=users))
    assert [each.id for each in found] == ["of-u-0", "of-u-59"]
    assert "all but 58: u-1, recordings of" in str(failure)
    assert "and 48 more" in str(failure)


@pytest.mark.parametrize("broken", [3, 9])
async def test_broken_users_who_come_first_keep_no_others_from_being_read(broken: int) -> None:
    bench = Bench()
    users = [f"u-{number}" for number in range(40)]
    failures = (error(400, 4711, "scopes:[a:b]"), error(500, 500, "?"), FakeReply.of(b"<html>"))
    for number, name in enumerate(users):
        answer = failures[number % 3] if number < broken else page([meeting(f"of-{name}")])
        bench.script.on(f"/users/{name}/recordings", answer)
    found, failure = await until_error(bench.meetings(users=users), days=120)
    assert {each.id for each in found} == {f"of-{name}" for name in users[broken:]}
    assert isinstance(failure, PartlyRead)
    assert failure.unread == tuple(Unread(name, span(120)) for name in users[:broken])


async def test_days_that_fail_first_keep_no_later_ones_of_the_account_from_being_read() -> None:
    bench = Bench()

    def answer(asked: Asked) -> FakeReply:
        if asked.query["from"] < "2025-03":
            return error(400, 300, "?")
        return page([meeting(f"m-{asked.query['from']}")])(asked)

    bench.script.on(ACCOUNT, answer)
    found, failure = await until_error(bench.meetings(users="account"), days=400)
    assert len(found) == 10
    assert isinstance(failure, PartlyRead)


async def test_an_account_of_which_nobody_is_served_is_left_alone() -> None:
    bench = Bench()
    users = [f"u-{number}" for number in range(100)]
    for name in users:
        bench.script.on(f"/users/{name}/recordings", error(400, 4711, "scopes:[a:b]"))
    _, failure = await until_error(bench.meetings(users=users))
    assert isinstance(failure, AuthFailed)
    assert len(bench.script.asked) <= 20


@pytest.mark.parametrize(
    "answer", [error(404, 3301, "?"), error(404, 1001, "?"), error(400, 200, "?")]
)
async def test_who_has_nothing_any_more_shows_that_the_account_is_served(answer: FakeReply) -> None:
    bench = Bench()
    users = [f"u-{number}" for number in range(60)]
    bench.script.on("/users/u-0/recordings", page([]), answer)
    for name in users[1:-1]:
        bench.script.on(f"/users/{name}/recordings", error(403, 200, "?"))
    bench.script.on("/users/u-59/recordings", page([meeting("m-1")]))
    found, failure = await until_error(bench.meetings(users=users))
    assert [each.id for each in found] == ["m-1"]
    assert isinstance(failure, PartlyRead)


async def test_an_account_that_is_served_no_more_is_left_alone() -> None:
    """Whether it is, is asked by a listing that was served a moment ago."""
    bench = Bench()
    users = [f"u-{number}" for number in range(100)]
    bench.script.on("/users/u-0/recordings", page([meeting("m-1")]), Unreachable("gone"))
    for name in users[1:]:
        bench.script.on(f"/users/{name}/recordings", Unreachable("gone"))
    found, failure = await until_error(bench.meetings(users=users))
    assert [each.id for each in found] == ["m-1"]
    assert isinstance(failure, Unavailable)
    assert not bench.script.at("/users/u-50/recordings")


async def test_an_outage_is_not_taken_for_what_broken_users_are_refused_for() -> None:
    bench = Bench()
    users = [f"u-{number}" for number in range(40)]
    bench.script.on("/users/u-0/recordings", page([]), Unreachable("gone"))
    for name in users[1:]:
        bench.script.on(f"/users/{name}/recordings", error(400, 4711, "scopes:[a:b]"))
    _, failure = await until_error(bench.meetings(users=users))
    assert isinstance(failure, Unavailable)


async def test_users_of_one_status_that_cannot_be_listed_keep_no_others_from_being_read() -> None:
    bench = Bench()

    def users(asked: Asked) -> FakeReply:
        if asked.query["status"] == "inactive":
            return error(500, 500, "oops")
        return page([{"id": "u-1"}], name="users")(asked)

    bench.script.on("/users", users)
    bench.script.on(ONE, page([meeting("m-1")]))
    found, failure = await until_error(bench.meetings(users="all"))
    assert [each.id for each in found] == ["m-1"]
    assert isinstance(failure, PartlyRead)
    assert failure.unread == (Unread("users of status inactive", span()),)
    assert "users of status inactive" in str(failure)


def users_of(**listed: Callable[[Asked], FakeReply] | FakeReply) -> Callable[[Asked], FakeReply]:
    """Answer so for each status; for others there is nobody."""

    def answer(asked: Asked) -> FakeReply:
        given = listed.get(asked.query["status"], page([], name="users"))
        return given if isinstance(given, FakeReply) else given(asked)

    return answer


@pytest.mark.parametrize(
    ("active", "reason"),
    [
        (page([{"id": "u-1"}], name="users", total_records=3), "2 of 3 announced"),
        (page([{"id": "u-1"}, {}], name="users"), "neither an id nor an address"),
    ],
)
async def test_users_who_are_announced_and_not_listed_are_a_failure(
    active: Callable[[Asked], FakeReply], reason: str
) -> None:
    bench = Bench()
    bench.script.on("/users", users_of(active=active))
    bench.script.on(ONE, page([meeting("m-1")]))
    found, failure = await until_error(bench.meetings(users="all"))
    assert [each.id for each in found] == ["m-1"]
    assert isinstance(failure, PartlyRead)
    assert failure.unread == (Unread("users of status active", span()),)
    assert reason in str(failure)


async def test_users_who_could_not_be_listed_are_read_from_then_on_once_they_are() -> None:
    bench = Bench()
    active = page([{"id": "u-1"}], name="users")
    bench.script.on("/users", users_of(active=active, inactive=error(500, 500, "oops")))
    bench.script.on(ONE, page([]))
    bench.script.on(TWO, page([]))
    adapter = bench.meetings(users="all")
    before = [Unread("users of status inactive", span(60)), Unread("u-1", span(3))]
    with pytest.raises(PartlyRead) as caught:
        async for _ in adapter.discover_with(span(), before):
            pass
    assert caught.value.unread == (Unread("users of status inactive", span(60)),)
    bench.script.on("/users", users_of(active=active, inactive=page([{"id": "u-2"}], name="users")))
    bench.script.asked.clear()
    async for _ in adapter.discover_with(span(), caught.value.unread):
        pass
    assert [asked.query["from"] for asked in bench.script.at(ONE)] == ["2025-11-13"]
    assert {asked.query["from"] for asked in bench.script.at(TWO)} == {
        "2025-09-21", "2025-10-19", "2025-11-13", "2025-11-16",
    }  # fmt: skip


async def test_people_who_were_invited_have_no_recordings_and_that_is_no_news() -> None:
    bench = Bench()

    def users(asked: Asked) -> FakeReply:
        pending = asked.query["status"] == "pending"
        return page([{"email": "new@b.test"}] if pending else [], name="users")(asked)

    bench.script.on("/users", users)
    bench.script.on("/users/new@b.test/recordings", error(404, 1001, "?"))
    assert await ids(bench.meetings(users="all")) == []
    assert [name for name, _ in bench.log.events] == ["user.pending"]


async def test_a_user_who_is_passed_over_is_said_once_with_the_providers_words() -> None:
    bench = Bench()
    bench.script.on(ONE, error(400, 200, "You do not have the right permissions."))
    bench.script.on(TWO, page([]))
    adapter = bench.meetings(users=["u-1", "u-2"])
    assert await ids(adapter) == await ids(adapter) == []
    (said,) = bench.log.named("user.skipped")
    assert "u-1" in str(said["reason"])
    assert "You do not have the right permissions." in str(said["reason"])


async def test_a_person_who_is_listed_twice_changes_nothing_each_time() -> None:
    bench = Bench()
    for path in (ONE, "/users/1@b.test/recordings"):
        bench.script.on(path, page([meeting("m-1", host_email=...)]))
    one, other = await discovered(bench.meetings(users=["u-1", "1@b.test"]))
    assert one.user != other.user
    assert fingerprint(one) == fingerprint(other)


async def test_a_user_who_is_said_is_news() -> None:
    one, other = [await discovered(said_by(user)) for user in ("a@b.test", "c@b.test")]
    assert fingerprint(one[0]) != fingerprint(other[0])


def said_by(user: str) -> Zoom:
    bench = Bench()
    bench.script.on(ACCOUNT, page([meeting("m-1", host_email=user)]))
    return bench.meetings(users="account")


async def test_an_account_can_be_listed_as_a_whole() -> None:
    bench = Bench()
    bench.script.on(ACCOUNT, page([meeting("m-1", host_email="left@b.test")]))
    (found,) = await discovered(bench.meetings(users="account"))
    assert (found.id, found.user) == ("m-1", "left@b.test")
    assert [asked.path for asked in bench.script.asked] == ["/oauth/token", ACCOUNT]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(401, 124, "?"), AuthFailed),
        (error(400, 4711, "does not contain scopes:[a:b]"), AuthFailed),
        (error(429, 429, "daily", Retry_After="2026-01-05T13:00:00Z"), RateLimited),
        (FakeReply.json({"message": "?"}, status=404), Misconfigured),
        (FakeReply.of(b"404: Not Found", status=404), Misconfigured),
    ],
)
async def test_what_concerns_the_account_stops_at_once(
    answer: FakeReply, kind: type[ProviderError]
) -> None:
    bench = Bench()
    bench.script.on(ONE, answer)
    found, failure = await until_error(bench.meetings(), days=2000)
    assert found == []
    assert isinstance(failure, kind)
    assert len(bench.script.at(ONE)) <= 16


async def test_an_unreachable_api_stops_at_once() -> None:
    bench = Bench()
    bench.script.on(ONE, Unreachable("gone"))
    found, failure = await until_error(bench.meetings(), days=2000)
    assert (found, failure.code) == ([], "unavailable")


async def test_what_is_in_the_trash_of_a_recording_is_told_with_the_rest_of_it() -> None:
    bench = Bench()
    trashed = file("f-2", deleted_time="2025-11-19T00:00:00Z")

    def answer(asked: Asked) -> FakeReply:
        is_file = asked.query.get("trash_type") == "recording_file"
        kept = [] if "trash" in asked.query else [meeting("m-1", file("f-1"))]
        return page([meeting("m-1", trashed)] if is_file else kept)(asked)

    bench.script.on(ONE, answer)
    found = await discovered(bench.meetings(trash="rescue"), span(60))
    assert [each.id for each in found] == ["m-1"] * 3  # once for each range of days
    assert {tuple(f.id for f in each.files) for each in found} == {("f-1", "f-2")}
    assert found[0].deadline == NOW.replace(month=12, day=19, hour=0)


async def test_a_trash_that_cannot_be_read_keeps_nothing_else_from_being_told() -> None:
    bench = Bench()

    def answer(asked: Asked) -> FakeReply:
        if "trash" in asked.query:
            return error(400, 300, "no")
        return page([meeting("m-1")])(asked)

    bench.script.on(ONE, answer)
    found, failure = await until_error(bench.meetings(trash="rescue"))
    assert [each.id for each in found] == ["m-1"]
    assert isinstance(failure, PartlyRead)
    assert failure.unread == ()  # the trash is always read as a whole


@pytest.mark.parametrize("answer", [error(400, 200, "?"), error(404, 1001, "?")])
@pytest.mark.parametrize("member", ["trash", "mc"])
async def test_what_is_refused_of_the_trash_says_nothing_of_the_user(
    answer: FakeReply, member: str
) -> None:
    bench = Bench()

    def given(asked: Asked) -> FakeReply:
        return answer if member in asked.query else page([meeting("m-1")])(asked)

    bench.script.on(ONE, given)
    adapter = bench.meetings(trash="rescue", meeting_connector=True)
    for _ in range(2):
        found, failure = await until_error(adapter)
        assert {each.id for each in found} == {"m-1"}
        assert isinstance(failure, PartlyRead)
        assert ("trash" if member == "trash" else "on-premise") in str(failure)


@pytest.mark.parametrize("answer", [error(400, 200, "?"), error(404, 1001, "?")])
async def test_the_trash_of_who_is_passed_over_is_no_failure(answer: FakeReply) -> None:
    bench = Bench()
    bench.script.on("/users", page([{"id": "u-1"}, {"id": "u-2"}], name="users"))
    bench.script.on(ONE, answer)
    bench.script.on(TWO, page([meeting("m-1")]))
    adapter = bench.meetings(users="all", trash="rescue", meeting_connector=True)
    assert await ids(adapter) == ["m-1"] * 2  # it is listed as on the premises, too


async def test_the_trash_is_listed_on_request() -> None:
    bench = Bench()

    def answer(asked: Asked) -> FakeReply:
        kind = asked.query.get("trash_type", "none")
        return page([meeting(f"m-{kind}", file(deleted_time="2025-11-19T00:00:00Z"))])(asked)

    bench.script.on(ONE, answer)
    found = await discovered(bench.meetings(trash="rescue"))
    assert [each.id for each in found] == ["m-none", "m-meeting_recordings", "m-recording_file"]
    assert found[1].deadline == NOW.replace(month=12, day=19, hour=0)
    assert bench.script.at(ONE)[0].query == {
        "page_size": "300",
        "trash": "true",
        "trash_type": "meeting_recordings",
    }


async def test_on_premise_recordings_are_listed_on_request() -> None:
    bench = Bench()

    def answer(asked: Asked) -> FakeReply:
        on_premise = asked.query.get("mc") == "true"
        listed = [meeting("m-1", file(download_url=...))] if on_premise else []
        return page(listed)(asked)

    bench.script.on(ONE, answer)
    (found,) = await discovered(bench.meetings(meeting_connector=True))
    assert found.files[0].obstacle == "on_premise"


async def test_one_meeting_can_be_asked_for() -> None:
    bench = Bench()
    bench.script.on(ONE, page([]))
    await ids(bench.meetings(meeting_id="81234567890"))
    assert bench.script.at(ONE)[0].query["meeting_id"] == "81234567890"


@pytest.mark.parametrize("answer", [page([session()], name="sessions"), FakeReply.json(session())])
async def test_sessions_are_found_wrapped_or_bare(answer: Any) -> None:
    bench = Bench()
    bench.script.on(SDK, answer)
    assert await ids(bench.sdk()) == ["session-1=="]


async def test_sessions_are_asked_for_with_our_own_token() -> None:
    bench = Bench()
    bench.script.on(SDK, page([], name="sessions"))
    await ids(bench.sdk())
    (asked,) = bench.script.at(SDK)
    assert asked.token.startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
    assert bench.script.tokens == 0


async def test_the_trash_of_sessions_has_its_own_word() -> None:
    bench = Bench()
    bench.script.on(SDK, page([], name="sessions"))
    await ids(bench.sdk(trash="rescue"))
    assert [asked.query.get("trash_type") for asked in bench.script.at(SDK)] == [
        "session_recordings",
        "recording_file",
        None,
    ]


async def test_an_account_without_the_video_sdk_is_an_error() -> None:
    bench = Bench()
    bench.script.on(SDK, error(400, 200, "no plan"))
    _, failure = await until_error(bench.sdk())
    assert isinstance(failure, BadAnswer)


def test_a_change_of_users_has_all_read_again() -> None:
    bench = Bench()
    one, other = bench.meetings(users=["u-1"]), bench.meetings(users=["u-1", "u-2"])
    assert one.traits.scope != other.traits.scope
    assert one.traits.scope == bench.meetings(users=["u-1"], interval="1m").traits.scope


def test_traits_are_the_operators_wishes() -> None:
    traits = Bench().meetings(participant_audio=True, lookback="3d", since="2024-01-01").traits
    assert (traits.type, traits.describes, traits.lookback) == ("zoom", True, timedelta(days=3))
    assert (traits.transcodes, traits.acknowledges) == (False, False)
    assert traits.epoch is not None
    assert traits.filter.since == traits.epoch


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(error(500, 500, "oops"), PartlyRead), (error(400, 4711, "scopes:[a:b]"), AuthFailed)],
)
async def test_who_is_passed_over_shows_that_the_api_works_but_not_that_all_is_allowed(
    answer: FakeReply, kind: type[ProviderError]
) -> None:
    bench = Bench()
    bench.script.on(ONE, error(400, 200, "You do not have the right permissions."))
    bench.script.on(TWO, answer)
    _, failure = await until_error(bench.meetings(users=["u-1", "u-2"]))
    assert isinstance(failure, kind)
