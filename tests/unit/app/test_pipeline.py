from __future__ import annotations

import errno
import gc
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta

import anyio
import anyio.lowlevel
import pytest

from fakes.archive import MemoryPart
from fakes.log import RecordedLog
from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import BODY, Rig, Slow, whole
from fakes.transport import Answer, FakeReply, FakeTransport
from reelkeep.app.exception_groups import leaves, unwrapped
from reelkeep.app.pipeline import WAKES, Occasion, Pipeline, Waiter, Wakes, drain_time
from reelkeep.core.model import Claim, Download, Holding, ProviderName
from reelkeep.disk import disk_error
from reelkeep.errors import AuthFailed, CatalogError, DiskFull, Unavailable
from reelkeep.ports import Request
from reelkeep.settings.model import RetryOptions
from reelkeep.stages.dispatch import GULP
from virtual import VIRTUAL, Backend

A, B = ProviderName("a"), ProviderName("b")
ACK = traits(acknowledges=True)
LONG = bytes(range(256)) * 40


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def work(rig: Rig, steer: Callable[[Pipeline], Awaitable[None]]) -> Pipeline:
    """Run the daemon's pipeline until `steer` returns."""
    pipeline = Pipeline(rig.resources, rig.names, polls=True)
    await pipeline.run(lambda: steer(pipeline))
    return pipeline


def after(seconds: float) -> Callable[[Pipeline], Awaitable[None]]:
    async def steer(_: Pipeline) -> None:
        await anyio.sleep(seconds)

    return steer


def test_every_occasion_wakes_somebody_and_everybody_is_woken() -> None:
    assert set(WAKES) == set(Occasion)
    assert {waiter for waiters in WAKES.values() for waiter in waiters} == set(Waiter)


async def test_an_occasion_of_one_provider_wakes_those_of_no_other() -> None:
    wakes = Wakes()
    shared = wakes.add(Waiter.ROUND_ROBIN)
    mine, other = wakes.add(Waiter.DISPATCHER, A), wakes.add(Waiter.DISPATCHER, B)
    wakes.on(Occasion.POLLED, A).notify()
    assert [await each.wait(0) for each in (shared, mine, other)] == [True, True, False]
    wakes.on(Occasion.FAILED).notify()
    assert [await each.wait(0) for each in (shared, mine, other)] == [True, True, True]
    wakes.forget(B)
    wakes.notify(Occasion.STORABLE)
    assert [await each.wait(0) for each in (mine, other)] == [True, False]


@dataclass
class Script:
    """Answers each path by what is planned for it, and by the whole file after that."""

    plans: dict[str, list[Answer]] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        path = request.url.removeprefix("https://files.example/").partition("?")[0]
        plan = self.plans.get(path)
        return plan.pop(0) if plan else whole(request)


async def test_what_is_discovered_ends_archived_and_acknowledged() -> None:
    provider = FakeProvider(traits=ACK)
    provider.hold(*many(20))
    rig = Rig(provider)
    await work(rig, after(30))
    assert len(await rig.recordings("acknowledged")) == 20
    assert sum(content == BODY for content in rig.archive.visible.values()) == 20


async def test_what_appears_later_is_found_by_a_later_poll() -> None:
    provider = FakeProvider()
    rig = Rig(provider)

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(3600)
        provider.hold(recording("late"))
        await anyio.sleep(400)

    await work(rig, steer)
    assert await rig.recordings("archived") == ["late"]


async def test_no_more_files_are_in_flight_than_there_are_workers() -> None:
    provider = FakeProvider()
    provider.hold(*many(50))
    slow = Slow(FakeTransport(whole), 10)
    rig = Rig(provider, transport=slow, workers=3)
    await work(rig, after(400))
    assert slow.most == 3
    assert await rig.files("stored") == 50


def in_memory() -> int:
    """Return how many claims and downloads there are."""
    gc.collect()
    return sum(isinstance(each, Claim | Download) for each in gc.get_objects())


@pytest.mark.prove
async def test_a_backlog_of_twenty_thousand_stays_in_the_catalog() -> None:
    provider = FakeProvider(name=A)
    provider.hold(*many(20_000))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 60), queue_size=50, workers=4)
    before, meanwhile = in_memory(), 0

    async def steer(_: Pipeline) -> None:
        nonlocal meanwhile
        await anyio.sleep(30)
        meanwhile = in_memory()
        assert await rig.files("active") <= 50 + GULP

    await work(rig, steer)
    assert meanwhile - before <= 2 * (50 + GULP)
    assert await rig.files("due") == 20_000 - await rig.files("stored")


async def test_a_large_provider_does_not_starve_a_small_one() -> None:
    big, small = FakeProvider(name=A), FakeProvider(name=B)
    big.hold(*many(1000))
    small.hold(*many(5))
    rig = Rig(big, small, transport=Slow(FakeTransport(whole), 10), workers=2)
    await work(rig, after(60))
    stored = [keys["provider"] for keys in rig.log.named("file.stored")]
    assert stored.count("b") == 5
    assert stored.count("a") < 12


async def test_rule_52_a_slot_is_free_while_a_file_waits_for_its_retry() -> None:
    provider = FakeProvider(name=A)
    provider.hold(recording("bad"), recording("good"))
    script = Script({"a/bad/1": [FakeReply.of(b"", status=502)]})
    rig = Rig(
        provider, script=script, workers=1, retry=RetryOptions(base=timedelta(minutes=4))
    )  # fmt: skip
    await work(rig, after(60))
    assert await rig.recordings("archived") == ["good"]


async def test_a_long_retry_after_is_honoured() -> None:
    provider = FakeProvider(name=A)
    provider.hold(recording())
    reply = FakeReply.of(b"", status=429, Retry_After="1800")
    rig = Rig(provider, script=Script({"a/a/1": [reply]}))

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(1790)
        assert len(rig.requests.requests) == 1
        await anyio.sleep(60)

    await work(rig, steer)
    assert await rig.recordings("archived") == ["a"]


async def test_a_file_that_keeps_failing_fails_and_its_recording_is_published_without_it() -> None:
    provider = FakeProvider(name=A)
    provider.hold(recording(files=("good", "bad")))
    script = Script({"a/a/bad": [FakeReply.of(b"", status=503)] * 99})
    rig = Rig(provider, script=script, retry=RetryOptions(attempts=3))
    await work(rig, after(600))
    assert await rig.recordings("incomplete") == ["a"]
    assert rig.log.count("file.retry", "file.failed", "recording.published") == [2, 1, 1]


async def test_rule_58_what_does_not_fit_waits_and_goes_on_by_itself() -> None:
    provider = FakeProvider()
    provider.hold(*many(5))
    rig = Rig(provider)
    rig.archive.room = 25

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(600)
        assert await rig.files("stored") == 2
        rig.archive.room = 1000
        await anyio.sleep(120)

    await work(rig, steer)
    assert await rig.files("stored") == 5
    assert rig.log.count("file.too_large", "file.fits", "file.retry") == [3, 3, 0]


async def test_one_file_that_does_not_fit_holds_nothing_back() -> None:
    large, other = FakeProvider(name=A), FakeProvider(name=B)
    large.hold(recording("large", size=5000), *many(3))
    other.hold(*many(3))
    rig = Rig(large, other)
    rig.archive.room = 1000

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(60)
        assert await rig.files("stored") == 6

    await work(rig, steer)
    assert await rig.files("due") == 1
    assert rig.log.count("file.too_large", "disk.low") == [1, 0]


async def test_a_full_disk_pauses_all_and_goes_on_by_itself() -> None:
    provider = FakeProvider()
    provider.hold(*many(5))
    rig = Rig(provider)
    rig.archive.room = 0

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(600)
        assert not rig.requests.requests
        rig.archive.room = 1000
        await anyio.sleep(60)

    await work(rig, steer)
    assert await rig.files("stored") == 5
    assert rig.log.count("disk.low", "disk.recovered", "file.retry") == [1, 1, 0]


async def test_a_low_disk_is_said_although_nothing_is_due() -> None:
    rig = Rig(FakeProvider())

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(10)
        rig.archive.room = 0
        await anyio.sleep(61)
        assert rig.log.count("disk.low") == [1]
        rig.archive.room = 10
        await anyio.sleep(61)

    await work(rig, steer)
    assert rig.log.count("disk.low", "disk.recovered") == [1, 1]


@pytest.mark.parametrize("errno_", [errno.EROFS, errno.ESTALE, errno.EIO, errno.EMFILE])
async def test_an_archive_that_is_away_costs_no_attempt_and_asks_nobody(errno_: int) -> None:
    provider = FakeProvider()
    provider.hold(*many(30))
    rig = Rig(provider)
    rig.archive.refusal = disk_error(OSError(errno_, "away"))
    part = rig.archive.part

    def away(download: Download) -> AbstractAsyncContextManager[MemoryPart]:
        if rig.archive.refusal is not None:
            raise rig.archive.refusal
        return part(download)

    rig.archive.part = away  # type: ignore[method-assign, assignment]

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(7200)
        assert len(rig.requests.requests) == 0
        rig.archive.refusal = None
        await anyio.sleep(60)

    await work(rig, steer)
    assert await rig.files("stored") == 30
    counted = rig.log.count("archive.unavailable", "archive.available", "file.retry", "file.failed")
    assert counted == [1, 1, 0, 0]


async def test_a_part_that_alone_is_broken_fails_alone() -> None:
    provider = FakeProvider()
    provider.hold(recording("bad"), recording("good"))
    rig = Rig(provider, retry=RetryOptions(attempts=3))
    part = rig.archive.part

    def broken(download: Download) -> AbstractAsyncContextManager[MemoryPart]:
        if download.recording == "bad":
            raise disk_error(OSError(errno.EACCES, "Permission denied"))
        return part(download)

    rig.archive.part = broken  # type: ignore[method-assign, assignment]
    await work(rig, after(600))
    assert rig.log.count("file.stored", "file.failed", "archive.unavailable") == [1, 1, 0]


async def test_a_slow_host_leaves_a_downloader_to_each_other_provider() -> None:
    slow, quick = FakeProvider(name=A), FakeProvider(name=B)
    slow.hold(*many(50))
    never = anyio.Event()
    stuck = FakeReply(headers={"Content-Length": "10", "ETag": '"1"'}, pieces=[b"1", never])
    rig = Rig(slow, quick, script=lambda r: stuck if "/a/" in r.url else whole(r), workers=4)

    async def steer(pipeline: Pipeline) -> None:
        await anyio.sleep(10)
        quick.hold(*many(3))
        await pipeline.pollers[B].once()
        await anyio.sleep(10)

    await work(rig, steer)
    stored = [each["provider"] for each in rig.log.named("file.stored")]
    assert stored == [B] * 3


async def test_rule_58_bug_21_a_disk_that_fills_up_in_the_middle_costs_no_attempt() -> None:
    provider = FakeProvider()
    provider.hold(recording(size=None))
    rig = Rig(provider)
    rig.archive.room = 4

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(600)
        rig.archive.room = 1000
        await anyio.sleep(60)

    await work(rig, steer)
    assert rig.log.count("file.retry", "file.failed", "file.stored") == [0, 0, 1]
    assert rig.log.count("disk.low", "disk.recovered") == [1, 1]


async def test_a_publication_that_fails_is_tried_again() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider)
    failures = [DiskFull("no room")] * 3
    publish = rig.archive.publish

    async def failing(holding: Holding) -> str:
        if failures:
            raise failures.pop()
        return await publish(holding)

    rig.archive.publish = failing  # type: ignore[method-assign]
    await work(rig, after(200))
    assert await rig.recordings("archived") == ["a"]
    assert rig.log.count("recording.publish_failed") == [1]


async def test_credentials_refused_to_a_download_pause_the_provider() -> None:
    bad, good = FakeProvider(name=A), FakeProvider(name=B)
    bad.hold(*many(300))
    good.hold(*many(5))
    bad.broken["locate"] = bad.broken["describe"] = AuthFailed("a scope is missing")
    rig = Rig(bad, good)
    await work(rig, after(250))
    asked = [call for _, call in bad.calls].count("locate")
    assert asked <= rig.resources.settings.downloads.workers + 2
    assert rig.log.count("provider.auth_failed") == [1]
    assert await rig.files("stored") == 5


async def test_an_outage_of_one_provider_leaves_the_other_alone() -> None:
    bad, good = FakeProvider(name=A), FakeProvider(name=B)
    bad.hold(*many(5))
    good.hold(*many(5))
    bad.broken["locate"] = Unavailable("down")
    rig = Rig(bad, good)
    await work(rig, after(250))
    assert rig.log.count("file.failed", "file.stored") == [0, 5]
    del bad.broken["locate"]


async def test_a_stop_takes_nothing_new_and_lets_what_is_in_flight_end() -> None:
    provider = FakeProvider()
    provider.hold(*many(50))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10), workers=3, grace=20)
    await work(rig, after(15))
    assert await rig.files("stored") == 6
    assert await rig.files("due") == 44
    assert len(await rig.recordings("archived")) == 6
    assert anyio.current_time() == pytest.approx(20, abs=0.1)


async def test_a_stop_cuts_off_what_does_not_end_and_keeps_its_bytes() -> None:
    never = anyio.Event()
    provider = FakeProvider()
    provider.hold(recording())
    stuck = FakeReply(
        headers={"Content-Length": str(len(LONG)), "ETag": '"1"'}, pieces=[LONG[:5000], never]
    )
    rig = Rig(provider, script=lambda _: stuck, grace=8)
    await work(rig, after(10))
    assert anyio.current_time() == pytest.approx(10 + 6, abs=0.1)
    (part,) = rig.archive.unfinished.values()
    assert bytes(part.content) == LONG[:5000]
    assert await rig.files("due") == 1


async def test_a_stop_ends_within_the_grace_though_publishing_hangs() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, grace=8)

    async def hanging(_: object) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    rig.archive.publish = hanging  # type: ignore[method-assign,assignment]
    await work(rig, after(10))
    assert anyio.current_time() <= 18.1


async def test_what_a_stop_cut_off_goes_on_at_the_next_start() -> None:
    provider = FakeProvider()
    provider.hold(recording(size=len(LONG)))
    first = FakeReply(
        headers={"Content-Length": str(len(LONG)), "ETag": '"1"'},
        pieces=[LONG[:5000], anyio.Event()],
    )
    place = f"bytes 0-{len(LONG) - 1}/{len(LONG)}"  # what is held is compared as the seam
    rest = FakeReply.of(LONG, status=206, ETag='"1"', Content_Range=place)
    rig = Rig(provider, script=Script({"meetings/a/1": [first, rest]}), grace=8)
    await work(rig, after(10))
    await work(rig, after(10))
    assert rig.log.count("file.resumed", "file.stored") == [1, 1]
    assert LONG in rig.archive.visible.values()


async def test_no_grace_is_a_stop_at_once() -> None:
    provider = FakeProvider()
    provider.hold(*many(5))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10), grace=0)
    await work(rig, after(5))
    assert anyio.current_time() == pytest.approx(5, abs=0.1)


async def test_a_stop_before_anything_began_is_fine() -> None:
    provider = FakeProvider()
    provider.hold(*many(5))
    await work(Rig(provider), after(0))


@pytest.mark.parametrize("table", ["provider", "recording", "file"])
async def test_a_broken_catalog_ends_everything(table: str) -> None:
    provider = FakeProvider(traits=ACK)
    provider.hold(*many(20))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10))

    async def steer(_: Pipeline) -> None:
        await anyio.sleep(15)
        await rig.database.write(lambda c: c.exec_driver_sql(f"ALTER TABLE {table} RENAME TO x"))
        await anyio.sleep(7 * 86_400)

    with anyio.fail_after(3600), pytest.raises(CatalogError), unwrapped():
        await work(rig, steer)


@pytest.mark.parametrize("stage", ["claim", "record", "publishable", "acknowledgeable", "free"])
async def test_a_bug_in_a_stage_ends_everything_loudly(stage: str) -> None:
    provider = FakeProvider(traits=ACK)
    provider.hold(*many(20))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10))
    resources = rig.resources
    owner = {
        "claim": resources.queue, "record": resources.ledger, "publishable": resources.ledger,
        "acknowledgeable": resources.intake, "free": rig.archive,
    }[stage]  # fmt: skip

    async def buggy(*_: object) -> None:
        await anyio.lowlevel.checkpoint()
        raise ZeroDivisionError(stage)

    setattr(owner, stage, buggy)
    with anyio.fail_after(3600), pytest.raises(ExceptionGroup) as caught:
        await work(rig, after(7 * 86_400))
    assert any(isinstance(error, ZeroDivisionError) for error in leaves(caught.value))


async def test_every_event_is_one_of_the_table() -> None:
    """`RecordedLog` refuses the others; here it is shown that it does."""
    with pytest.raises(AssertionError):
        RecordedLog()("poll.failed", nonsense=1)


@pytest.mark.parametrize(("grace", "drain"), [(20, 15), (4, 3), (2, 1), (1, 0), (0, 0)])
def test_most_of_the_grace_is_for_the_transfers(grace: float, drain: float) -> None:
    assert drain_time(timedelta(seconds=grace)) == drain
