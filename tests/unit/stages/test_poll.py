from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

import virtual
from fakes.catalog import failed, stored
from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import Rig, running
from reelkeep.core.filters import Criteria, Filter
from reelkeep.core.model import ProviderName, Readiness, Recording, Window
from reelkeep.core.poll_window import PartlyDescribed, PartlyRead, Unread
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    CatalogError,
    Gone,
    Misconfigured,
    ProviderError,
    RateLimited,
    Refused,
    Unavailable,
)
from reelkeep.stages.poll import Poller
from reelkeep.stages.signals import Signal
from virtual import VIRTUAL, Backend

MINUTE, DAY = 60.0, 86_400.0


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def poller(
    rig: Rig, name: str = "meetings", rng: float = 0.5, work: Signal | None = None
) -> Poller:
    resources = rig.resources
    return Poller(
        rig.providers[ProviderName(name)],
        resources.intake,
        clock=resources.clock,
        rng=lambda: rng,
        report=rig.log,
        work=work or Signal(),
    )


async def test_a_day_of_polling_takes_no_time_and_keeps_the_interval() -> None:
    provider = FakeProvider()
    async with running(poller(Rig(provider)).forever):
        await anyio.sleep(DAY - MINUTE)
    assert provider.times == pytest.approx([number * 5 * MINUTE for number in range(288)])


@pytest.mark.parametrize(("rng", "seconds"), [(0.0, 270), (0.5, 300), (0.999999, 330)])
async def test_the_interval_varies_by_a_tenth(rng: float, seconds: float) -> None:
    delay = await poller(Rig(FakeProvider()), rng=rng).once()
    assert delay.total_seconds() == pytest.approx(seconds, abs=0.01)


async def test_the_interval_counts_from_the_beginning_of_a_poll() -> None:
    provider = SlowProvider()
    async with running(poller(Rig(provider)).forever):
        await anyio.sleep(20 * MINUTE)
    assert [round(after - before) for before, after in pairwise(provider.times)] == [300, 300, 300]


class SlowProvider(FakeProvider):
    """Takes a minute to describe what there is."""

    def __init__(self) -> None:
        super().__init__(traits=traits(describes=True))
        self.hold(recording())
        self.undescribed.add(recording().id)

    async def describe(self, recordings: Sequence[Recording]) -> Sequence[Recording]:
        await anyio.sleep(MINUTE)
        return await super().describe(recordings)


async def test_a_poll_reads_the_whole_span_first_and_then_what_lies_in_the_lookback() -> None:
    epoch = virtual.START - timedelta(days=400)
    provider = FakeProvider(traits=traits(lookback=timedelta(days=7), epoch=epoch))
    asking = poller(Rig(provider))
    await asking.once()
    await anyio.sleep(600)
    await asking.once()
    (_, first), (_, second) = provider.polls
    assert first.since == epoch
    assert second.since == virtual.START - timedelta(days=7)


async def test_deep_scans_come_when_they_are_due() -> None:
    provider = FakeProvider(
        traits=traits(
            interval=timedelta(hours=6), lookback=timedelta(days=1), deep_scan=timedelta(days=7)
        )
    )
    rig = Rig(provider)
    async with running(poller(rig).forever):
        await anyio.sleep(30 * DAY)
    deep = [at for at, keys in zip(provider.times, rig.log.named("poll.completed"), strict=True)
            if keys["deep"]]  # fmt: skip
    assert [round(at / DAY, 1) for at in deep] == [0, 7, 14, 21, 28]


async def test_an_outage_is_read_over_again_however_long_it_was() -> None:
    provider = FakeProvider(traits=traits(lookback=timedelta(days=1)))
    asking = poller(Rig(provider))
    await asking.once()
    provider.faults["discover"] = [Unavailable("down")] * 3
    for _ in range(3):
        await anyio.sleep(10 * DAY)
        await asking.once()
    await asking.once()
    assert provider.polls[-1][1].since == virtual.START - timedelta(days=1)


async def test_a_changed_scope_is_read_from_the_beginning() -> None:
    provider = FakeProvider(traits=traits(lookback=timedelta(days=1), scope="one user"))
    rig = Rig(provider)
    await poller(rig).once()
    provider.traits = replace(provider.traits, scope="all users")
    await poller(rig).once()
    assert [keys["deep"] for keys in rig.log.named("poll.completed")] == [True, True]


async def test_breaking_is_said_once_and_so_is_being_back() -> None:
    provider = FakeProvider()
    provider.faults["discover"] = [Unavailable("down")] * 5
    rig = Rig(provider)
    async with running(poller(rig).forever):
        await anyio.sleep(2 * 3600)
    assert rig.log.count("poll.failed", "poll.recovered") == [1, 1]
    (recovered,) = rig.log.named("poll.recovered")
    assert recovered["seconds"] == pytest.approx(5 * 5 * MINUTE, rel=0.06)


async def test_a_broken_provider_does_not_disturb_another() -> None:
    bad, good = FakeProvider(name=ProviderName("bad")), FakeProvider(name=ProviderName("good"))
    bad.broken["discover"] = KeyError("a bug in an adapter")
    rig = Rig(bad, good)
    async with running(poller(rig, "bad").forever, poller(rig, "good").forever):
        await anyio.sleep(3600)
    assert len(good.polls) == 12
    assert rig.log.count("poll.failed") == [1]


async def test_a_bug_in_an_adapter_is_named_by_class_and_place_only() -> None:
    provider = FakeProvider()
    provider.broken["discover"] = ValueError("https://files.example/?token=secret")
    rig = Rig(provider)
    await poller(rig).once()
    (failed,) = rig.log.named("poll.failed")
    assert "ValueError at provider.py:" in str(failed["reason"])
    assert "secret" not in str(failed["reason"])


@pytest.mark.parametrize(
    ("error", "paused"), [(AuthFailed("no seat"), True), (Misconfigured("no such path"), False)]
)
async def test_a_refusal_is_retried_at_a_slow_pace_and_that_of_credentials_pauses_the_provider(
    error: ProviderError, *, paused: bool
) -> None:
    """Else one recording whose transcoding is refused would keep all others from being fetched."""
    provider = FakeProvider(broken={"discover": error})
    rig = Rig(provider)
    asking = poller(rig)
    async with running(asking.forever):
        await anyio.sleep(1)
        assert asking.health.paused == paused
        await anyio.sleep(3600)
    assert 4 <= len(provider.polls) <= 5


async def test_refused_credentials_are_said_once_and_so_is_their_return() -> None:
    provider = FakeProvider()
    provider.faults["discover"] = [AuthFailed("no"), Unavailable("down"), AuthFailed("no")]
    rig = Rig(provider)
    async with running(poller(rig).forever):
        await anyio.sleep(3600)
    assert rig.log.count("provider.auth_failed", "provider.auth_recovered") == [1, 1]


async def test_an_outage_does_not_end_the_pause_of_a_refusal() -> None:
    provider = FakeProvider()
    provider.faults["discover"] = [AuthFailed("no"), Unavailable("down")]
    asking = poller(Rig(provider))
    await asking.once()
    await asking.once()
    assert asking.health.paused


async def test_a_paused_provider_is_asked_when_it_is_woken() -> None:
    provider = FakeProvider()
    provider.faults["discover"] = [AuthFailed("no seat")]
    asking = poller(Rig(provider))
    async with running(asking.forever):
        await anyio.sleep(10)
        asking.wake.notify()
        await anyio.sleep(1)
        assert not asking.health.paused
    assert provider.times == [0, 10]


async def test_the_end_of_a_pause_rings_for_what_came_due_meanwhile() -> None:
    provider = FakeProvider()
    provider.faults["discover"] = [AuthFailed("no seat")]
    rig, work = Rig(provider), Signal()
    asking = poller(rig, work=work)
    await asking.once()
    assert not await work.wait(0)
    await asking.once()
    assert await work.wait(0)


@pytest.mark.parametrize("rng", [0.0, 0.5, 0.999])
async def test_a_rate_limited_provider_is_left_alone_until_the_time_it_gave(rng: float) -> None:
    until = virtual.START + timedelta(hours=8)
    provider = FakeProvider()
    provider.faults["discover"] = [RateLimited("enough", until=until)]
    async with running(poller(Rig(provider), rng=rng).forever):
        await anyio.sleep(9 * 3600)
    assert 8 * 3600 <= provider.times[1] <= 8 * 3600 + 30


async def test_a_rate_limit_does_not_pause_the_downloads() -> None:
    provider = FakeProvider(broken={"discover": RateLimited("enough")})
    asking = poller(Rig(provider))
    await asking.once()
    assert not asking.health.paused


async def test_a_far_away_retry_is_cut_to_a_day() -> None:
    until = virtual.START + timedelta(days=1000)
    provider = FakeProvider(broken={"discover": RateLimited("enough", until=until)})
    delay = await poller(Rig(provider)).once()
    assert delay <= timedelta(days=1, minutes=1)


async def test_what_a_partial_listing_brought_is_admitted() -> None:
    provider = FakeProvider(traits=traits(lookback=timedelta(days=1)))
    provider.hold(recording("a"), recording("b"))
    provider.faults["discovered"] = [BadAnswer("one user could not be read")]
    rig = Rig(provider)
    await poller(rig).once()
    assert await rig.files("due") == 2


async def test_a_partial_listing_does_not_move_the_cursor() -> None:
    provider = FakeProvider(traits=traits(lookback=timedelta(days=1)))
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    before = await rig.resources.intake.scan(provider.name)
    await anyio.sleep(3600)
    provider.faults["discovered"] = [BadAnswer("one user could not be read")]
    await asking.once()
    after = await rig.resources.intake.scan(provider.name)
    assert (after.covered_until, after.deep_at) == (before.covered_until, before.deep_at)
    assert after.broken_since is not None


async def test_what_a_description_leaves_out_comes_back_at_the_next_poll() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(recording("a"), recording("b"))
    provider.undescribed.add(recording("b").id)
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    assert await rig.recordings("open") == ["a"]
    provider.undescribed.clear()
    await asking.once()
    assert await rig.recordings("open") == ["a", "b"]


async def test_what_cannot_be_described_is_asked_for_ever_more_rarely() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(recording("a"))
    provider.undescribed.add(recording("a").id)
    asking = poller(Rig(provider))
    for _ in range(24 * 12):
        await asking.once()
        await anyio.sleep(300)
    asked = [call for _, call in provider.calls].count("describe")
    assert 20 < asked < 40


async def test_what_cannot_be_described_for_a_day_is_incomplete() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(recording("a"))
    provider.undescribed.add(recording("a").id)
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    assert await rig.recordings("waiting") == ["a"]
    await anyio.sleep(86_400)
    await asking.once()
    assert await rig.recordings("incomplete") == ["a"]
    provider.undescribed.clear()
    await anyio.sleep(3600)
    await asking.once()
    assert await rig.recordings("open") == ["a"]


async def test_a_description_that_fails_keeps_no_transcoding_waiting() -> None:
    provider = FakeProvider(traits=traits(describes=True, transcodes=True))
    provider.hold(recording("a"), recording("b", readiness=Readiness.TRANSCODABLE))
    provider.faults["describe"] = [BadAnswer("no list")]
    rig = Rig(provider)
    await poller(rig).once()
    assert "transcode" in [call for _, call in provider.calls]
    assert rig.log.count("poll.failed") == [1]


async def test_what_is_described_is_not_described_again() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(recording("a"))
    asking = poller(Rig(provider))
    await asking.once()
    await asking.once()
    assert [call for _, call in provider.calls].count("describe") == 1


async def test_a_transcoding_is_asked_for_once_and_then_waited_for() -> None:
    provider = FakeProvider(traits=traits(transcodes=True, describes=True), transcoding_takes=400)
    provider.hold(recording("a", readiness=Readiness.TRANSCODABLE))
    rig = Rig(provider)
    async with running(poller(rig).forever):
        await anyio.sleep(1)
        assert await rig.recordings("waiting") == ["a"]
        await anyio.sleep(12 * MINUTE)
        assert await rig.recordings("open") == ["a"]
    assert provider.transcoded == [["a"]]


async def test_a_poll_that_brings_nothing_leaves_the_catalog_alone() -> None:
    provider = FakeProvider(traits=traits(transcodes=True, describes=True))
    provider.hold(recording("a"))
    rig = Rig(provider)
    asking = poller(rig)
    for _ in range(2):
        await asking.once()
    await rig.database.close()  # it was in memory: every transaction fails from now on
    await asking.once()
    assert rig.log.count("poll.completed") == [3]


async def test_transcodings_are_asked_for_in_batches() -> None:
    provider = FakeProvider(traits=traits(transcodes=True, batch=500))
    provider.hold(*(replace(each, readiness=Readiness.TRANSCODABLE) for each in many(1200)))
    await poller(Rig(provider)).once()
    assert [len(ids) for ids in provider.transcoded] == [500, 500, 200]


async def test_work_is_rung_only_when_there_is_something_new() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig, work = Rig(provider), Signal()
    asking = Poller(
        provider,
        rig.resources.intake,
        clock=virtual.clock,
        rng=lambda: 0.5,
        report=rig.log,
        work=work,
    )
    await asking.once()
    assert await work.wait(0)
    await asking.once()
    assert not await work.wait(0)


async def test_a_widened_filter_makes_old_files_due() -> None:
    everything = Filter()
    nothing = Filter(exclude=Criteria(topic="Title"))
    provider = FakeProvider(traits=traits(filter=nothing))
    provider.hold(recording())
    rig = Rig(provider)
    await poller(rig).once()
    assert await rig.files("skipped") == 1
    provider.traits = replace(provider.traits, filter=everything)
    provider.recordings.clear()
    await poller(rig).once()
    assert await rig.files("due") == 1


async def test_what_the_provider_deletes_soon_is_pointed_out_once() -> None:
    provider = FakeProvider()
    provider.hold(
        recording("soon", deadline=virtual.START + timedelta(days=2)),
        recording("later", deadline=virtual.START + timedelta(days=20)),
    )
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    await asking.once()
    assert [keys["recording"] for keys in rig.log.named("recording.at_risk")] == ["soon"]


async def test_what_is_known_for_long_is_pointed_out_once_its_deadline_comes_near() -> None:
    provider = FakeProvider(traits=traits(interval=timedelta(hours=1)))
    provider.hold(recording("a", deadline=virtual.START + timedelta(days=20)))
    rig = Rig(provider)
    async with running(poller(rig).forever):
        await anyio.sleep(12 * DAY)
        assert rig.log.count("recording.at_risk") == [0]
        await anyio.sleep(2 * DAY)
    (said,) = rig.log.named("recording.at_risk")
    assert said["deadline"] == virtual.START + timedelta(days=20)


async def test_a_deadline_is_pointed_out_while_the_provider_is_broken() -> None:
    provider = FakeProvider()
    provider.hold(recording("a", deadline=virtual.START + timedelta(days=8)))
    rig = Rig(provider)
    await poller(rig).once()
    provider.broken["discover"] = Unavailable("down")
    await anyio.sleep(2 * DAY)
    await poller(rig).once()
    assert rig.log.count("recording.at_risk") == [1]


async def test_another_deadline_is_pointed_out_anew() -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    for days in (5, 3):
        provider.hold(recording("a", deadline=virtual.START + timedelta(days=days)))
        await poller(rig).once()
    assert rig.log.count("recording.at_risk") == [2]


async def test_what_is_here_is_not_at_risk() -> None:
    provider = FakeProvider()
    provider.hold(recording("a", deadline=virtual.START + timedelta(days=20)))
    rig = Rig(provider)
    await poller(rig).once()
    (claim,) = await rig.resources.queue.claim(provider.name, 1)
    await rig.resources.ledger.record([stored(each) for each in claim.downloads])
    await anyio.sleep(19 * DAY)
    await poller(rig).once()
    assert rig.log.count("recording.at_risk") == [0]


async def test_what_had_failed_is_asked_for_once_more_when_its_deadline_is_over() -> None:
    """Then it comes after all, or it is said that it has vanished."""
    provider = FakeProvider()
    provider.hold(recording("a", deadline=virtual.START + timedelta(days=2)))
    rig = Rig(provider)
    await poller(rig).once()
    await fail(rig, Refused("not for you"))
    for day in range(4):
        await anyio.sleep(DAY)
        await poller(rig).once()
        assert await rig.files("due") == (day >= 1)
    await fail(rig, Gone("deleted"))
    await anyio.sleep(DAY)
    await poller(rig).once()
    assert rig.log.count("recording.at_risk", "recording.vanished") == [1, 1]
    assert await rig.files("gone") == 1


async def fail(rig: Rig, error: Exception) -> None:
    """Let what is due fail."""
    (claim,) = await rig.resources.queue.claim(ProviderName("meetings"), 1)
    await rig.resources.ledger.record([failed(each, error) for each in claim.downloads])


async def test_a_failing_catalog_is_not_blamed_on_the_provider() -> None:
    rig = Rig(FakeProvider())
    await rig.database.write(lambda c: c.exec_driver_sql("DROP TABLE provider"))
    with pytest.raises(CatalogError):
        await poller(rig).once()
    assert rig.log.events == []


async def test_since_when_it_is_broken_outlives_the_process() -> None:
    provider = FakeProvider(broken={"discover": Unavailable("down")})
    rig = Rig(provider)
    await poller(rig).once()
    await anyio.sleep(3600)
    after_restart = poller(rig)
    await after_restart.once()
    assert after_restart.health.broken_since == virtual.START
    assert rig.log.count("poll.failed") == [2]


async def test_a_recovery_after_a_restart_is_said() -> None:
    provider = FakeProvider()
    provider.faults["discover"] = [Unavailable("down")]
    rig = Rig(provider)
    await poller(rig).once()
    await poller(rig).once()
    assert rig.log.count("poll.recovered") == [1]


async def test_a_download_that_is_refused_pauses_the_provider() -> None:
    rig = Rig(FakeProvider())
    asking = poller(rig)
    asking.health.met(AuthFailed("a scope is missing"))
    asking.health.met(AuthFailed("a scope is missing"))
    assert asking.health.paused
    assert rig.log.count("provider.auth_failed") == [1]


async def test_a_download_that_is_not_understood_pauses_the_provider() -> None:
    asking = poller(Rig(FakeProvider()))
    asking.health.met(Misconfigured("no such path"))
    assert asking.health.paused


async def test_a_download_that_meets_an_outage_changes_nothing() -> None:
    asking = poller(Rig(FakeProvider()))
    asking.health.met(Unavailable("down"))
    assert asking.health.broken_since is None


@given(st.lists(st.sampled_from(["good", "down", "refused"]), max_size=6))
def test_breaks_and_recoveries_are_said_in_turn(fates: list[str]) -> None:
    errors: dict[str, ProviderError] = {"down": Unavailable("down"), "refused": AuthFailed("no")}
    provider = FakeProvider()
    rig = Rig(provider)

    async def poll_all() -> None:
        asking = poller(rig)
        for fate in fates:
            provider.faults["discover"] = [errors[fate]] if fate in errors else []
            await asking.once()

    anyio.run(poll_all, backend=VIRTUAL[0], backend_options=dict(VIRTUAL[1]))
    said = [name for name, _ in rig.log.events if name in ("poll.failed", "poll.recovered")]
    broken = [fate != "good" for fate in fates]
    changes = [now for before, now in pairwise([False, *broken]) if before is not now]
    assert said == ["poll.failed" if now else "poll.recovered" for now in changes]


DAY_LONG = timedelta(days=1)


def of_user(name: str, days: int = 90) -> Unread:
    return Unread(name, Window(virtual.START - timedelta(days=days), virtual.START))


@dataclass
class PartedProvider(FakeProvider):
    """Lists users one by one; `unreadable` are what fails, and what of it is unread."""

    unreadable: tuple[Unread, ...] = ()
    again: list[Sequence[Unread]] = field(default_factory=list)  #: What was to be read again.

    async def discover(self, span: Window) -> AsyncIterator[Sequence[Recording]]:
        async for batch in self.discover_with(span, ()):
            yield batch

    async def discover_with(
        self, span: Window, unread: Sequence[Unread]
    ) -> AsyncIterator[Sequence[Recording]]:
        self.again.append(list(unread))
        async for batch in super().discover(span):
            yield batch
        if self.unreadable:
            raise PartlyRead("all but 1: u-1", unread=self.unreadable)


def parted() -> PartedProvider:
    return PartedProvider(traits=traits(lookback=DAY_LONG, deep_scan=30 * DAY_LONG))


async def test_a_part_that_cannot_be_read_holds_nobody_elses_cursor() -> None:
    provider = parted()
    provider.unreadable = (of_user("u-1"),)
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    scan = await rig.resources.intake.scan(provider.name)
    assert (scan.covered_until, scan.deep_at) == (virtual.START, virtual.START)
    assert scan.polled_at is None  # it was no complete poll
    assert scan.reason == "all but 1: u-1"
    assert await rig.resources.intake.unread(provider.name) == [of_user("u-1")]
    assert not asking.health.paused
    assert rig.log.count("poll.failed", "poll.completed") == [1, 0]


async def test_that_only_a_part_could_not_be_read_is_noted_until_nothing_can_be() -> None:
    provider = parted()
    provider.unreadable = (of_user("u-1"),)
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    first = await rig.resources.intake.scan(provider.name)
    assert (first.partly, asking.health.troubled) == (True, False)
    provider.faults["discover"] = [Unavailable("down")]
    await anyio.sleep(MINUTE)
    await asking.once()
    second = await rig.resources.intake.scan(provider.name)
    assert (second.partly, asking.health.troubled) == (False, True)
    assert second.broken_since == virtual.START + timedelta(seconds=MINUTE)


async def test_a_part_that_could_not_be_read_is_read_again_alone_until_it_can_be() -> None:
    provider = parted()
    provider.unreadable = (of_user("u-1"),)
    rig = Rig(provider)
    await poller(rig).once()
    await poller(rig).once()  # as after a restart
    provider.unreadable = ()
    asking = poller(rig)
    await asking.once()
    await asking.once()
    assert provider.again == [[], [of_user("u-1")], [of_user("u-1")], []]
    assert {span.until - span.since for _, span in provider.polls[1:]} == {2 * DAY_LONG}
    assert await rig.resources.intake.unread(provider.name) == []
    assert rig.log.count("poll.recovered") == [1]


async def test_a_deep_scan_reads_all_and_forgets_what_was_unread() -> None:
    provider = parted()
    provider.unreadable = (of_user("u-1"), of_user("left"))
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    await anyio.sleep(31 * DAY)
    provider.unreadable = (of_user("u-1", 200),)
    await asking.once()
    assert provider.again == [[], []]
    assert await rig.resources.intake.unread(provider.name) == [of_user("u-1", 200)]


async def test_while_nobody_is_served_what_is_unread_stays_so() -> None:
    provider = parted()
    provider.unreadable = (of_user("u-1"),)
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    provider.faults["discover"] = [AuthFailed("no")]
    await asking.once()
    assert asking.health.paused
    assert await rig.resources.intake.unread(provider.name) == [of_user("u-1")]
    await asking.once()
    assert not asking.health.paused  # others are served
    assert rig.log.count("provider.auth_failed", "provider.auth_recovered") == [1, 1]


async def test_if_it_is_not_known_who_is_missing_the_cursor_stays() -> None:
    provider = parted()
    provider.faults["discovered"] = [PartlyRead("users cannot be listed", unread=None)]
    rig = Rig(provider)
    await poller(rig).once()
    assert (await rig.resources.intake.scan(provider.name)).covered_until is None


async def test_what_cannot_be_described_leaves_the_others_alone() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(recording("a"), recording("b"))
    a, left = provider.recordings[recording("a").id], of_user("u-1", 1)
    provider.faults["describe"] = [PartlyDescribed("b", described=[a], unread=[left])]
    rig = Rig(provider)
    asking = poller(rig)
    await asking.once()
    assert await rig.recordings("open") == ["a"]
    assert await rig.resources.intake.unread(provider.name) == [left]
    await asking.once()
    assert await rig.recordings("open") == ["a", "b"]
