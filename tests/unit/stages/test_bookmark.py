from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest

from fakes.catalog import NAME, START, Catalog, open_catalog
from reelkeep.ports import Scan
from reelkeep.stages.poll import NOTE, PollCursor
from virtual import VIRTUAL, Backend

FIRST = Scan(polled_at=START, covered_until=START, deep_at=START, scope="s", filter="f")
LATER = START + timedelta(seconds=1)
AGAIN = replace(FIRST, polled_at=LATER, covered_until=LATER, deep_at=LATER)


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def catalog() -> Catalog:
    return open_catalog()


async def test_it_is_where_an_earlier_process_left_it(catalog: Catalog) -> None:
    await catalog.intake.scanned(NAME, FIRST)
    assert await PollCursor(NAME, catalog.intake).read() == FIRST


async def test_the_first_poll_is_noted_at_once(catalog: Catalog) -> None:
    await catalog.intake.scanned(NAME, FIRST)
    await PollCursor(NAME, catalog.intake).move(AGAIN)
    assert await catalog.intake.scan(NAME) == AGAIN


async def test_that_only_time_went_by_is_known_and_not_noted(catalog: Catalog) -> None:
    cursor = PollCursor(NAME, catalog.intake)
    await cursor.move(FIRST)
    await cursor.move(AGAIN)
    assert (await cursor.read(), await catalog.intake.scan(NAME)) == (AGAIN, FIRST)


async def test_that_time_went_by_is_noted_after_a_while(catalog: Catalog) -> None:
    cursor = PollCursor(NAME, catalog.intake)
    await cursor.move(FIRST)
    await anyio.sleep(NOTE)
    await cursor.move(AGAIN)
    assert await catalog.intake.scan(NAME) == AGAIN


@pytest.mark.parametrize(
    "changed",
    [
        replace(AGAIN, scope="t"),
        replace(AGAIN, filter="g"),
        replace(AGAIN, broken_since=LATER, reason="it is down"),
    ],
    ids=["scope", "filter", "broken"],
)
async def test_whatever_else_changed_is_noted_at_once(catalog: Catalog, changed: Scan) -> None:
    cursor = PollCursor(NAME, catalog.intake)
    await cursor.move(FIRST)
    await cursor.move(changed)
    assert await catalog.intake.scan(NAME) == changed
