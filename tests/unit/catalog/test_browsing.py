"""What people who browse ask of the catalog."""

from __future__ import annotations

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
    open_catalog,
    stored,
)
from reelkeep.catalog import browsing
from reelkeep.catalog.browsing import PAGE, CatalogBrowser, Cursor, ResultPage
from reelkeep.catalog.operator import Selection
from reelkeep.core.model import ProviderName, Recording, Window
from reelkeep.errors import Refused, Unreachable

OTHER = ProviderName("support")


def days_ago(number: int, **details: object) -> Recording:
    return a_recording(f"r-{number}", started=START - timedelta(days=number), **details)


@pytest.fixture
async def catalog() -> Catalog:
    opened = open_catalog()
    await opened.admit(*(days_ago(n, title=f"Review {n}") for n in range(PAGE + 20)))
    mine = [a_recording(f"s-{n}", started=START - timedelta(hours=n)) for n in range(5)]
    await opened.intake.admit(OTHER, TRAITS, mine)
    return opened


async def every(browser: CatalogBrowser, selection: Selection, **more: str) -> list[ResultPage]:
    pages = [await browser.page(selection=selection, state=more.get("state", ""))]
    while (after := pages[-1].after) is not None:
        again = Cursor.parse(str(after))
        assert again == after
        pages.append(
            await browser.page(selection=selection, state=more.get("state", ""), after=again)
        )
    return pages


def ids(pages: list[ResultPage]) -> list[str]:
    return [each.id for page in pages for each in page.found]


async def test_every_recording_is_on_one_page_the_newest_first(catalog: Catalog) -> None:
    pages = await every(CatalogBrowser(catalog.database), Selection())
    found = [each for page in pages for each in page.found]
    assert len(found) == len({each.row for each in found}) == PAGE + 25
    began = [each.started for each in found if each.started]
    assert began == sorted(began, reverse=True)
    assert len(pages[0].found) == PAGE


async def test_recordings_of_one_second_are_not_lost_between_pages() -> None:
    opened = open_catalog()
    await opened.admit(*(a_recording(f"{n}", started=START) for n in range(2 * PAGE + 3)))
    assert len(set(ids(await every(CatalogBrowser(opened.database), Selection())))) == 2 * PAGE + 3


async def test_one_provider_is_browsed(catalog: Catalog) -> None:
    page = await CatalogBrowser(catalog.database).page(names=[OTHER], selection=Selection())
    assert [each.id for each in page.found] == [f"s-{n}" for n in range(5)]


async def test_a_title_is_found_however_few_have_it(catalog: Catalog) -> None:
    pages = await every(CatalogBrowser(catalog.database), Selection(title="rEVIEW 69"))
    assert (ids(pages), pages[-1].is_full) == (["r-69"], True)


async def test_a_search_is_interrupted_and_goes_on(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "EXAMINED", 20)
    pages = await every(CatalogBrowser(catalog.database), Selection(title="Review 69"))
    assert [page.is_full for page in pages] == [False, False, False, True]
    assert ids(pages) == ["r-69"]


async def test_days_bound_the_search(catalog: Catalog) -> None:
    window = Window(START - timedelta(days=3), START - timedelta(days=1))
    found = ids(await every(CatalogBrowser(catalog.database), Selection(began=window)))
    assert found == ["r-2", "r-3"]


async def test_a_state_is_of_a_recording_or_of_a_file_in_it(catalog: Catalog) -> None:
    claimed = await catalog.claim_all()
    bad = claimed["r-7/video.mp4"]
    await catalog.ledger.record([failed(bad, Refused("not for you"))])
    browser = CatalogBrowser(catalog.database)
    assert ids(await every(browser, Selection(), state="failed")) == ["r-7"]
    assert ids(await every(browser, Selection(), state="incomplete")) == ["r-7"]
    assert ids(await every(browser, Selection(), state="acknowledged")) == []


@pytest.mark.parametrize(
    "text", ["", "~", "x~1", "2026-01-01 00:00:00~0", "2026-01-01~x", "' OR 1=1~1", "1" * 99]
)
def test_what_is_no_place_in_the_list_is_none(text: str) -> None:
    assert Cursor.parse(text) is None


async def test_each_day_counts_by_state(catalog: Catalog) -> None:
    claimed = await catalog.claim_all()
    await catalog.ledger.record([stored(claimed["r-1/video.mp4"])])
    await catalog.publish()
    days = await CatalogBrowser(catalog.database).days(NAME, START.date() - timedelta(days=2))
    assert days[START.date() - timedelta(days=1)] == {"archived": 1}
    assert set(days) == {START.date() - timedelta(days=n) for n in range(3)}


async def test_bytes_are_counted_by_the_day_on_which_they_were_stored(catalog: Catalog) -> None:
    claimed = await catalog.claim_all()
    some = [stored(claimed[f"r-{n}/video.mp4"]) for n in (1, 2)]
    await catalog.ledger.record(some)
    found = await CatalogBrowser(catalog.database).stored_bytes(START.date() - timedelta(days=30))
    assert list(found.values()) == [sum(each.size for each in some)]


async def test_failures_are_grouped_by_reason_the_most_frequent_first(catalog: Catalog) -> None:
    await catalog.admit(days_ago(1000, files=(a_file("1"), a_file("2"))))
    claimed = await catalog.claim_all()
    for _ in range(3):
        await catalog.ledger.record(
            [failed(claimed[f"r-{n}/video.mp4"], Unreachable("no route")) for n in (1, 2)]
        )
    refused = [failed(claimed[f"r-{n}/video.mp4"], Refused("no")) for n in (3, 4, 5)]
    await catalog.ledger.record(refused)
    groups = await CatalogBrowser(catalog.database).failures()
    first = groups[0]
    assert (first.state, first.code, first.count) == ("failed", "refused", 3)
    assert {each.id for each, _ in first.files} == {"r-3", "r-4", "r-5"}


async def test_the_list_and_a_search_use_the_index(catalog: Catalog) -> None:
    """A page of a million recordings must read few rows."""
    from sqlalchemy import text

    query = browsing._of_one(NAME, Selection(), Cursor("2026-01-01 00:00:00", 5), 51)
    written = str(query.compile(catalog.engine, compile_kwargs={"literal_binds": True}))
    with catalog.engine.connect() as connection:
        plan = " ".join(
            str(row) for row in connection.execute(text(f"EXPLAIN QUERY PLAN {written}"))
        )
    assert "SEARCH recording USING INDEX recording_began" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan
