"""What an operator asks of the catalog, and tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.catalog import (
    NAME,
    START,
    TRAITS,
    Catalog,
    a_file,
    a_recording,
    failed,
    many,
    open_catalog,
    stored,
    without,
)
from reelkeep.core.model import Holding, ProviderName, Readiness, RecordingId, Window
from reelkeep.core.poll_window import Unread
from reelkeep.errors import Gone, Refused, Unreachable
from reelkeep.ports import Scan

OTHER = ProviderName("support")
PENDING = RecordingId("pending")


@pytest.fixture
async def catalog() -> Catalog:
    """One recording in each state, and one of another provider."""
    opened = open_catalog()
    await opened.admit(a_recording("done"), a_recording("told"))
    await opened.store_all()
    await opened.intake.acknowledged(NAME, [RecordingId("told")], [])
    await opened.admit(a_recording("broken", a_file("1"), a_file("2")))
    claimed = await opened.claim_all()
    bad, good = claimed["broken/video.mp4"], claimed["broken/video-2.mp4"]
    await opened.ledger.record([failed(bad, Refused("not for you")), stored(good)])
    await opened.publish()
    await opened.admit(a_recording("pending", a_file("1", size=None), a_file("2", size=7)))
    await opened.admit(a_recording("making", unfinished=1, files=()))
    await opened.intake.admit(OTHER, TRAITS, [a_recording("theirs", a_file("1", size=5))])
    return opened


def ids(found: list[Holding]) -> list[str]:
    return [each.id for each in found]


async def bad_file(catalog: Catalog) -> int:
    return (await catalog.holding("broken")).files[0].row


async def test_everything_is_listed_in_the_order_of_first_sight(catalog: Catalog) -> None:
    found = ids(await catalog.operator.listing())
    assert found == ["done", "told", "broken", "pending", "making", "theirs"]


async def test_a_page_goes_on_where_the_last_one_ended() -> None:
    catalog = open_catalog()
    await catalog.admit(*many(25))
    pages: list[list[Holding]] = []
    while page := await catalog.operator.listing(after=pages[-1][-1].row if pages else 0, limit=10):
        pages.append(page)
    assert [len(page) for page in pages] == [10, 10, 5]
    assert len({each.id for page in pages for each in page}) == 25


async def test_one_provider_is_listed(catalog: Catalog) -> None:
    assert ids(await catalog.operator.listing(names=[OTHER])) == ["theirs"]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["archived"], ["done"]),
        (["acknowledged"], ["told"]),
        (["incomplete"], ["broken"]),
        (["waiting"], ["making"]),
        (["open"], ["pending", "theirs"]),
        (["failed"], ["broken"]),
        (["stored"], ["done", "told", "broken"]),
        (["failed", "waiting"], ["broken", "making"]),
        (["waived"], []),
    ],
    ids=str,
)
async def test_states_are_those_of_recordings_or_of_files(
    catalog: Catalog, states: list[str], expected: list[str]
) -> None:
    assert ids(await catalog.operator.listing(states=states)) == expected


async def test_a_listing_holds_the_files(catalog: Catalog) -> None:
    (held,) = await catalog.operator.listing(states=["incomplete"])
    assert [(each.name, each.state, each.reason) for each in held.files] == [
        ("video.mp4", "failed", "refused"),
        ("video-2.mp4", "stored", None),
    ]


async def test_a_recording_is_found_by_its_id_or_its_key(catalog: Catalog) -> None:
    (by_id,) = await catalog.operator.find("done")
    assert await catalog.operator.find(by_id.key) == [by_id]


async def test_a_session_is_found_by_its_key(catalog: Catalog) -> None:
    await catalog.admit(replace(a_recording("s"), session_key="case-77"))
    (found,) = await catalog.operator.numbered("case-77")
    assert (found.id, found.session_key) == ("s", "case-77")
    assert await catalog.operator.numbered("") == []


async def test_a_summary_counts_what_could_not_be_read(catalog: Catalog) -> None:
    week = Window(START - timedelta(days=7), START)
    left = [Unread("u-1", week), Unread("u-1", Window(START, START)), Unread("", week)]
    await catalog.intake.left_unread(NAME, left)
    await catalog.intake.scanned(NAME, Scan(broken_since=START, partly=True))
    (told,) = await catalog.operator.summaries([NAME])
    assert (told.unread_listings, told.unread_users, told.partly) == (3, 1, True)


async def test_what_is_not_there_is_not_found(catalog: Catalog) -> None:
    assert await catalog.operator.find("' OR 1=1 --") == []


async def test_every_provider_that_was_heard_of_is_named(catalog: Catalog) -> None:
    assert await catalog.operator.names() == [NAME, OTHER]


async def test_a_summary_counts_states_and_bytes(catalog: Catalog) -> None:
    await catalog.intake.scanned(NAME, Scan(polled_at=START, broken_since=START, reason="down"))
    (told,) = await catalog.operator.summaries([NAME])
    counted = {"waiting": 1, "open": 1, "archived": 1, "acknowledged": 1, "incomplete": 1}
    assert told.recordings == counted
    assert {state: n for state, n in told.files.items() if n} == {
        "due": 2,
        "stored": 3,
        "failed": 1,
    }
    assert (told.stored_bytes, told.pending_bytes, told.unpublished) == (30, 7, 0)
    assert (told.polled_at, told.broken_since, told.reason) == (START, START, "down")


async def test_summaries_come_in_the_order_that_was_asked_for(catalog: Catalog) -> None:
    unknown = ProviderName("unknown")
    found = await catalog.operator.summaries([unknown, OTHER])
    assert [(each.name, each.files["due"]) for each in found] == [(unknown, 0), (OTHER, 1)]


async def test_what_is_stored_but_not_in_its_folder_is_counted(catalog: Catalog) -> None:
    claimed = await catalog.claim_all()
    await catalog.ledger.record([stored(each) for each in claimed.values()])
    (told,) = await catalog.operator.summaries([NAME])
    assert told.unpublished == 1


@pytest.mark.parametrize(("days", "many_at_risk"), [(6, 1), (8, 0), (-1, 1), (None, 0)])
async def test_what_is_deleted_soon_and_not_here_is_counted(
    catalog: Catalog, days: int | None, many_at_risk: int
) -> None:
    deadline = None if days is None else START + timedelta(days=days)
    await catalog.admit(replace(a_recording("soon"), deadline=deadline))
    (told,) = await catalog.operator.summaries([NAME])
    assert told.at_risk == many_at_risk


async def test_what_is_here_is_not_at_risk(catalog: Catalog) -> None:
    await catalog.admit(replace(a_recording("soon"), deadline=START + timedelta(days=1)))
    await catalog.store_all()
    (told,) = await catalog.operator.summaries([NAME])
    assert told.at_risk == 0


# retry


async def test_a_retried_file_is_due_with_all_its_attempts(catalog: Catalog) -> None:
    row = await bad_file(catalog)
    assert await catalog.decisions.retry([row]) == 1
    held = (await catalog.holding("broken")).files[0]
    assert (held.state, held.attempts, held.tries, held.reason, held.detail) == (
        "due",
        0,
        0,
        None,
        None,
    )
    assert await catalog.state("broken") == "open"
    assert "broken/video.mp4" in await catalog.claim_all()


async def test_a_retried_file_makes_its_recording_whole(catalog: Catalog) -> None:
    await catalog.decisions.retry([await bad_file(catalog)])
    await catalog.store_all()
    assert await catalog.state("broken") == "archived"


async def test_a_vanished_file_may_be_retried(catalog: Catalog) -> None:
    claimed = await catalog.claim_all()
    gone = claimed["pending/video.mp4"]
    await catalog.ledger.record([failed(gone, Gone("deleted"))])
    assert await catalog.decisions.retry([gone.row]) == 1


async def test_a_waived_file_may_be_retried(catalog: Catalog) -> None:
    row = await bad_file(catalog)
    await catalog.decisions.waive([row])
    assert await catalog.decisions.retry([row]) == 1


async def test_a_file_that_is_under_way_is_not_retried(catalog: Catalog) -> None:
    """Else a second downloader would take it from the first."""
    claimed = await catalog.claim_all()
    assert await catalog.decisions.retry([each.row for each in claimed.values()]) == 0
    assert await catalog.claim_all() == {}


async def test_a_stored_file_needs_no_retry(catalog: Catalog) -> None:
    before = await catalog.holding("done")
    assert await catalog.decisions.retry([each.row for each in before.files]) == 0
    assert await catalog.holding("done") == before


async def test_a_waiting_file_is_due_at_once(catalog: Catalog) -> None:
    before = await catalog.holding("pending")
    assert await catalog.decisions.retry([each.row for each in before.files]) == len(before.files)
    after = await catalog.holding("pending")
    assert {(each.state, each.due_at) for each in after.files} == {("due", None)}


async def test_what_the_filter_left_out_is_not_retried(catalog: Catalog) -> None:
    await catalog.admit(a_recording("x", a_file("1", file_type="VTT")), traits=without("VTT"))
    (skipped,) = (await catalog.holding("x")).files
    assert await catalog.decisions.retry([skipped.row]) == 0


async def test_more_files_are_retried_than_one_statement_can_name(catalog: Catalog) -> None:
    await catalog.admit(*many(600))
    claimed = (await catalog.claim_all()).values()
    await catalog.ledger.record([failed(each, Refused("no")) for each in claimed])
    rows = [each.row for each in claimed]
    assert await catalog.decisions.retry(rows) == len(rows) == 1200 + 2


# waive


async def test_a_recording_that_lacks_only_what_was_waived_is_archived(catalog: Catalog) -> None:
    assert await catalog.decisions.waive([await bad_file(catalog)]) == 1
    assert await catalog.state("broken") == "open"  # its manifest is to say so first
    await catalog.publish()
    assert await catalog.state("broken") == "archived"
    assert "broken" in await catalog.intake.acknowledgeable(NAME, 10)


async def test_a_file_that_waits_may_be_waived(catalog: Catalog) -> None:
    held = await catalog.holding("pending")
    assert await catalog.decisions.waive([held.files[0].row]) == 1
    assert list(await catalog.claim_all()) == ["pending/video-2.mp4"]


async def test_a_stored_file_is_not_waived(catalog: Catalog) -> None:
    held = await catalog.holding("done")
    assert await catalog.decisions.waive([held.files[0].row]) == 0
    assert await catalog.state("done") == "archived"


async def test_waiving_twice_is_waiving_once(catalog: Catalog) -> None:
    row = await bad_file(catalog)
    await catalog.decisions.waive([row])
    assert await catalog.decisions.waive([row]) == 0


async def test_a_waived_file_says_so(catalog: Catalog) -> None:
    await catalog.decisions.waive([await bad_file(catalog)])
    held = (await catalog.holding("broken")).files[0]
    assert (held.state, held.reason) == ("waived", "waived by the operator")


async def test_that_a_recording_was_closed_by_a_waiver_is_said(catalog: Catalog) -> None:
    held = await catalog.holding("pending")
    await catalog.decisions.waive([each.row for each in held.files])
    assert catalog.log.events[-1][0] == "recording.archived"
    assert catalog.log.events[-1][1]["recording"] == PENDING


# what the provider never finishes

LATE = START + timedelta(days=3)


async def late() -> Catalog:
    """Return a catalog with the recording `late`, one file of which never gets finished."""
    catalog = open_catalog()
    await catalog.admit(a_recording("late", unfinished=1, settles=LATE))
    await catalog.store_all()
    catalog.clock.later(days=4)
    await catalog.ledger.sweep()
    assert await catalog.state("late") == "incomplete"
    return catalog


async def waive_late(catalog: Catalog) -> int:
    return await catalog.decisions.waive_unfinished((await catalog.holding("late")).row)


async def test_a_recording_that_is_never_finished_is_closed_by_a_waiver() -> None:
    catalog = await late()
    assert await waive_late(catalog) == 1
    assert await catalog.state("late") == "open"  # its manifest is to say so first
    assert await catalog.publish() == ["late"]
    assert await catalog.state("late") == "archived"


async def test_a_recording_without_any_finished_file_is_closed_by_a_waiver() -> None:
    catalog = open_catalog()
    nothing = replace(a_recording("late", readiness=Readiness.PROCESSING), files=(), unfinished=2)
    await catalog.admit(replace(nothing, settles=LATE))
    catalog.clock.later(days=4)
    await catalog.ledger.sweep()
    assert await waive_late(catalog) == 2
    assert await catalog.state("late") == "archived"


async def test_a_transcoding_that_never_ends_is_closed_by_a_waiver_and_comes_back_when_done() -> (
    None
):
    catalog = open_catalog()
    slow = replace(a_recording("late", readiness=Readiness.TRANSCODABLE), files=())
    describing = replace(TRAITS, describes=True, transcodes=True)
    await catalog.intake.admit(NAME, describing, [slow])
    await catalog.intake.transcoding(NAME, [slow.id], timedelta(hours=1))
    catalog.clock.later(days=1)
    await catalog.ledger.sweep()
    assert await waive_late(catalog) == 1
    assert await catalog.state("late") == "archived"
    assert await catalog.intake.acknowledgeable(NAME, 10) == []

    done = replace(slow, readiness=Readiness.READY)
    admission = await catalog.intake.admit(NAME, describing, [done])

    assert admission.undescribed == (slow.id,)


async def test_the_same_listing_does_not_bring_back_what_was_waived() -> None:
    catalog = await late()
    await waive_late(catalog)
    await catalog.publish()
    await catalog.admit(a_recording("late", unfinished=1, settles=LATE))
    assert await catalog.state("late") == "archived"


async def test_another_listing_brings_back_what_was_waived() -> None:
    catalog = await late()
    await waive_late(catalog)
    await catalog.publish()
    await catalog.admit(a_recording("late", a_file("1"), a_file("2"), settles=LATE))
    assert await catalog.state("late") == "open"
    assert list(await catalog.claim_all()) == ["late/video-2.mp4"]


async def test_waiving_what_is_never_finished_twice_is_waiving_it_once() -> None:
    catalog = await late()
    await waive_late(catalog)
    assert await waive_late(catalog) == 0


async def test_what_the_provider_may_still_finish_is_not_waived() -> None:
    catalog = open_catalog()
    await catalog.admit(a_recording("late", unfinished=1, settles=LATE))
    await catalog.store_all()
    before = await catalog.holding("late")
    assert await waive_late(catalog) == 0
    assert await catalog.holding("late") == before


async def test_a_recording_that_lacks_something_else_too_stays_incomplete() -> None:
    catalog = open_catalog()
    await catalog.admit(a_recording("late", unfinished=1, settles=LATE))
    (claimed,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([failed(claimed, Refused("no"))])
    catalog.clock.later(days=4)
    await catalog.ledger.sweep()
    assert await waive_late(catalog) == 1
    assert await catalog.state("late") == "incomplete"


# attempts


async def test_the_attempts_at_files_are_told_oldest_first(catalog: Catalog) -> None:
    claimed = (await catalog.claim_all())["pending/video.mp4"]
    await catalog.ledger.record([failed(claimed, Unreachable("dead line"))])
    catalog.clock.later(hours=1)
    claimed = (await catalog.claim_all())["pending/video.mp4"]
    await catalog.ledger.record([failed(claimed, Refused("no"))])
    found = await catalog.operator.attempts([claimed.row, await bad_file(catalog)])
    assert [(each.at, each.code) for each in found[claimed.row]] == [
        (START, "unreachable"),
        (START + timedelta(hours=1), "refused"),
    ]
    assert len(found) == 2


@pytest.mark.parametrize("written", ["2026-05-06 10:00:00", "2026-05-06 10:00:00.5"])
async def test_pages_end_whatever_form_an_instant_has(catalog: Catalog, written: str) -> None:
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE recording SET started = ?", (written,))
    seen = list[str]()
    before = None
    while page := await catalog.operator.newest(before=before, limit=2):
        seen += ids(page)
        before = page[-1]
        assert len(seen) <= 6
    assert sorted(seen) == sorted(ids(await catalog.operator.listing()))
