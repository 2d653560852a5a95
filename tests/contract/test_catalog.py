"""What every catalog does; run on a file behind a thread, and in memory without one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.books import IN_MEMORY
from fakes.catalog import (
    DESCRIBING,
    NAME,
    START,
    TRAITS,
    Catalog,
    a_file,
    a_recording,
    failed,
    inline,
    open_catalog,
    stored,
    without,
)
from reelkeep.catalog.database import one_thread
from reelkeep.core.filters import Filter
from reelkeep.core.model import FileId, Outcome, ProviderName, Readiness, RecordingId, Window
from reelkeep.core.poll_window import Unread
from reelkeep.core.unavailable import Obstacle
from reelkeep.errors import AuthFailed, Gone, Refused, Throttled, Unreachable
from reelkeep.ports import Missed, Scan

OTHER = ProviderName("support")
DOWN = Unreachable("the line is dead")


@pytest.fixture(params=["file", "memory"])
async def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Catalog]:
    if request.param == "file":
        opened = open_catalog(f"sqlite:///{tmp_path}/catalog.db", one_thread())
    else:
        opened = open_catalog(IN_MEMORY, inline)
    opened.watch()
    yield opened
    assert opened.illegal_moves() == []
    await opened.database.close()


# what polls note


async def test_an_unknown_provider_was_never_read(catalog: Catalog) -> None:
    assert await catalog.intake.scan(NAME) == Scan()


async def test_what_was_read_of_a_provider_is_remembered(catalog: Catalog) -> None:
    scan = Scan(
        polled_at=START,
        deep_at=START - timedelta(days=1),
        covered_until=START,
        scope="s",
        filter="f",
        broken_since=START,
        reason="it is down",
    )
    await catalog.intake.scanned(NAME, scan)
    assert await catalog.intake.scan(NAME) == scan


async def test_a_later_note_replaces_an_earlier_one(catalog: Catalog) -> None:
    await catalog.intake.scanned(NAME, Scan(reason="it is down", broken_since=START))
    await catalog.intake.scanned(NAME, Scan(polled_at=START))
    assert await catalog.intake.scan(NAME) == Scan(polled_at=START)


async def test_providers_are_noted_apart(catalog: Catalog) -> None:
    await catalog.intake.scanned(NAME, Scan(polled_at=START))
    assert await catalog.intake.scan(OTHER) == Scan()


# admitting


async def test_an_admitted_recording_is_open_and_its_files_are_due(catalog: Catalog) -> None:
    admission = await catalog.intake.admit(NAME, TRAITS, [a_recording("a", a_file("1"))])
    assert admission.new == ("a",)
    assert await catalog.state("a") == "open"
    assert await catalog.files("a") == {"video.mp4": "due"}


async def test_admitting_the_same_again_changes_nothing(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    before = await catalog.holding("a")
    admission = await catalog.intake.admit(
        NAME, TRAITS, [a_recording("a", a_file("2"), a_file("1"))]
    )
    assert (admission.new, admission.changed) == ((), ())
    assert await catalog.holding("a") == before


async def test_what_is_news_beside_the_familiar_is_admitted(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"), a_recording("b"))
    batch = [a_recording("a"), a_recording("b", title="Renamed"), a_recording("c")]
    admission = await catalog.intake.admit(NAME, TRAITS, batch)
    assert (admission.new, admission.changed) == (("c",), ("b",))


async def test_what_changes_back_is_no_longer_familiar(catalog: Catalog) -> None:
    changes = []
    for title in ("one", "other", "one"):
        admission = await catalog.intake.admit(NAME, TRAITS, [a_recording("a", title=title)])
        changes.append(admission.changed)
    assert changes == [(), ("a",), ("a",)]


async def test_what_is_listed_twice_in_a_batch_is_admitted_once(catalog: Catalog) -> None:
    admission = await catalog.intake.admit(NAME, TRAITS, [a_recording("a"), a_recording("a")])
    assert admission.new == ("a",)


async def test_two_providers_may_use_one_id(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    admission = await catalog.intake.admit(OTHER, TRAITS, [a_recording("a")])
    assert admission.new == ("a",)
    keys = {each.key for each in await catalog.operator.find("a")}
    assert len(keys) == 2


async def test_a_recording_is_said_to_be_discovered_once(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.admit(a_recording("a", title="renamed"))
    (said,) = catalog.log.named("recording.discovered")
    assert (said["recording"], said["files"]) == ("a", 1)


async def test_a_changed_recording_is_told_of_and_written_down(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    admission = await catalog.intake.admit(NAME, TRAITS, [a_recording("a", title="renamed")])
    assert admission.changed == ("a",)
    assert (await catalog.holding("a")).title == "renamed"


async def test_a_late_file_opens_an_archived_recording_again(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1")))
    await catalog.store_all()
    assert await catalog.state("a") == "archived"
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    assert await catalog.state("a") == "open"
    assert await catalog.files("a") == {"video.mp4": "stored", "video-2.mp4": "due"}


async def test_a_recording_that_is_no_longer_listed_keeps_its_files(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    await catalog.admit(a_recording("a", a_file("2"), title="one file fewer"))
    assert await catalog.files("a") == {"video.mp4": "due", "video-2.mp4": "due"}


async def test_a_recording_in_the_making_waits(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", readiness=Readiness.PROCESSING))
    assert await catalog.state("a") == "open"  # what is due already is fetched
    await catalog.store_all()
    assert await catalog.state("a") == "waiting"


async def test_everything_that_was_said_comes_back(catalog: Catalog) -> None:
    said = a_recording(
        "a",
        user="u@example",
        duration=timedelta(minutes=3, milliseconds=250),
        deadline=START + timedelta(days=3),
        settles=START + timedelta(days=2),
        unfinished=1,
        facts={"id": 2**70, "x": [1.5, None, "é"]},
    )
    await catalog.admit(said)
    held = await catalog.holding("a")
    names = ("title", "user", "started", "duration", "deadline", "settles", "unfinished", "facts")
    assert [getattr(held, name) for name in names] == [getattr(said, name) for name in names]


async def test_sizes_beyond_32_bits_and_times_before_1970_are_kept(catalog: Catalog) -> None:
    early = START.replace(year=1900)
    await catalog.admit(a_recording("a", a_file("1", size=2**53), started=early))
    held = await catalog.holding("a")
    assert (held.started, held.files[0].promised) == (early, 2**53)


# describing


async def test_a_recording_to_be_described_is_not_handed_out_before(catalog: Catalog) -> None:
    admission = await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    assert admission.undescribed == ("a",)
    assert await catalog.queue.claim(NAME, 10) == []
    assert await catalog.queue.next_due(NAME) is None


async def test_a_described_recording_is_handed_out(catalog: Catalog) -> None:
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a", files=())])
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a", a_file("1"), a_file("2"))])
    assert list(await catalog.claim_all()) == ["a/video.mp4", "a/video-2.mp4"]


async def test_what_could_not_be_described_is_asked_for_again(catalog: Catalog) -> None:
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    admission = await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    assert (admission.changed, admission.undescribed) == ((), ("a",))


async def test_what_is_described_is_not_asked_for_again(catalog: Catalog) -> None:
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a")])
    admission = await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    assert admission.undescribed == ()


async def test_a_listing_that_says_little_wipes_out_nothing(catalog: Catalog) -> None:
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a", title="")])
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a", title="Weekly")])
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a", title="", user="new")])
    assert (await catalog.holding("a")).title == "Weekly"


async def test_what_nobody_admitted_is_not_described(catalog: Catalog) -> None:
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a")])
    assert await catalog.operator.find("a") == []


async def test_descriptions_may_be_turned_on_and_off(catalog: Catalog) -> None:
    """Else a recording that waits for its description would wait for ever."""
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    await catalog.admit(a_recording("a"))
    assert list(await catalog.claim_all()) == ["a/video.mp4"]
    admission = await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    assert admission.undescribed == ("a",)


# filters


async def test_a_narrowed_filter_skips_what_is_due(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1", file_type="VTT"), a_file("2")))
    assert await catalog.intake.refilter(NAME, without("VTT")) == 1
    assert await catalog.files("a") == {"video.mp4": "skipped", "video-2.mp4": "due"}


async def test_a_widened_filter_brings_in_what_was_skipped(catalog: Catalog) -> None:
    traits = without("VTT")
    await catalog.admit(a_recording("a", a_file("1", file_type="VTT")), traits=traits)
    assert await catalog.state("a") == "archived"
    assert await catalog.intake.refilter(NAME, TRAITS) == 1
    assert await catalog.state("a") == "open"
    assert list(await catalog.claim_all()) == ["a/video.mp4"]


async def test_a_filter_applied_again_changes_nothing(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1", file_type="VTT"), a_file("2")))
    await catalog.intake.refilter(NAME, without("VTT"))
    assert await catalog.intake.refilter(NAME, without("VTT")) == 0


async def test_a_filter_never_brings_in_what_cannot_be_had(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1", obstacle=Obstacle.ON_PREMISE)))
    assert await catalog.intake.refilter(NAME, TRAITS) == 0


async def test_a_filter_concerns_its_own_provider_only(catalog: Catalog) -> None:
    await catalog.intake.admit(OTHER, TRAITS, [a_recording("a", a_file("1", file_type="VTT"))])
    assert await catalog.intake.refilter(NAME, without("VTT")) == 0


async def test_a_filter_that_leaves_out_what_failed_closes_the_recording(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1", file_type="VTT"), a_file("2")))
    claimed = await catalog.claim_all()
    broken, good = claimed["a/video.mp4"], claimed["a/video-2.mp4"]
    await catalog.ledger.record([failed(broken, Refused("no")), stored(good)])
    await catalog.publish()
    assert await catalog.state("a") == "incomplete"
    await catalog.intake.refilter(NAME, without("VTT"))
    await catalog.publish()
    assert await catalog.state("a") == "archived"


async def test_since_is_a_filter_too(catalog: Catalog) -> None:
    late = without("none")
    await catalog.admit(a_recording("a", started=START))
    rules = Filter(since=START + timedelta(days=1))
    traits = type(late)(type="fake", interval=late.interval, filter=rules)
    assert await catalog.intake.refilter(NAME, traits) == 1


# transcoding


async def transcodable(catalog: Catalog, *ids: str) -> None:
    waiting = [a_recording(id_, readiness=Readiness.TRANSCODABLE, files=()) for id_ in ids]
    await catalog.intake.admit(NAME, DESCRIBING, waiting)


async def test_what_waits_to_be_transcoded_is_asked_for_once(catalog: Catalog) -> None:
    await transcodable(catalog, "a")
    assert await catalog.intake.transcodable(NAME, 10) == ["a"]
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(days=1))
    assert await catalog.intake.transcodable(NAME, 10) == []
    assert await catalog.state("a") == "waiting"


async def test_a_request_that_came_to_nothing_is_made_again(catalog: Catalog) -> None:
    await transcodable(catalog, "a")
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(days=1))
    catalog.clock.later(hours=1)
    assert await catalog.intake.transcodable(NAME, 10) == ["a"]


async def test_a_transcoding_that_takes_too_long_is_incomplete(catalog: Catalog) -> None:
    await transcodable(catalog, "a")
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(days=1))
    catalog.clock.later(hours=23)
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(days=1))
    catalog.clock.later(hours=1)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "incomplete"
    (said,) = catalog.log.named("recording.incomplete")
    assert said["recording"] == "a"


async def test_a_transcoding_that_comes_late_is_welcome(catalog: Catalog) -> None:
    await transcodable(catalog, "a")
    await catalog.intake.transcoding(NAME, [RecordingId("a")], timedelta(hours=1))
    catalog.clock.later(hours=2)
    await catalog.ledger.sweep()
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a")])
    assert await catalog.state("a") == "open"


async def test_transcodings_are_asked_for_in_batches(catalog: Catalog) -> None:
    await transcodable(catalog, "a", "b", "c")
    assert len(await catalog.intake.transcodable(NAME, 2)) == 2


# claiming


async def test_a_claim_holds_all_that_a_download_needs(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1", file_type="MP4", size=7)))
    (claim,) = await catalog.queue.claim(NAME, 10)
    (download,) = claim.downloads
    assert (claim.provider, claim.recording) == (NAME, "a")
    assert (download.file, download.name, download.file_type) == (FileId("1"), "video.mp4", "MP4")
    assert (download.size, download.attempts, download.tries) == (7, 0, 0)
    assert download.key == (await catalog.holding("a")).key


async def test_the_most_endangered_come_first(catalog: Catalog) -> None:
    day = timedelta(days=1)
    await catalog.admit(
        a_recording("old", started=START - 9 * day),
        a_recording("young", started=START),
        a_recording("soon deleted", started=START, deadline=START + 2 * day),
        a_recording("sooner deleted", started=START, deadline=START + day),
    )
    claims = await catalog.queue.claim(NAME, 10)
    assert [each.recording for each in claims] == [
        "sooner deleted",
        "soon deleted",
        "old",
        "young",
    ]


async def test_no_more_is_claimed_than_was_asked_for(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"), a_recording("b"), a_recording("c"))
    assert len(await catalog.queue.claim(NAME, 2)) == 2
    assert len(await catalog.queue.claim(NAME, 2)) == 1


async def test_what_is_claimed_is_not_claimed_again(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    assert len(await catalog.claim_all()) == 2
    assert await catalog.queue.claim(NAME, 10) == []


async def test_a_provider_is_handed_its_own(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    assert await catalog.queue.claim(OTHER, 10) == []


async def test_files_are_claimed_in_the_order_of_first_sight(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("3"), a_file("1"), a_file("2")))
    (claim,) = await catalog.queue.claim(NAME, 1)
    assert [each.file for each in claim.downloads] == ["3", "1", "2"]


async def test_after_a_crash_what_was_claimed_is_due_again(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    await catalog.claim_all()
    assert await catalog.queue.recover() == 2
    assert len(await catalog.claim_all()) == 2


async def test_claims_that_are_given_back_are_due_again(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")), a_recording("b", a_file("1")))
    (first,) = await catalog.queue.claim(NAME, 1)
    (second,) = await catalog.queue.claim(NAME, 1)
    await catalog.queue.release([first])
    assert await catalog.queue.claim(NAME, 10) == [first]
    await catalog.queue.release([])
    assert second.recording != first.recording


async def test_what_was_recorded_meanwhile_is_not_given_back(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1")))
    (claim,) = await catalog.queue.claim(NAME, 1)
    await catalog.ledger.record([stored(claim.downloads[0])])
    await catalog.queue.release([claim])
    assert await catalog.queue.claim(NAME, 10) == []


async def test_nothing_is_due_next_if_nothing_waits(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.claim_all()
    assert await catalog.queue.next_due(NAME) is None


async def test_what_is_due_already_is_due_in_the_past(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    at = await catalog.queue.next_due(NAME)
    assert at is not None
    assert at <= catalog.clock()


# recording


async def test_a_stored_file_waits_to_be_published(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    assert await catalog.files("a") == {"video.mp4": "stored"}
    assert await catalog.state("a") == "open"
    assert catalog.log.names[-1] == "file.stored"


async def test_all_that_is_known_of_a_stored_file_is_kept(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.ledger.record([stored((await catalog.claim_all())["a/video.mp4"], "ab" * 32)])
    (held,) = (await catalog.holding("a")).files
    assert (held.size, held.sha256, held.verified) == (10, "ab" * 32, "size")
    assert (held.source, held.stored_at) == ("https://files.example:443", START)


async def test_a_failed_attempt_is_due_again_in_a_while(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.ledger.record([failed((await catalog.claim_all())["a/video.mp4"], DOWN)])
    assert await catalog.queue.claim(NAME, 10) == []
    assert await catalog.queue.next_due(NAME) == START + timedelta(seconds=10)
    catalog.clock.later(seconds=10)
    (again,) = (await catalog.claim_all()).values()
    assert (again.attempts, again.tries) == (1, 1)
    (said,) = catalog.log.named("file.retry")
    assert (said["code"], said["delay"]) == ("unreachable", 10)


async def test_a_wish_of_the_server_wins(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    throttled = Throttled("slow down", after=600)
    await catalog.ledger.record([failed((await catalog.claim_all())["a/video.mp4"], throttled)])
    due = await catalog.queue.next_due(NAME)
    assert due is not None
    assert due >= START + timedelta(minutes=10)


async def test_the_last_attempt_fails_the_file(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    for _ in range(3):
        (claimed,) = (await catalog.claim_all()).values()
        await catalog.ledger.record([failed(claimed, DOWN)])
        catalog.clock.later(hours=1)
    (held,) = (await catalog.holding("a")).files
    assert (held.state, held.reason, held.detail) == ("failed", "unreachable", "the line is dead")
    assert await catalog.state("a") == "incomplete"
    assert catalog.log.names[-2:] == ["file.failed", "recording.incomplete"]


async def test_a_vanished_file_makes_its_recording_incomplete(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    claimed = await catalog.claim_all()
    gone, good = claimed["a/video.mp4"], claimed["a/video-2.mp4"]
    await catalog.ledger.record([failed(gone, Gone("deleted")), stored(good)])
    assert await catalog.files("a") == {"video.mp4": "gone", "video-2.mp4": "stored"}
    assert await catalog.state("a") == "incomplete"
    (said,) = catalog.log.named("recording.vanished")
    assert said["file"] == "video.mp4"


async def test_what_is_there_of_an_incomplete_recording_is_published(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    claimed = await catalog.claim_all()
    gone, good = claimed["a/video.mp4"], claimed["a/video-2.mp4"]
    await catalog.ledger.record([failed(gone, Gone("deleted")), stored(good)])
    assert await catalog.publish() == ["a"]
    assert await catalog.state("a") == "incomplete"


async def test_a_recording_of_which_nothing_came_is_published_all_the_same(
    catalog: Catalog,
) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.ledger.record([failed((await catalog.claim_all())["a/video.mp4"], Gone("x"))])
    assert await catalog.publish() == ["a"]


async def test_a_recording_of_which_nothing_is_wanted_is_not_published(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1", obstacle=Obstacle.ON_PREMISE)))
    assert await catalog.publish() == []


async def test_a_wait_counts_neither_as_attempt_nor_in_the_history(catalog: Catalog) -> None:
    """A provider that is locked out for a week must not fill the catalog."""
    await catalog.admit(a_recording("a"))
    claimed = (await catalog.claim_all())["a/video.mp4"]
    await catalog.ledger.record([failed(claimed, AuthFailed("who are you"))])
    (held,) = (await catalog.holding("a")).files
    assert (held.state, held.reason, held.tries) == ("due", "auth", 0)
    assert await catalog.operator.attempts([held.row]) == {}


async def test_many_outcomes_are_recorded_together(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2"), a_file("3")))
    claimed = list((await catalog.claim_all()).values())
    outcomes: list[Outcome] = [stored(claimed[0]), failed(claimed[1], DOWN), stored(claimed[2])]
    await catalog.ledger.record(outcomes)
    assert list((await catalog.files("a")).values()) == ["stored", "due", "stored"]


async def test_no_outcome_is_no_transaction(catalog: Catalog) -> None:
    await catalog.ledger.record([])
    assert catalog.log.events == []


@pytest.mark.parametrize("good", [True, False])
async def test_a_file_that_was_waived_meanwhile_stays_waived(catalog: Catalog, good: bool) -> None:
    await catalog.admit(a_recording("a"))
    claimed = (await catalog.claim_all())["a/video.mp4"]
    assert await catalog.decisions.waive([claimed.row]) == 1
    await catalog.ledger.record([stored(claimed) if good else failed(claimed, Gone("deleted"))])
    assert await catalog.files("a") == {"video.mp4": "waived"}
    assert await catalog.state("a") == "archived"
    said = set(catalog.log.names)
    assert not said & {"file.stored", "recording.vanished", "file.failed"}


async def test_the_history_of_a_file_is_kept(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    row = (await catalog.holding("a")).files[0].row
    for error in (DOWN, Throttled("slow down")):
        (claimed,) = (await catalog.claim_all()).values()
        await catalog.ledger.record([failed(claimed, error)])
        catalog.clock.later(hours=1)
    attempts = (await catalog.operator.attempts([row]))[row]
    assert [(each.code, each.detail) for each in attempts] == [
        ("unreachable", "the line is dead"),
        ("throttled", "slow down"),
    ]
    assert attempts[0].at == START


# publishing


async def test_a_recording_is_published_once_nothing_of_it_is_pending(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    claimed = await catalog.claim_all()
    await catalog.ledger.record([stored(claimed["a/video.mp4"])])
    assert await catalog.ledger.publishable(10) == []
    await catalog.ledger.record([stored(claimed["a/video-2.mp4"])])
    (holding,) = await catalog.ledger.publishable(10)
    assert [each.state for each in holding.files] == ["stored", "stored"]


async def test_a_published_recording_is_archived_and_no_longer_behind(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.store_all()
    held = await catalog.holding("a")
    assert (held.state, held.folder, held.archived_at) == ("archived", f"at/{held.key}", START)
    assert await catalog.ledger.publishable(10) == []
    names = ["file.stored", "recording.published", "recording.archived"]
    assert catalog.log.names[-3:] == names


async def test_a_file_that_comes_while_its_folder_is_made_is_published_after(
    catalog: Catalog,
) -> None:
    await catalog.admit(a_recording("a", a_file("1")))
    await catalog.ledger.record([stored((await catalog.claim_all())["a/video.mp4"])])
    (early,) = await catalog.ledger.publishable(10)
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    await catalog.ledger.record([stored((await catalog.claim_all())["a/video-2.mp4"])])
    await catalog.ledger.published([(early, "folder")])
    assert await catalog.state("a") == "open"
    (late,) = await catalog.ledger.publishable(10)
    assert (late.folder, len(late.files)) == ("folder", 2)
    await catalog.ledger.published([(late, "folder")])
    assert await catalog.state("a") == "archived"


async def test_a_new_title_is_published_too(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.store_all()
    await catalog.admit(a_recording("a", title="renamed"))
    assert await catalog.publish() == ["a"]


async def test_no_more_is_published_at_once_than_was_asked_for(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"), a_recording("b"))
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    assert len(await catalog.ledger.publishable(1)) == 1


# time


async def test_a_recording_that_begins_far_ahead_settles_all_the_same(catalog: Catalog) -> None:
    ahead = START + timedelta(days=9_000)
    late = a_recording("a", a_file("1"), started=ahead, settles=ahead + timedelta(days=3))
    unfinished = replace(late, id=RecordingId("b"), unfinished=1)
    await catalog.admit(late, unfinished)
    await catalog.store_all()
    assert await catalog.state("a") == "open"
    catalog.clock.later(days=4)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "archived"
    assert await catalog.state("b") == "incomplete"


async def test_an_old_recording_that_is_to_be_described_is_not_overdue(catalog: Catalog) -> None:
    old = a_recording("a", a_file("1"), settles=START - timedelta(days=30))
    await catalog.admit(old, traits=DESCRIBING)
    assert await catalog.state("a") == "waiting"
    await catalog.intake.describe(NAME, DESCRIBING, [old])
    catalog.clock.later(days=300)
    await catalog.admit(replace(old, title="renamed"), traits=DESCRIBING)
    await catalog.claim_all()
    assert catalog.log.named("recording.incomplete") == []


async def test_a_recording_stays_open_for_late_files_until_it_settles(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", settles=START + timedelta(days=3)))
    await catalog.store_all()
    catalog.clock.later(days=2)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "open"
    catalog.clock.later(days=1)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "archived"
    assert catalog.log.names[-1] == "recording.archived"


async def test_what_the_provider_never_finishes_is_incomplete(catalog: Catalog) -> None:
    settles = START + timedelta(days=3)
    await catalog.admit(a_recording("a", unfinished=1, settles=settles))
    await catalog.store_all()
    assert await catalog.state("a") == "waiting"
    catalog.clock.later(days=3)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "incomplete"


async def test_a_sweep_leaves_alone_what_is_still_fetched(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", settles=START + timedelta(days=3)))
    catalog.clock.later(days=4)
    await catalog.ledger.sweep()
    assert await catalog.state("a") == "open"


async def test_a_sweep_comes_to_its_end_in_steps(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelkeep.catalog.results.SWEEP", 1)
    settles = START + timedelta(days=3)
    await catalog.admit(a_recording("a", settles=settles), a_recording("b", settles=settles))
    await catalog.store_all()
    catalog.clock.later(days=3)
    await catalog.ledger.sweep()
    await catalog.ledger.sweep()
    assert {await catalog.state("a"), await catalog.state("b")} == {"archived"}


# acknowledging


async def acknowledgeable(catalog: Catalog) -> list[str]:
    return list(await catalog.intake.acknowledgeable(NAME, 10))


async def test_what_is_archived_is_to_be_acknowledged(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    assert await acknowledgeable(catalog) == []
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    assert await acknowledgeable(catalog) == []
    await catalog.publish()
    assert await acknowledgeable(catalog) == ["a"]


async def test_what_was_acknowledged_is_not_acknowledged_again(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.store_all()
    await catalog.intake.acknowledged(NAME, [RecordingId("a")], [])
    assert await catalog.state("a") == "acknowledged"
    assert await acknowledgeable(catalog) == []
    assert (await catalog.holding("a")).acknowledged_at == START


async def test_a_lost_answer_is_asked_for_again(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.store_all()
    assert await acknowledgeable(catalog) == ["a"]
    assert await acknowledgeable(catalog) == ["a"]


async def test_what_was_refused_is_asked_again_later(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    await catalog.store_all()
    await catalog.intake.acknowledged(NAME, [], [RecordingId("a")])
    assert await catalog.state("a") == "archived"
    assert await acknowledgeable(catalog) == []
    catalog.clock.later(hours=1)
    assert await acknowledgeable(catalog) == ["a"]


async def test_a_recording_whose_files_were_all_skipped_is_never_acknowledged(
    catalog: Catalog,
) -> None:
    await catalog.admit(a_recording("a", a_file("1", file_type="VTT")), traits=without("VTT"))
    assert await catalog.state("a") == "archived"
    assert await acknowledgeable(catalog) == []


async def test_a_recording_without_files_is_never_acknowledged(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", files=()))
    assert await catalog.state("a") == "archived"
    assert await acknowledgeable(catalog) == []


async def test_a_recording_whose_file_was_waived_is_acknowledged(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a"))
    claimed = (await catalog.claim_all())["a/video.mp4"]
    await catalog.ledger.record([failed(claimed, Gone("deleted"))])
    assert await acknowledgeable(catalog) == []
    await catalog.decisions.waive([claimed.row])
    assert await acknowledgeable(catalog) == ["a"]


async def test_an_incomplete_recording_is_not_acknowledged(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    claimed = await catalog.claim_all()
    gone, good = claimed["a/video.mp4"], claimed["a/video-2.mp4"]
    await catalog.ledger.record([failed(gone, Gone("deleted")), stored(good)])
    await catalog.publish()
    assert await acknowledgeable(catalog) == []


async def test_what_the_provider_already_knows_is_not_told(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", told=True))
    await catalog.store_all()
    assert await catalog.state("a") == "acknowledged"
    assert await acknowledgeable(catalog) == []


async def test_hearing_that_the_provider_knows_is_no_other_change(catalog: Catalog) -> None:
    """A listing of what is archived says so of each recording right after we told."""
    await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a")])
    await catalog.intake.describe(NAME, DESCRIBING, [a_recording("a")])
    await catalog.store_all()
    before = await catalog.holding("a")
    admission = await catalog.intake.admit(NAME, DESCRIBING, [a_recording("a", told=True)])
    assert (admission.changed, admission.undescribed) == ((), ())
    after = await catalog.holding("a")
    assert (after.state, after.revision) == ("acknowledged", before.revision)


async def test_a_late_file_of_an_acknowledged_recording_is_archived_quietly(
    catalog: Catalog,
) -> None:
    await catalog.admit(a_recording("a", a_file("1")))
    await catalog.store_all()
    await catalog.intake.acknowledged(NAME, [RecordingId("a")], [])
    await catalog.admit(a_recording("a", a_file("1"), a_file("2")))
    await catalog.store_all()
    assert await catalog.state("a") == "acknowledged"
    assert await acknowledgeable(catalog) == []


async def test_acknowledgements_come_in_batches_the_most_endangered_first(catalog: Catalog) -> None:
    day = timedelta(days=1)
    await catalog.admit(
        a_recording("young"),
        a_recording("old", started=START - day),
        a_recording("soon deleted", deadline=START + day),
    )
    await catalog.store_all()
    assert await catalog.intake.acknowledgeable(NAME, 2) == ["soon deleted", "old"]


# what could not be read


async def test_what_could_not_be_read_is_kept_until_it_is_replaced(catalog: Catalog) -> None:
    day = timedelta(days=1)
    left = [Unread("u-1", Window(START - day, START)), Unread("", Window(START - 9 * day, START))]
    await catalog.intake.left_unread(NAME, left)
    assert await catalog.intake.unread(NAME) == left
    assert await catalog.intake.unread(OTHER) == []
    await catalog.intake.left_unread(NAME, left[:1])
    assert await catalog.intake.unread(NAME) == left[:1]
    await catalog.intake.left_unread(NAME, ())
    assert await catalog.intake.unread(NAME) == []


# --- what is unavailable

TRASHED = a_file("1", obstacle=Obstacle.IN_TRASH)


async def test_what_is_unavailable_keeps_its_recording_incomplete(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", TRASHED))
    assert await catalog.state("a") == "incomplete"
    assert await catalog.publish() == ["a"]
    (missed,) = await catalog.intake.missed(NAME)
    assert missed == Missed(recording=RecordingId("a"), files=frozenset({FileId("1")}), asked=False)


async def test_what_has_an_address_when_it_is_asked_for_is_due(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", TRASHED))
    found = [a_recording("a", a_file("1"))]
    assert await catalog.intake.reviewed(NAME, TRAITS, found, [], gone=True)
    assert list(await catalog.claim_all()) == ["a/video.mp4"]


@pytest.mark.parametrize(("gone", "state"), [(True, "gone"), (False, "unavailable")])
async def test_what_is_not_found_is_gone_only_if_all_was_listed(
    catalog: Catalog, gone: bool, state: str
) -> None:
    await catalog.admit(a_recording("a", TRASHED))
    assert not await catalog.intake.reviewed(NAME, TRAITS, [], [RecordingId("a")], gone=gone)
    (holding,) = await catalog.operator.find("a")
    assert [file.state for file in holding.files] == [state]


async def test_who_was_asked_for_waits_behind_the_others(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", TRASHED), a_recording("b", TRASHED))
    await catalog.intake.reviewed(NAME, TRAITS, [a_recording("a", TRASHED)], [], gone=True)
    found = await catalog.intake.missed(NAME)
    assert [(each.recording, each.asked) for each in found] == [("b", False), ("a", True)]


async def test_a_retry_of_what_is_unavailable_has_it_asked_for(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", TRASHED))
    await catalog.intake.reviewed(NAME, TRAITS, [a_recording("a", TRASHED)], [], gone=True)
    (holding,) = await catalog.operator.find("a")
    await catalog.decisions.retry([file.row for file in holding.files])
    (missed,) = await catalog.intake.missed(NAME)
    assert not missed.asked
    assert await catalog.claim_all() == {}


async def test_a_retry_of_what_was_waived_and_has_no_address_is_unavailable_again(
    catalog: Catalog,
) -> None:
    await catalog.admit(a_recording("a", TRASHED))
    (holding,) = await catalog.operator.find("a")
    rows = [file.row for file in holding.files]
    await catalog.decisions.waive(rows)
    assert await catalog.intake.missed(NAME) == []
    await catalog.decisions.retry(rows)
    (holding,) = await catalog.operator.find("a")
    assert [file.state for file in holding.files] == ["unavailable"]


async def test_an_address_that_came_to_nothing_leaves_the_file_unavailable(
    catalog: Catalog,
) -> None:
    stored_there = a_file("1", obstacle=Obstacle.EXTERNAL_STORAGE, addressed=True)
    await catalog.admit(a_recording("a", stored_there))
    (download,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([failed(download, Refused("404"))])
    (holding,) = await catalog.operator.find("a")
    (file,) = holding.files
    assert (file.state, file.reason) == ("unavailable", "external_storage")
    await catalog.decisions.retry([file.row])
    assert list(await catalog.claim_all()) == ["a/video.mp4"]


async def test_a_recording_that_is_named_twice_in_a_batch_loses_no_file(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1")), a_recording("a", a_file("2")))
    assert list(await catalog.claim_all()) == ["a/video.mp4", "a/video-2.mp4"]


async def test_a_later_version_is_said_once(catalog: Catalog) -> None:
    await catalog.admit(a_recording("a", a_file("1")))
    (download,) = (await catalog.claim_all()).values()
    await catalog.ledger.record([stored(download)])
    later = a_recording("a", a_file("1", size=99))
    await catalog.admit(later)
    await catalog.intake.describe(NAME, TRAITS, [later])
    assert len(catalog.log.named("file.changed")) == 1
    (download,) = (await catalog.claim_all()).values()
    assert (download.name, download.asked_as, download.size) == ("video-2.mp4", "1", 99)
