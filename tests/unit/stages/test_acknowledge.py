from __future__ import annotations

from datetime import timedelta

import anyio
import pytest

import virtual
from fakes.provider import NAME, FakeProvider, many, recording, traits
from fakes.rig import Rig, running
from reelkeep.catalog.decisions import OperatorDecisions
from reelkeep.core.model import Level, Recording, RecordingId, Stored
from reelkeep.errors import AuthFailed, BadAnswer, CatalogError, RateLimited, Unavailable
from reelkeep.stages.acknowledge import AGAIN, GATHER, Acknowledger
from virtual import VIRTUAL, Backend

HOUR = 3600.0


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Office:
    """An acknowledger over a catalog with archived recordings."""

    def __init__(self) -> None:
        self.provider = FakeProvider(traits=traits(acknowledges=True))
        self.rig = Rig(self.provider)
        resources = self.rig.resources
        self.acknowledger = Acknowledger(
            self.provider, resources.intake, clock=resources.clock, report=self.rig.log
        )

    async def store(self, *recordings: Recording) -> None:
        resources = self.rig.resources
        await resources.intake.admit(NAME, self.provider.traits, recordings)
        while claims := await resources.queue.claim(NAME, 100):
            await resources.ledger.record(
                [
                    Stored(
                        download=each.downloads[0], size=10, sha256="0" * 64,
                        verified=Level.SIZE, source="https://files.example", seconds=1,
                    )
                    for each in claims
                ]
            )  # fmt: skip

    async def publish(self) -> None:
        ledger = self.rig.resources.ledger
        while behind := await ledger.publishable(100):
            await ledger.published([(each, "folder") for each in behind])
        self.acknowledger.archived.notify()

    @property
    def attempts(self) -> list[float]:
        return [at for at, call in self.provider.calls if call == "acknowledge"]


async def archived(count: int = 1) -> Office:
    office = Office()
    await office.store(*(many(count) if count > 1 else [recording()]))
    await office.publish()
    return office


async def test_the_provider_is_told_what_is_archived() -> None:
    office = await archived()
    await office.acknowledger.once()
    assert office.provider.told == [["a"]]
    assert await office.rig.recordings("acknowledged") == ["a"]


async def test_rule_42_bug_29_nothing_is_told_before_publishing_is_committed() -> None:
    office = Office()
    await office.store(recording())
    await office.acknowledger.once()
    assert office.provider.told == []


async def test_it_is_told_in_batches() -> None:
    office = await archived(1200)
    await office.acknowledger.once()
    assert [len(batch) for batch in office.provider.told] == [500, 500, 200]


async def test_what_is_archived_meanwhile_joins_the_batch() -> None:
    office = Office()
    async with running(office.acknowledger.forever):
        for each in many(20):
            await office.store(each)
            await office.publish()
            await anyio.sleep(0.02)
        await anyio.sleep(1)
    assert [len(batch) for batch in office.provider.told] == [20]


async def test_a_lost_answer_is_asked_for_again() -> None:
    office = await archived()
    office.provider.faults["acknowledged"] = [Unavailable("the connection broke")]
    async with running(office.acknowledger.forever):
        await anyio.sleep(10)
    assert office.provider.told == [["a"], ["a"]]
    assert await office.rig.recordings("acknowledged") == ["a"]


async def test_what_is_refused_is_asked_for_later() -> None:
    office = await archived(3)
    office.provider.refused = {many(3)[1].id}
    async with running(office.acknowledger.forever):
        await anyio.sleep(HOUR / 2)
        assert len(office.provider.told) == 1
        assert await office.rig.recordings("archived") == ["r00001"]
        office.provider.refused = set()
        await anyio.sleep(HOUR)
    assert office.provider.told[1] == ["r00001"]
    assert office.rig.log.count("recording.acknowledge_refused") == [1]


async def test_what_is_refused_again_and_again_is_said_once() -> None:
    office = await archived()
    office.provider.refused = set(map(RecordingId, await office.rig.recordings("archived")))
    async with running(office.acknowledger.forever):
        await anyio.sleep(5 * HOUR)
    assert len(office.provider.told) >= 4
    assert office.rig.log.count("recording.acknowledge_refused") == [1]


async def test_a_broken_provider_is_asked_at_a_slowing_pace_and_said_once() -> None:
    office = await archived()
    office.provider.broken["acknowledge"] = Unavailable("down")
    async with running(office.acknowledger.forever):
        await anyio.sleep(HOUR)
    assert len(office.attempts) <= HOUR / AGAIN.total_seconds() + 8
    assert office.rig.log.count("provider.refused") == [1]


async def test_new_recordings_do_not_hurry_a_broken_provider() -> None:
    office = await archived()
    office.provider.broken["acknowledge"] = Unavailable("down")
    async with running(office.acknowledger.forever):
        await anyio.sleep(5 * AGAIN.total_seconds())
        before = len(office.attempts)
        for _ in range(100):
            office.acknowledger.archived.notify()
            await anyio.sleep(0.5)
    assert len(office.attempts) <= before + 1


async def test_one_failure_is_no_broken_provider() -> None:
    office = await archived()
    office.provider.faults["acknowledge"] = [Unavailable("down")]
    await office.acknowledger.once()
    assert not office.acknowledger.stuck
    assert office.rig.log.count("provider.refused") == [0]


@pytest.mark.parametrize(
    "error",
    [AuthFailed("no"), RateLimited("enough", until=virtual.START + timedelta(hours=5))],
)
async def test_what_will_not_pass_soon_is_a_broken_provider(error: Exception) -> None:
    office = await archived()
    office.provider.broken["acknowledge"] = error
    await office.acknowledger.once()
    assert office.acknowledger.stuck


async def test_a_rate_limited_provider_is_left_alone() -> None:
    office = await archived()
    until = virtual.START + timedelta(hours=5)
    office.provider.faults["acknowledge"] = [RateLimited("enough", until=until)]
    async with running(office.acknowledger.forever):
        await anyio.sleep(6 * HOUR)
    assert office.attempts[1] >= 5 * HOUR
    assert not office.acknowledger.stuck


async def test_an_adapter_with_a_bug_is_a_broken_provider() -> None:
    office = await archived()
    office.provider.broken["acknowledge"] = TypeError("a bug")
    await office.acknowledger.once()
    assert await office.rig.recordings("archived") == ["a"]


async def test_a_failing_catalog_is_not_blamed_on_the_provider() -> None:
    office = await archived()
    await office.rig.database.write(lambda c: c.exec_driver_sql("DROP TABLE file"))
    with pytest.raises(CatalogError):
        await office.acknowledger.once()


async def test_a_recording_with_a_waived_file_is_acknowledged() -> None:
    office = Office()
    resources = office.rig.resources
    await resources.intake.admit(NAME, office.provider.traits, [recording(files=("1", "2"))])
    (claim,) = await resources.queue.claim(NAME, 1)
    good, bad = claim.downloads
    await resources.ledger.record(
        [
            Stored(
                download=good, size=10, sha256="0" * 64, verified=Level.SIZE,
                source="https://files.example", seconds=1,
            )
        ]
    )  # fmt: skip
    decisions = OperatorDecisions(resources.database, resources.clock, resources.report)
    await decisions.waive([bad.row])
    await office.publish()
    await office.acknowledger.once()
    assert office.provider.told == [["a"]]


async def test_who_takes_no_acknowledgements_is_not_waited_for() -> None:
    provider = FakeProvider()
    rig = Rig(provider)
    with anyio.fail_after(GATHER.total_seconds()):
        await Acknowledger(
            provider, rig.resources.intake, clock=virtual.clock, report=rig.log
        ).forever()


async def test_a_bad_answer_leaves_all_due() -> None:
    office = await archived(3)
    office.provider.faults["acknowledge"] = [BadAnswer("nonsense")]
    await office.acknowledger.once()
    assert len(await office.rig.recordings("archived")) == 3


async def test_nothing_is_told_while_the_archive_is_not_to_be_believed() -> None:
    office = await archived(3)
    office.acknowledger = Acknowledger(
        office.provider, office.rig.resources.intake, clock=virtual.clock, report=office.rig.log,
        withheld=True,
    )  # fmt: skip
    await office.acknowledger.once()
    assert not office.acknowledger.acknowledges
    assert office.provider.told == []
