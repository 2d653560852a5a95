"""What a wrong clock noted in the catalog, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fakes.catalog import (
    DESCRIBING,
    NAME,
    START,
    TRAITS,
    Catalog,
    a_recording,
    failed,
    open_catalog,
)
from reelkeep.catalog.instants import reset_instants
from reelkeep.core.instants import Longest
from reelkeep.core.model import Readiness, RecordingId
from reelkeep.errors import Throttled, Unreachable
from reelkeep.ports import Scan

AHEAD = timedelta(days=400)


@pytest.fixture
def catalog() -> Catalog:
    return open_catalog()


async def put_off(catalog: Catalog) -> None:
    """Let a file fail while the clock is ahead."""
    catalog.clock.now += AHEAD
    await catalog.admit(a_recording("a"))
    for each in (await catalog.claim_all()).values():
        await catalog.ledger.record([failed(each, Unreachable("busy"))])
    catalog.clock.now -= AHEAD


async def test_a_file_that_was_put_off_by_a_wrong_clock_is_due_now(catalog: Catalog) -> None:
    await put_off(catalog)
    next_due = await catalog.queue.next_due(NAME)
    assert next_due is not None
    assert next_due <= catalog.clock.now
    assert set(await catalog.claim_all()) == {"a/video.mp4"}


async def test_a_file_that_was_put_off_by_a_right_clock_is_not(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    for each in (await catalog.claim_all()).values():
        await catalog.ledger.record([failed(each, Throttled("busy", after=3600))])
    assert await catalog.claim_all() == {}


async def test_a_start_resets_what_was_put_off_and_counts_it(catalog: Catalog) -> None:
    await put_off(catalog)
    counts, _ = await reset_instants(catalog.database, catalog.clock.now, Longest())
    assert counts == {"file.due_at": 1, "recording.overdue_at": 1}
    assert (await catalog.holding("a")).files[0].due_at is None


async def test_a_clock_of_1980_resets_nothing(catalog: Catalog) -> None:
    await put_off(catalog)
    before = await catalog.holding("a")
    then = datetime(1980, 1, 1, tzinfo=UTC)
    assert await reset_instants(catalog.database, then, Longest(), thorough=True) == ({}, [])
    assert await catalog.holding("a") == before


async def test_what_was_read_of_a_provider_in_the_future_is_forgotten(catalog: Catalog) -> None:
    future = START + AHEAD
    scan = Scan(polled_at=future, deep_at=future, covered_until=future, broken_since=future)
    await catalog.intake.scanned(NAME, scan)
    await reset_instants(catalog.database, START, Longest())
    found = await catalog.intake.scan(NAME)
    assert (found.polled_at, found.deep_at, found.covered_until) == (None, None, None)
    assert found.broken_since == START


async def test_a_transcoding_that_was_asked_for_in_the_future_is_asked_for_now(
    catalog: Catalog,
) -> None:
    waiting = a_recording("a", readiness=Readiness.TRANSCODABLE, files=())
    catalog.clock.now += AHEAD
    await catalog.admit(waiting, traits=DESCRIBING)
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(hours=24))
    catalog.clock.now -= AHEAD
    assert await catalog.intake.transcodable(NAME, 10) == ["a"]


async def test_a_transcoding_is_overdue_in_its_time_though_the_clock_was_ahead(
    catalog: Catalog,
) -> None:
    waiting = a_recording("a", readiness=Readiness.TRANSCODABLE, files=())
    catalog.clock.now += AHEAD
    await catalog.admit(waiting, traits=DESCRIBING)
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(hours=24))
    catalog.clock.now -= AHEAD
    await reset_instants(catalog.database, catalog.clock.now, Longest(), thorough=True)
    catalog.clock.later(hours=25)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "incomplete"


async def test_what_was_overdue_by_a_wrong_clock_waits_again(catalog: Catalog) -> None:
    waiting = a_recording("a", readiness=Readiness.TRANSCODABLE, files=())
    await catalog.admit(waiting, traits=DESCRIBING)
    catalog.clock.now += AHEAD
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "incomplete"
    catalog.clock.now -= AHEAD
    await reset_instants(catalog.database, catalog.clock.now, Longest(), thorough=True)
    assert await catalog.state("a") == "waiting"


async def test_an_acknowledgement_that_was_put_off_by_a_wrong_clock_is_due_now(
    catalog: Catalog,
) -> None:
    await catalog.admit(a_recording("a"), traits=TRAITS)
    await catalog.store_all()
    catalog.clock.now += AHEAD
    await catalog.intake.acknowledged(NAME, [], [RecordingId("a")])
    catalog.clock.now -= AHEAD
    assert await catalog.intake.acknowledgeable(NAME, 10) == ["a"]


async def test_an_acknowledgement_that_was_abandoned_stays_so(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"), traits=TRAITS)
    await catalog.store_all()
    await catalog.intake.acknowledged(NAME, [], [RecordingId("a")])
    catalog.clock.later(days=31)
    await catalog.intake.acknowledged(NAME, [], [RecordingId("a")])
    assert catalog.log.names.count("recording.acknowledge_abandoned") == 1
    catalog.clock.later(days=4000)
    assert await catalog.intake.acknowledgeable(NAME, 10) == []
    assert await catalog.decisions.tell_again([(await catalog.holding("a")).row]) == 1
    assert await catalog.intake.acknowledgeable(NAME, 10) == ["a"]


async def test_a_deadline_that_was_pointed_out_too_early_is_pointed_out_again(
    catalog: Catalog,
) -> None:
    week = timedelta(days=7)
    await catalog.admit(a_recording("a", deadline=START + 60 * week / 7))
    catalog.clock.now += AHEAD
    await catalog.intake.watch(NAME, week)
    catalog.clock.now -= AHEAD
    await reset_instants(catalog.database, catalog.clock.now, Longest(), thorough=True)
    catalog.clock.later(days=55)
    await catalog.intake.watch(NAME, week)
    assert catalog.log.names.count("recording.at_risk") == 2


async def test_retry_makes_a_waiting_file_due_at_once(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    for each in (await catalog.claim_all()).values():
        await catalog.ledger.record([failed(each, Throttled("busy", after=3600))])
    (file,) = (await catalog.holding("a")).files
    assert await catalog.decisions.retry([file.row]) == 1
    assert set(await catalog.claim_all()) == {"a/video.mp4"}
