"""How stored files were found is noted, said once, and never forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fakes.catalog import START, Catalog, a_file, a_recording, open_catalog, stored
from reelkeep.core.integrity import FileHealth, Mark
from reelkeep.core.model import HeldFile

DAY = timedelta(days=1)


@pytest.fixture
async def catalog() -> Catalog:
    """Three recordings, stored on three days; the last has two files."""
    opened = open_catalog()
    for name in "ab":
        await opened.admit(a_recording(name))
        await opened.store_all()
        opened.clock.later(days=1)
    await opened.admit(a_recording("c", a_file("1"), a_file("2")))
    await opened.store_all()
    opened.log.events.clear()
    return opened


async def file_of(catalog: Catalog, id_: str) -> HeldFile:
    return (await catalog.holding(id_)).files[0]


async def find(catalog: Catalog, id_: str, fault: Mark | None, reason: str | None = None) -> None:
    row = (await file_of(catalog, id_)).row
    await catalog.checks.noted([FileHealth(row=row, fault=fault, reason=reason)])


async def order(catalog: Catalog, limit: int = 10) -> list[str]:
    return [holding.id for holding in await catalog.checks.oldest(limit)]


async def test_a_file_was_read_when_it_was_stored(catalog: Catalog) -> None:
    assert (await file_of(catalog, "a")).checked_at == START


async def test_the_longest_unread_comes_first(catalog: Catalog) -> None:
    assert await order(catalog) == ["a", "b", "c"]
    catalog.clock.later(days=1)
    await find(catalog, "a", None)
    assert await order(catalog) == ["b", "c", "a"]
    assert await order(catalog, 1) == ["b"]


async def test_what_is_not_in_its_folder_yet_is_not_read(catalog: Catalog) -> None:
    await catalog.admit(a_recording("d"))
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    assert await order(catalog) == ["a", "b", "c"]


async def test_the_stock_is_what_is_in_folders(catalog: Catalog) -> None:
    stock = await catalog.checks.stock()
    assert (stock.recordings, stock.files, stock.bytes, stock.oldest) == (3, 4, 40, START)


async def test_an_empty_catalog_has_no_stock() -> None:
    assert (await open_catalog().checks.stock()).oldest is None


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        (Mark.ALTERED, "file.altered"),
        (Mark.MISSING, "file.missing"),
        (Mark.UNREADABLE, "file.unreadable"),
    ],
)
async def test_damage_is_said_once(catalog: Catalog, fault: Mark, event: str) -> None:
    for _ in range(2):
        await find(catalog, "a", fault)
    (said,) = catalog.log.named(event)
    assert (said["recording"], said["file"]) == ("a", "video.mp4")
    assert (await file_of(catalog, "a")).fault == fault.value


async def test_what_is_whole_again_is_said_once(catalog: Catalog) -> None:
    for fault in (Mark.ALTERED, None, None):
        await find(catalog, "a", fault)
    assert catalog.log.names == ["file.altered", "file.intact"]
    assert (await file_of(catalog, "a")).fault is None


async def test_what_was_in_order_and_is_so_is_not_said(catalog: Catalog) -> None:
    await find(catalog, "a", None)
    assert catalog.log.events == []


async def test_damage_is_counted(catalog: Catalog) -> None:
    await find(catalog, "a", Mark.MISSING)
    (summary,) = await catalog.operator.summaries([(await catalog.holding("a")).provider])
    assert summary.damaged == 1


async def test_what_is_lost_is_due_again_and_its_recording_open(catalog: Catalog) -> None:
    held = await catalog.holding("c")
    await find(catalog, "c", Mark.ALTERED)
    assert await catalog.checks.lost([held.files[0].row], [held.row]) == 1
    assert await catalog.files("c") == {"video.mp4": "due", "video-2.mp4": "stored"}
    assert await catalog.state("c") == "open"
    file = await file_of(catalog, "c")
    assert (file.sha256, file.size, file.checked_at, file.fault) == (None, None, None, None)
    await catalog.store_all()
    assert await catalog.state("c") == "archived"


async def test_only_what_is_stored_can_be_lost(catalog: Catalog) -> None:
    row = (await file_of(catalog, "a")).row
    await catalog.checks.lost([row], [])
    assert await catalog.checks.lost([row], []) == 0


async def test_a_manifest_alone_is_written_anew(catalog: Catalog) -> None:
    await catalog.checks.lost([], [(await catalog.holding("a")).row])
    assert await catalog.publish() == ["a"]


async def test_a_file_that_is_fetched_anew_is_not_judged_by_an_older_reading(
    catalog: Catalog,
) -> None:
    row = (await file_of(catalog, "a")).row
    await catalog.checks.lost([row], [])
    await find(catalog, "a", Mark.MISSING)
    assert catalog.log.named("file.missing") == []


async def test_recordings_are_found_by_their_folders(catalog: Catalog) -> None:
    folder = (await catalog.holding("b")).folder or ""
    assert [each.id for each in await catalog.checks.in_folders([folder, "no/where"])] == ["b"]


async def test_a_moment_is_kept_until_it_is_forgotten(catalog: Catalog) -> None:
    await catalog.checks.keep_moment("then", START)
    await catalog.checks.keep_moment("then", START + DAY)
    assert await catalog.checks.moment("then") == START + DAY
    await catalog.checks.keep_moment("then", None)
    assert await catalog.checks.moment("then") is None
