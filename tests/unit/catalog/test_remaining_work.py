"""Whether anything is left to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fakes.catalog import (
    DESCRIBING,
    NAME,
    START,
    TRAITS,
    Catalog,
    a_file,
    a_recording,
    failed,
    open_catalog,
    stored,
    without,
)
from reelkeep.catalog.remaining_work import RemainingWork, look
from reelkeep.core.model import ProviderName, Readiness, RecordingId
from reelkeep.errors import NotYet, Unreachable

OTHER = ProviderName("support")
NOTHING = RemainingWork(
    active=False,
    due=False,
    next_due=None,
    next_wait=None,
    unpublished=frozenset(),
    untold=False,
    transcoding=frozenset(),
    unready=frozenset(),
)


@pytest.fixture
def catalog() -> Catalog:
    return open_catalog()


async def outlook(catalog: Catalog, name: ProviderName = NAME) -> RemainingWork:
    return await look(catalog.database, catalog.clock, names=[name], telling=[name])


async def test_an_empty_catalog_leaves_nothing_to_do(catalog: Catalog) -> None:
    assert await outlook(catalog) == NOTHING


async def test_a_due_file_is_to_be_fetched(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    assert (await outlook(catalog)).due


async def test_the_work_of_another_provider_is_not_ours(catalog: Catalog) -> None:
    await catalog.intake.admit(OTHER, TRAITS, [a_recording("a")])
    assert await outlook(catalog) == NOTHING


async def test_what_is_claimed_is_active_and_no_longer_due(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.claim_all()
    now = await outlook(catalog)
    assert (now.active, now.due) == (True, False)


async def test_a_file_that_waits_is_due_next(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    claimed = (await catalog.claim_all())["a/video.mp4"]
    await catalog.ledger.record([failed(claimed, Unreachable("dead line"))])
    now = await outlook(catalog)
    assert (now.due, now.next_due) == (False, START + timedelta(seconds=10))


async def test_a_file_that_its_provider_has_not_finished_is_no_retry(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    claimed = (await catalog.claim_all())["a/video.mp4"]
    await catalog.ledger.record([failed(claimed, NotYet("no address"))])
    now = await outlook(catalog)
    assert (now.next_due, now.next_wait is not None) == (None, True)


async def test_what_is_due_already_is_not_due_next(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    claimed = (await catalog.claim_all())["a/video.mp4"]
    await catalog.ledger.record([failed(claimed, Unreachable("dead line"))])
    catalog.clock.later(seconds=10)
    now = await outlook(catalog)
    assert (now.due, now.next_due) == (True, None)


async def test_a_stored_file_is_to_be_published_then_told_of(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    row = (await catalog.holding("a")).row
    now = await outlook(catalog)
    assert (now.unpublished, now.untold) == (frozenset({row}), False)
    await catalog.publish()
    now = await outlook(catalog)
    assert (now.unpublished, now.untold) == (frozenset(), True)
    await catalog.intake.acknowledged(NAME, [RecordingId("a")], [])
    assert await outlook(catalog) == NOTHING


async def test_what_cannot_be_acknowledged_is_not_waited_for(catalog: Catalog) -> None:
    """Whatever is untold must also be acknowledgeable, or a pass would never end."""
    await catalog.admit(a_recording("a", a_file("1", file_type="VTT")), traits=without("VTT"))
    await catalog.admit(a_recording("b"))
    await catalog.store_all()
    await catalog.intake.acknowledged(NAME, [], [RecordingId("b")])
    assert await outlook(catalog) == NOTHING


async def test_a_transcoding_is_waited_for(catalog: Catalog) -> None:
    waiting = a_recording("a", readiness=Readiness.TRANSCODABLE, files=())
    await catalog.intake.admit(NAME, DESCRIBING, [waiting])
    assert (await outlook(catalog)).transcoding == {NAME}
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a", files=())])
    now = await outlook(catalog)
    assert (now.transcoding, now.unready) == (frozenset(), frozenset({NAME}))
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a")])
    now = await outlook(catalog)
    assert (now.transcoding, now.due) == (frozenset(), True)
