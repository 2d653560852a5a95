"""What the catalog costs: statements a batch, and no query that reads a whole table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from fakes.catalog import NAME, Catalog, failed, many, open_catalog, stored, without
from reelkeep.catalog.operator import Selection
from reelkeep.catalog.remaining_work import look
from reelkeep.core.model import Download, ProviderName, RecordingId, Window
from reelkeep.errors import Unreachable

NAMES = [NAME, ProviderName("support")]
WEEK = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))
GROWING = {"recording", "file", "attempt"}
SHORT = "USING INDEX recording_behind"  # holds only what is to be published


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement that was executed, with its parameters (the first set of many)."""

    sql: str
    parameters: Any


@contextmanager
def statements(catalog: Catalog) -> Iterator[list[Statement]]:
    """Note what is executed, but for beginnings and marks of transactions."""
    found: list[Statement] = []

    def note(_c: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, more: bool) -> None:
        if not sql.startswith(("BEGIN", "PRAGMA user_version")):
            found.append(Statement(sql, parameters[0] if more else parameters))

    event.listen(catalog.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(catalog.engine, "before_cursor_execute", note)


def plan(catalog: Catalog, statement: Statement) -> list[str]:
    with catalog.engine.connect() as connection:
        asked = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters
        )
        return [row[-1] for row in asked]


def whole_tables(catalog: Catalog, done: list[Statement]) -> list[str]:
    """Return the steps that read all of a table that grows."""
    return [
        f"{step}: {statement.sql}"
        for statement in done
        for step in plan(catalog, statement)
        if step.startswith("SCAN") and step.split()[1] in GROWING and SHORT not in step
    ]


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    """A catalog with recordings in every state."""
    opened = open_catalog(f"sqlite:///{tmp_path}/catalog.db")
    recordings = many(60)
    await opened.admit(*recordings[:20])
    await opened.store_all()
    await opened.intake.acknowledged(NAME, [found.id for found in recordings[:10]], [])
    await opened.admit(*recordings[20:])
    claims = await opened.queue.claim(NAME, 15)
    down = Unreachable("the line is dead")
    await opened.ledger.record([failed(each, down) for c in claims for each in c.downloads[:1]])
    yield opened
    await opened.database.close()


async def test_500_recordings_that_are_known_cost_one_query() -> None:
    catalog = open_catalog()
    await catalog.admit(*many(500))
    catalog.restart()
    with statements(catalog) as done:
        await catalog.admit(*many(500))
    assert len(done) == 1


async def test_recordings_that_this_process_admitted_cost_nothing() -> None:
    catalog = open_catalog()
    await catalog.admit(*many(500))
    with statements(catalog) as done:
        await catalog.admit(*many(500))
    assert done == []


@pytest.mark.parametrize(
    "second",
    [many(500, first=500), [replace(found, title="renamed") for found in many(500)]],
    ids=["new", "changed"],
)
async def test_500_recordings_cost_a_handful_of_statements(second: list[Any]) -> None:
    catalog = open_catalog()
    await catalog.admit(*many(500))
    with statements(catalog) as done:
        await catalog.admit(*second)
    assert len(done) <= 10


async def test_a_claim_of_100_recordings_costs_three_statements() -> None:
    catalog = open_catalog()
    await catalog.admit(*many(100))
    with statements(catalog) as done:
        assert len(await catalog.queue.claim(NAME, 100)) == 100
    assert len(done) == 3


async def test_outcomes_of_200_files_cost_a_handful_of_statements() -> None:
    catalog = open_catalog()
    await catalog.admit(*many(100))
    outcomes = [stored(each) for each in (await catalog.claim_all()).values()]
    with statements(catalog) as done:
        await catalog.ledger.record(outcomes)
    assert len(done) <= 8


async def test_publishing_100_recordings_costs_a_handful_of_statements() -> None:
    catalog = open_catalog()
    await catalog.admit(*many(100))
    await catalog.ledger.record([stored(each) for each in (await catalog.claim_all()).values()])
    with statements(catalog) as done:
        assert len(await catalog.publish()) == 100
    assert len(done) <= 8


async def outlook(catalog: Catalog) -> None:
    await look(catalog.database, catalog.clock, names=NAMES, telling=NAMES)


async def admit(catalog: Catalog) -> None:
    catalog.restart()
    await catalog.admit(*many(100))


async def record(catalog: Catalog) -> None:
    claims = await catalog.queue.claim(NAME, 5)
    taken: list[Download] = [each for claim in claims for each in claim.downloads]
    halves = taken[::2], taken[1::2]
    down = Unreachable("the line is dead")
    await catalog.ledger.record([*map(stored, halves[0]), *(failed(d, down) for d in halves[1])])


ASKED: dict[str, Callable[[Catalog], Awaitable[Any]]] = {
    "admit": admit,
    "refilter": lambda c: c.intake.refilter(NAME, without("VTT")),
    "watch": lambda c: c.intake.watch(NAME, timedelta(days=7)),
    "transcodable": lambda c: c.intake.transcodable(NAME, 500),
    "acknowledgeable": lambda c: c.intake.acknowledgeable(NAME, 500),
    "acknowledged": lambda c: c.intake.acknowledged(NAME, [RecordingId("r11")], []),
    "claim": lambda c: c.queue.claim(NAME, 100),
    "next_due": lambda c: c.queue.next_due(NAME),
    "recover": lambda c: c.queue.recover(),
    "record": record,
    "publish": lambda c: c.publish(),
    "sweep": lambda c: c.ledger.sweep(),
    "outlook": outlook,
    "find": lambda c: c.operator.find("r11"),
    "page": lambda c: c.operator.listing(after=10, limit=10),
    "numbered": lambda c: c.operator.numbered("88135198633"),
    "keyed": lambda c: c.operator.numbered("case-77"),
    "list by number": lambda c: c.operator.newest(selection=Selection(number="88135198633")),
    "list by number and provider": lambda c: c.operator.newest(
        names=[NAME], selection=Selection(number="88135198633")
    ),
    "list by day": lambda c: c.operator.newest(selection=Selection(began=WEEK)),
    "known": lambda c: c.operator.known(NAME, [RecordingId("r11"), RecordingId("r12")]),
    "failed": lambda c: c.operator.listing(names=[NAME], states=["failed", "gone"]),
    "attempts": lambda c: c.operator.attempts([1, 2, 3]),
    "waive": lambda c: c.decisions.waive([50, 51]),
}


@pytest.mark.parametrize("name", ASKED)
async def test_no_table_is_read_whole(catalog: Catalog, name: str) -> None:
    with statements(catalog) as done:
        await ASKED[name](catalog)
    assert done
    assert whole_tables(catalog, done) == []


async def test_a_list_reads_no_more_than_it_shows(catalog: Catalog) -> None:
    """A page of the newest, and of a few days, comes in order from an index."""
    (last,) = await catalog.operator.newest(limit=1)
    with statements(catalog) as done:
        await catalog.operator.newest(before=last)
        await catalog.operator.newest(selection=Selection(began=WEEK))
        await catalog.operator.newest(names=[NAME], before=last)
    asked = [each for each in done if "ORDER BY began" in each.sql or "began DESC" in each.sql]
    steps = [step for each in asked for step in plan(catalog, each) if "recording_began" in step]
    assert len(asked) == 3
    assert steps
    assert all("INDEX recording_began (provider=? AND <expr>" in step for step in steps)


async def test_a_number_is_found_by_its_index(catalog: Catalog) -> None:
    with statements(catalog) as done:
        await ASKED["list by number and provider"](catalog)
    assert "INDEX recording_number (meeting_id=?)" in plan(catalog, done[0])[0]


@pytest.mark.parametrize("name", ["claim", "next_due", "sweep", "publish", "acknowledgeable"])
async def test_what_is_asked_all_the_time_is_found_in_order(catalog: Catalog, name: str) -> None:
    """A sort would read the whole backlog for the few that are wanted."""
    with statements(catalog) as done:
        await ASKED[name](catalog)
    of_recordings = [statement for statement in done if "FROM recording" in statement.sql]
    steps = [step for statement in of_recordings for step in plan(catalog, statement)]
    assert [s for s in steps if "TEMP B-TREE FOR ORDER BY" in s] == []


async def test_what_is_deleted_soon_is_found_by_its_deadline(catalog: Catalog) -> None:
    with statements(catalog) as done:
        await catalog.intake.watch(NAME, timedelta(days=7))
    found = [step for each in done for step in plan(catalog, each) if "recording_urgency" in step]
    assert len(found) == 2
    assert all("(provider=? AND state=? AND deadline<?)" in step for step in found)


async def test_the_next_file_of_a_backlog_is_found_by_its_time(catalog: Catalog) -> None:
    with statements(catalog) as done:
        await outlook(catalog)
    asked = [each for each in done if "ORDER BY file.due_at" in each.sql]
    assert len(asked) == 2
    for each in asked:
        assert plan(catalog, each)[0].startswith("SEARCH file USING")
        assert "file_due (state=? AND due_at>?)" in plan(catalog, each)[0]
