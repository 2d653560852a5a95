"""Listing recordings in spite of the cap, against the simulator and against scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fakes.goto import Api, Asked, account, discovered, options, refusal, until_error
from fakes.log import RecordedLog
from fakes.simulated import bench
from fakes.transport import FakeReply
from reelkeep.core.model import Readiness, Recording, Window
from reelkeep.core.poll_window import EPOCH
from reelkeep.errors import AuthFailed, BadAnswer, Misconfigured, ProviderError, Unavailable
from reelkeep.simulator.fixtures import Extent
from reelkeep.simulator.switches import Switches
from virtual import PATIENT, START, Backend

FAST: dict[str, Any] = {"requests_per_second": 100, "since": None}
SPAN = Window(EPOCH, START)


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


def world(recordings: int, **more: Any) -> dict[str, Any]:
    extent = Extent(recordings=recordings, meetings=0, sessions=0, odd=False, days=90, **more)
    return {"extent": extent, "switches": Switches().unlimited()}


class Shelf:
    """A listing API over recordings that started at given seconds after `START`'s day before."""

    base = START - timedelta(days=1)

    def __init__(self, *starts: float) -> None:
        self.starts = dict(enumerate((self.base + timedelta(seconds=s) for s in starts), start=1))
        self.heeds_times = True
        self.inclusive = True
        self.broken: list[int] = []  #: Numbers of the requests that fail, whatever is retried.
        self.bad: set[int] = set()  #: Recordings of which no window can be listed.
        self.answer = FakeReply.of(b"", status=500)  #: What such a window answers instead.
        self.noise = 0  #: Entries that are no ids, in each listing that has recordings.
        self.windows: list[tuple[str, str]] = []

    def __call__(self, asked: Asked) -> FakeReply:
        bounds = asked.pairs.get("fromTime", ""), asked.pairs.get("toTime", "")
        if bounds not in self.windows:
            self.windows.append(bounds)
        if self.windows.index(bounds) in self.broken:
            return self.answer
        since = datetime.fromisoformat(bounds[0]) if bounds[0] else EPOCH
        until = datetime.fromisoformat(bounds[1]) if bounds[1] else START + timedelta(days=9)
        until += timedelta(0) if self.inclusive else timedelta(microseconds=-1)
        found = [
            id_
            for id_, start in sorted(self.starts.items(), key=lambda item: item[1])
            if not self.heeds_times or since <= start <= until
        ]
        if self.bad.intersection(found):
            return self.answer
        entries: list[int | None] = [*([None] * self.noise if found else []), *found]
        return FakeReply.json({"readyForTranscode": [], "readyForDownload": entries[:500]})


async def found(shelf: Shelf, log: RecordedLog | None = None, **given: Any) -> Sequence[int]:
    provider = account(Api(shelf), log=log, **FAST | given)
    return sorted(int(each.id) for each in await discovered(provider, SPAN))


async def test_all_of_a_small_account_is_listed_with_one_request() -> None:
    async with bench(**world(30)) as b:
        got = await discovered(b.provider("gotoassist", **FAST), b.span)
        assert {each.id for each in got} == {str(each.id) for each in b.sim.world.recordings}
        assert b.sim.journal.calls["goto"] == 1


async def test_more_than_the_cap_is_listed_completely() -> None:
    async with bench(**world(1_200, untranscoded=0.0)) as b:
        got = [each.id for each in await discovered(b.provider("gotoassist", **FAST), b.span)]
        assert len(got) == len(set(got)) == 1_200


async def test_no_batch_is_longer_than_the_cap() -> None:
    async with bench(**world(1_200)) as b:
        provider = b.provider("gotoassist", **FAST)
        sizes = [len(batch) async for batch in provider.discover(b.span)]
        assert (max(sizes), sum(sizes)) == (500, 1_200)


async def test_readiness_tells_what_waits_for_transcoding() -> None:
    async with bench(**world(20)) as b:
        got = await discovered(b.provider("gotoassist", **FAST), b.span)
        waiting = {each.id for each in got if each.readiness is Readiness.TRANSCODABLE}
        untold = {str(each.id) for each in b.sim.world.recordings if not each.transcoded_from}
        assert waiting == untold
        assert waiting


async def test_ids_near_the_limit_of_integers_stay_exact() -> None:
    async with bench(**world(20, big_ids=True)) as b:
        got = await discovered(b.provider("gotoassist", **FAST), b.span)
        assert {each.id for each in got} == {str(each.id) for each in b.sim.world.recordings}


async def test_what_is_archived_is_left_out() -> None:
    async with bench(**world(10)) as b:
        b.sim.world.recordings[0].archived = True
        assert len(await discovered(b.provider("gotoassist", **FAST), b.span)) == 9


async def test_what_is_archived_can_be_included_and_is_known_to_be_told() -> None:
    async with bench(**world(10)) as b:
        b.sim.world.recordings[0].archived = True
        provider = b.provider("gotoassist", archived="include", **FAST)
        told = [each.id for each in await discovered(provider, b.span) if each.told]
        assert told == [str(b.sim.world.recordings[0].id)]


async def test_the_session_type_filters() -> None:
    async with bench(**world(30)) as b:
        provider = b.provider("gotoassist", session_type="unattended", **FAST)
        unattended = {str(each.id) for each in b.sim.world.recordings if each.unattended}
        assert {each.id for each in await discovered(provider, b.span)} == unattended


async def test_since_leaves_out_what_is_older() -> None:
    async with bench(**world(30)) as b:
        middle = b.sim.world.recordings[15].started_at
        provider = b.provider("gotoassist", requests_per_second=100, since=middle)
        assert len(await discovered(provider, b.span)) == 15


async def test_a_time_period_is_asked_for() -> None:
    async with bench(**world(30)) as b:
        got = await discovered(b.provider("gotoassist", time_period=30, **FAST), b.span)
        assert len(got) == 10


async def test_a_time_period_that_overflows_the_list_is_cut_as_well() -> None:
    async with bench(**world(1_800, untranscoded=0.0)) as b:
        got = await discovered(b.provider("gotoassist", time_period=30, **FAST), b.span)
        assert len({each.id for each in got}) >= 600


async def test_nothing_bounds_the_first_request_if_there_is_no_since() -> None:
    shelf = Shelf(1)
    await found(shelf)
    assert shelf.windows == [("", "")]


async def test_a_span_in_the_past_bounds_the_request_at_both_ends() -> None:
    shelf = Shelf(1)
    span = Window(START - timedelta(days=2), START - timedelta(days=1))
    await discovered(account(Api(shelf), **FAST), span)
    assert shelf.windows == [("2026-01-03T12:00:00Z", "2026-01-04T12:00:00Z")]


@pytest.mark.parametrize("inclusive", [True, False])
async def test_nothing_falls_between_the_halves_whatever_to_time_means(inclusive: bool) -> None:
    shelf = Shelf(*(number * 0.7 for number in range(1_300)))
    shelf.inclusive = inclusive
    assert len(await found(shelf)) == 1_300


async def test_a_crowded_second_is_listed_as_far_as_it_can_be_and_reported_once() -> None:
    shelf, log = Shelf(*([5.0] * 700), 100.0), RecordedLog()
    provider = account(Api(shelf), log=log, **FAST)
    got = await discovered(provider, SPAN)
    await discovered(provider, SPAN)
    assert (len(got), len(log.named("poll.incomplete"))) == (501, 1)


async def test_an_incomplete_poll_is_reported_anew_after_a_complete_one() -> None:
    shelf, log = Shelf(*([5.0] * 700)), RecordedLog()
    provider = account(Api(shelf), log=log, **FAST)
    for crowd in (700, 10, 700):
        shelf.starts = dict.fromkeys(range(crowd), shelf.base)
        await discovered(provider, SPAN)
    assert len(log.named("poll.incomplete")) == 2


async def test_an_api_that_ignores_times_is_not_asked_for_ever() -> None:
    shelf, log = Shelf(*range(700)), RecordedLog()
    shelf.heeds_times = False
    assert len(await found(shelf, log)) == 500
    assert len(shelf.windows) == 3
    assert "does not heed" in str(log.named("poll.incomplete")[0]["reason"])


async def test_a_window_that_breaks_once_is_read_in_halves() -> None:
    shelf = Shelf(*range(0, 80_000, 100))
    shelf.broken = [1]
    assert len(await found(shelf)) == 800


@pytest.mark.parametrize("recordings", [200, 1_000, 3_000])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FakeReply.of(b"", status=500), Unavailable),
        (FakeReply.of(b"<html>"), BadAnswer),
        (FakeReply.json({"readyForDownload": 5}), BadAnswer),
        (refusal(400), BadAnswer),
    ],
)
async def test_a_day_that_cannot_be_listed_costs_that_day_and_is_named(
    answer: FakeReply, error: type[ProviderError], recordings: int
) -> None:
    """Whether the account is small or not: the first listing fails as well."""
    shelf = Shelf(*(number * -86_400 / 10 for number in range(recordings)))
    shelf.bad, shelf.answer = {105}, answer
    got, failure = await until_error(account(Api(shelf), **FAST), SPAN)
    assert type(failure) is error
    assert len({each.id for each in got}) >= recordings - 20
    assert re.search(r"^recordings of \S+Z to \S+Z: ", str(failure))
    assert "; " not in str(failure)


async def test_a_few_days_that_cannot_be_listed_cost_no_more_than_those() -> None:
    shelf = Shelf(*(number * -86_400 / 10 for number in range(2_000)))
    shelf.bad = {105, 905, 915, 1_505}
    got, failure = await until_error(account(Api(shelf), **FAST), SPAN)
    assert len({each.id for each in got}) >= 2_000 - 80
    assert str(failure).count("recordings of") == 4


async def test_the_newest_recording_may_be_the_one_that_cannot_be_listed() -> None:
    shelf = Shelf(*(number * -86_400 for number in range(50)))
    shelf.starts[1] = START - timedelta(minutes=10)
    shelf.bad, shelf.answer = {1}, refusal(400)
    got, failure = await until_error(account(Api(shelf), **FAST), SPAN)
    assert len({each.id for each in got}) >= 48
    assert isinstance(failure, BadAnswer)


async def test_every_other_day_may_be_one_that_cannot_be_listed() -> None:
    shelf = Shelf(*(number * -5 * 86_400 for number in range(80)))
    shelf.bad = set(range(1, 81, 2))
    got, _ = await until_error(account(Api(shelf), **FAST), SPAN)
    assert {each.id for each in got} == {str(n) for n in range(2, 81, 2)}


async def test_entries_that_are_no_ids_cost_no_other() -> None:
    shelf = Shelf(*(number * -8_640 for number in range(2_500)))
    shelf.noise = 3
    got, failure = await until_error(account(Api(shelf), **FAST), SPAN)
    assert (len({each.id for each in got}), type(failure)) == (2_500, BadAnswer)


async def test_an_api_that_breaks_down_is_not_asked_window_by_window() -> None:
    shelf = Shelf(*range(0, 80_000, 10))
    shelf.broken = list(range(3, 10_000))
    got, _ = await until_error(account(Api(shelf), **FAST), SPAN)
    assert len(shelf.windows) <= 3 + 5
    assert len({each.id for each in got}) >= 500  # what was read counts


async def test_ids_that_cannot_be_read_are_told_after_those_that_can() -> None:
    api = Api([FakeReply.json({"readyForDownload": [1, "a b", 2]})])
    got, error = await until_error(account(api, **FAST), SPAN)
    assert ([each.id for each in got], type(error)) == (["1", "2"], BadAnswer)
    assert "recordings of " in str(error)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal(403), "account_key does not belong"),
        (refusal(400), "account_key or another setting is not understood"),
        (refusal(404, "NOT_FOUND"), "base_url"),
    ],
)
async def test_a_refused_listing_says_what_to_look_at(answer: FakeReply, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        await discovered(account(Api([answer]), **FAST), SPAN)


async def test_the_check_names_the_wrong_key() -> None:
    async with bench(**world(3)) as b:
        findings = await b.provider("gotoassist", account_key=None, user_key=5, **FAST).check()
        assert [(each.subject, each.ok) for each in findings] == [("recordings", False)]
        assert "user_key does not belong" in findings[0].message


async def test_the_check_names_a_missing_seat() -> None:
    async with bench(**world(3)) as b:
        b.sim.switches.goto.seat = False
        findings = await b.provider("gotoassist", **FAST).check()
        assert "no Remote Support seat" in findings[0].message


async def test_the_check_finds_a_good_account_in_order() -> None:
    async with bench(**world(3)) as b:
        findings = await b.provider("gotoassist", **FAST).check()
        assert [(each.subject, each.ok) for each in findings] == [
            ("access", True),
            ("recordings", True),
        ]


async def test_the_check_says_when_the_refresh_token_is_over() -> None:
    async with bench(**world(3)) as b:
        b.sim.switches.goto.token_fault = "invalid_grant"
        (finding,) = await b.provider("gotoassist", **FAST).check()
        assert (finding.subject, finding.ok) == ("access", False)
        assert "authorize the client once more" in finding.message


async def test_a_token_that_dies_midway_does_not_lose_recordings() -> None:
    async with bench(**world(1_200, untranscoded=0.0)) as b:
        got: list[Recording] = []
        async for batch in b.provider("gotoassist", **FAST).discover(b.span):
            got += batch
            b.sim.goto_tokens.expire()
        assert len({each.id for each in got}) == 1_200


async def test_a_refused_token_stops_the_sweep() -> None:
    with pytest.raises(AuthFailed):
        await discovered(account(Api([refusal(401)]), **FAST), SPAN)


def test_the_epoch_is_older_than_the_service() -> None:
    assert datetime(2006, 1, 1, tzinfo=UTC) > EPOCH
    assert options().since is None
