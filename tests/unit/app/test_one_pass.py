from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

import anyio
import pytest

from fakes.provider import FakeProvider, many, recording, traits
from fakes.rig import Rig, Slow, whole
from fakes.transport import Answer, FakeReply, FakeTransport
from reelkeep.app.one_pass import GLANCE, PATIENCE, Pass
from reelkeep.core.lifecycle import Disposal
from reelkeep.core.model import ProviderName, Readiness, Recording, RecordingId, Window
from reelkeep.core.poll_window import PartlyRead
from reelkeep.errors import (
    AuthFailed,
    CatalogError,
    IoFailed,
    NotYet,
    RateLimited,
    Unavailable,
    Unreachable,
)
from reelkeep.ports import Request
from reelkeep.settings.model import RetryOptions
from virtual import START, VIRTUAL, Backend

A, B = ProviderName("a"), ProviderName("b")
LONG = PATIENCE.total_seconds() + 60
SLOWLY = traits(transcodes=True, describes=True, acknowledges=True)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def make(rig: Rig, *, limit: float | None = None, stop: anyio.Event | None = None) -> Pass:
    time = None if limit is None else timedelta(seconds=limit)
    made = Pass(rig.resources, rig.names, limit=time)
    with anyio.fail_after(86_400):
        await made.run(stop or anyio.Event())
    return made


def failing(times: int, **reply: str) -> Callable[[Request], Answer]:
    """Fail so many times, then answer."""
    left = times

    def answer(request: Request) -> Answer:
        nonlocal left
        left -= 1
        return FakeReply.of(b"", status=503, **reply) if left >= 0 else whole(request)

    return answer


async def test_it_ends_when_there_is_nothing() -> None:
    made = await make(Rig(FakeProvider()))
    assert not made.cut_short
    assert anyio.current_time() < 1


async def test_it_ends_when_all_is_archived_and_acknowledged() -> None:
    provider = FakeProvider(traits=traits(acknowledges=True))
    provider.hold(*many(150))
    rig = Rig(provider)
    await make(rig)
    assert len(await rig.recordings("acknowledged")) == 150
    assert len(provider.polls) == 1
    assert anyio.current_time() < 10


async def test_a_second_pass_asks_for_no_file() -> None:
    provider = FakeProvider(traits=traits(acknowledges=True))
    provider.hold(*many(50))
    rig = Rig(provider)
    await make(rig)
    before = len(rig.requests.requests)
    await make(rig)
    assert len(rig.requests.requests) == before


async def test_it_waits_for_retries() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, script=failing(7))
    await make(rig)
    assert await rig.recordings("archived") == ["a"]


async def test_it_ends_when_every_attempt_failed() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, script=failing(999), retry=RetryOptions(attempts=5))
    made = await make(rig)
    assert await rig.files("failed") == 1
    assert not made.cut_short


async def test_it_does_not_wait_for_a_retry_beyond_its_limit() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, script=failing(1, Retry_After="900"))
    made = await make(rig, limit=600)
    assert anyio.current_time() < 60
    assert not made.cut_short
    assert await rig.files("due") == 1


async def test_it_waits_for_a_long_retry_within_its_limit() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, script=failing(1, Retry_After="900"))
    await make(rig, limit=1200)
    assert await rig.recordings("archived") == ["a"]


async def test_without_a_limit_it_waits_as_long_as_our_own_delays() -> None:
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, script=failing(1, Retry_After="900"))
    await make(rig)
    assert anyio.current_time() < 60


async def test_without_a_limit_it_waits_for_a_pause_longer_than_our_own_delays() -> None:
    """A Retry-After wins over retry.max, also where nobody set a time."""
    provider = FakeProvider()
    provider.hold(recording())
    retry = RetryOptions(base=timedelta(milliseconds=50), max=timedelta(milliseconds=500))
    rig = Rig(provider, script=failing(1, Retry_After="30"), retry=retry)
    await make(rig)
    assert await rig.recordings("archived") == ["a"]


async def test_it_polls_again_until_transcodings_are_done() -> None:
    provider = FakeProvider(traits=SLOWLY, transcoding_takes=40)
    provider.hold(recording(readiness=Readiness.TRANSCODABLE))
    rig = Rig(provider)
    await make(rig)
    assert await rig.recordings("acknowledged") == ["a"]
    assert 40 <= anyio.current_time() <= 60


async def test_it_does_not_wait_for_ever_for_a_transcoding() -> None:
    provider = FakeProvider(traits=SLOWLY, transcoding_takes=float("inf"))
    provider.hold(recording(readiness=Readiness.TRANSCODABLE))
    made = await make(Rig(provider))
    assert anyio.current_time() <= LONG
    assert not made.cut_short


async def test_it_waits_on_while_transcodings_keep_coming() -> None:
    provider = FakeProvider(traits=SLOWLY)
    provider.hold(*(recording(f"r{n}", readiness=Readiness.TRANSCODABLE) for n in range(5)))
    ready = iter(range(100, 1500, 200))
    transcode = provider.transcode

    async def staggered(ids: Sequence[RecordingId]) -> None:
        await transcode(ids)
        provider._ready_at |= dict(zip(ids, ready, strict=False))

    provider.transcode = staggered  # type: ignore[method-assign,assignment]
    rig = Rig(provider)
    await make(rig)
    assert len(await rig.recordings("acknowledged")) == 5
    assert anyio.current_time() > LONG


async def test_with_a_limit_it_waits_for_a_transcoding_until_then() -> None:
    provider = FakeProvider(traits=SLOWLY, transcoding_takes=float("inf"))
    provider.hold(recording(readiness=Readiness.TRANSCODABLE))
    made = await make(Rig(provider), limit=1200)
    assert made.cut_short
    assert anyio.current_time() == pytest.approx(1200, abs=30)


async def test_it_does_not_wait_for_what_a_provider_processes_by_itself() -> None:
    provider = FakeProvider()
    provider.hold(recording(readiness=Readiness.PROCESSING), recording("b", unfinished=1))
    rig = Rig(provider)
    await make(rig)
    assert anyio.current_time() < 5


@pytest.mark.parametrize(
    "error",
    [
        AuthFailed("no"),
        RateLimited("enough of this day", until=START + timedelta(hours=12)),
        PartlyRead("all but 1", unread=()),
        KeyError("a bug"),
    ],
)
async def test_a_broken_provider_is_not_waited_for(error: Exception) -> None:
    bad, good = FakeProvider(name=A, traits=SLOWLY), FakeProvider(name=B)
    bad.hold(recording("a", readiness=Readiness.TRANSCODABLE))
    good.hold(*many(5))
    rig = Rig(bad, good)
    bad.broken["discovered"] = error
    await make(rig)
    assert await rig.files("stored") == 5
    assert anyio.current_time() < 10


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("the token service is out of order"),
        RateLimited("too many tokens"),
        RateLimited("too many", until=START + timedelta(minutes=1)),
    ],
)
async def test_trouble_in_passing_before_the_first_listing_is_waited_for(error: Exception) -> None:
    provider = FakeProvider(faults=defaultdict(list, discover=[error]))
    provider.hold(*many(5))
    rig = Rig(provider)
    await make(rig)
    assert await rig.files("stored") == 5
    assert rig.log.count("poll.failed", "poll.recovered") == [1, 1]


async def test_trouble_that_does_not_pass_is_waited_for_as_long_as_a_file_would_be() -> None:
    provider = FakeProvider(broken={"discover": Unavailable("down")})
    rig = Rig(provider, retry=RetryOptions(attempts=4))
    await make(rig)
    assert len(provider.polls) == 4


async def test_trouble_is_waited_for_within_the_time_of_the_pass_only() -> None:
    provider = FakeProvider(broken={"discover": Unavailable("down")})
    made = await make(Rig(provider), limit=10)
    assert anyio.current_time() < 10
    assert not made.cut_short


@pytest.mark.parametrize(
    "error", [Unavailable("down"), AuthFailed("no"), RateLimited("enough"), NotYet("soon")]
)
async def test_a_provider_that_cannot_locate_is_not_waited_for_for_ever(error: Exception) -> None:
    provider = FakeProvider(broken={"locate": error})
    provider.hold(*many(10))
    made = await make(Rig(provider))
    assert anyio.current_time() <= LONG
    assert not made.cut_short


async def test_what_has_no_address_is_waited_for_a_minute_at_most() -> None:
    provider = FakeProvider(traits=traits(describes=True))
    provider.hold(*many(3))
    provider.undescribed.add(many(3)[0].id)
    rig = Rig(provider)
    await make(rig)
    assert anyio.current_time() < 75
    assert await rig.files("stored") == 2
    assert len(await rig.recordings("waiting")) == 1


async def test_a_file_that_is_never_ready_is_waited_for_a_minute_at_most() -> None:
    provider = FakeProvider(broken={"locate": NotYet("soon")})
    provider.hold(*many(3))
    await make(Rig(provider))
    assert anyio.current_time() < 75


async def test_a_full_disk_is_not_waited_for_for_ever() -> None:
    provider = FakeProvider()
    provider.hold(*many(30))
    rig = Rig(provider)
    rig.archive.room = 25
    await make(rig)
    assert anyio.current_time() < 60
    assert await rig.files("stored") == 2
    assert await rig.files("due") == 28


async def test_a_disk_that_lies_is_not_waited_for_for_ever() -> None:
    """A quota: there seems to be room, and there is none."""
    provider = FakeProvider()
    provider.hold(*many(3))
    rig = Rig(provider)
    rig.archive.room = 0

    async def lying() -> int:
        return 1 << 40

    rig.archive.free = lying  # type: ignore[method-assign]
    await make(rig)
    assert anyio.current_time() <= LONG
    assert rig.log.count("file.failed") == [0]


async def test_a_folder_that_cannot_be_published_is_not_waited_for_for_ever() -> None:
    provider = FakeProvider()
    provider.hold(*many(3))
    rig = Rig(provider)

    async def failing_disk(_: object) -> str:
        raise IoFailed("Input/output error")

    rig.archive.publish = failing_disk  # type: ignore[method-assign,assignment]
    await make(rig)
    assert anyio.current_time() < 60


async def test_a_lost_answer_to_an_acknowledgement_is_asked_for_again() -> None:
    provider = FakeProvider(traits=traits(acknowledges=True))
    provider.hold(recording())
    provider.faults["acknowledged"] = [Unavailable("the connection broke")] * 2
    rig = Rig(provider)
    await make(rig)
    assert await rig.recordings("acknowledged") == ["a"]


async def test_a_provider_that_cannot_be_told_is_not_waited_for_for_ever() -> None:
    provider = FakeProvider(traits=traits(acknowledges=True))
    provider.hold(recording())
    provider.broken["acknowledge"] = Unavailable("down")
    rig = Rig(provider)
    await make(rig)
    assert await rig.recordings("archived") == ["a"]
    assert anyio.current_time() < 30


async def test_the_limit_cuts_it_short() -> None:
    provider = FakeProvider(traits=traits(acknowledges=True))
    provider.hold(*many(300))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10), workers=2)
    made = await make(rig, limit=35)
    assert made.cut_short
    assert anyio.current_time() == pytest.approx(40, abs=2)
    assert await rig.files("stored") == 8
    assert len(await rig.recordings("acknowledged")) == 8


class Deaf(FakeProvider):
    """Hears for ever what is archived, and never answers."""

    async def acknowledge(self, recordings: Sequence[RecordingId]) -> Sequence[RecordingId]:
        await anyio.sleep_forever()
        return recordings


async def test_its_limit_also_cuts_what_is_never_acknowledged() -> None:
    provider = Deaf(traits=traits(acknowledges=True))
    provider.hold(recording())
    made = await make(Rig(provider), limit=15)
    assert made.cut_short
    assert anyio.current_time() < 16


async def test_its_limit_leaves_a_moment_to_tell_what_was_archived() -> None:
    provider = Deaf(traits=traits(acknowledges=True))
    provider.hold(*many(300))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10), workers=2)
    await make(rig, limit=9)
    assert anyio.current_time() < 16


async def test_a_signal_ends_it() -> None:
    provider = FakeProvider()
    provider.hold(*many(300))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 10), workers=2)
    stop = anyio.Event()

    async def signal() -> None:
        await anyio.sleep(35)
        stop.set()

    async with anyio.create_task_group() as group:
        group.start_soon(signal)
        made = await make(rig, stop=stop)
    assert not made.cut_short
    assert anyio.current_time() == pytest.approx(40, abs=2)
    assert await rig.files("active") == 0


async def test_long_transfers_are_waited_for() -> None:
    provider = FakeProvider()
    provider.hold(*many(3))
    rig = Rig(provider, transport=Slow(FakeTransport(whole), LONG))
    await make(rig)
    assert await rig.files("stored") == 3


async def test_it_ends_as_soon_as_a_long_transfer_is_archived() -> None:
    """Also if it looks around rarely by then, for nothing has moved for so long."""
    provider = FakeProvider()
    provider.hold(recording())
    rig = Rig(provider, transport=Slow(FakeTransport(whole), 100))
    await make(rig)
    assert await rig.recordings("archived") == ["a"]
    assert anyio.current_time() < 100 + GLANCE


async def test_only_the_named_providers_are_worked_on() -> None:
    one, other = FakeProvider(name=A), FakeProvider(name=B)
    one.hold(recording("a"))
    other.hold(recording("b"))
    rig = Rig(one, other)
    await rig.resources.intake.admit(B, other.traits, [recording("b")])
    await rig.resources.queue.claim(B, 1)
    await Pass(rig.resources, [A], limit=None).run(anyio.Event())
    assert await rig.recordings("archived") == ["a"]
    assert other.polls == []


async def test_a_broken_catalog_is_told_plainly() -> None:
    provider = FakeProvider()
    provider.hold(*many(3))
    rig = Rig(provider, script=lambda _: Unreachable("gone"))
    await rig.database.write(lambda c: c.exec_driver_sql("DROP TABLE attempt"))
    with pytest.raises(CatalogError):
        await make(rig)


class Trashing(FakeProvider):
    """Can be asked for a recording as it is now; it must not be."""

    async def current(self, recording: RecordingId) -> Recording:
        raise AssertionError(f"{recording} is not to be looked at")

    async def trash(self, recording: RecordingId) -> None:
        raise AssertionError(f"{recording} is not to be trashed")


async def test_a_pass_that_only_reads_days_again_neither_polls_nor_trashes() -> None:
    provider = Trashing(traits=traits(disposal=Disposal(limit=5, dry_run=False)))
    old = recording("old", started=START - timedelta(days=100))
    provider.hold(old, recording("new"))
    rig = Rig(provider)
    window = Window(START - timedelta(days=101), START - timedelta(days=99))
    await rig.resources.backfills.want(rig.names, window)
    with anyio.fail_after(86_400):
        await Pass(rig.resources, rig.names, limit=None, polls=False).run(anyio.Event())
    assert await rig.recordings("archived") == [old.id]
    assert [span for _, span in provider.polls] == [window]
    assert rig.log.named("recording.trash_refused") == []
