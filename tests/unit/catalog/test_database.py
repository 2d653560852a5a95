"""While the catalog's disk fails, transactions wait, and it is said once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import anyio
import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import OperationalError

from fakes.log import RecordedLog
from fakes.provider import NAME, FakeProvider, many, traits
from fakes.rig import Rig, whole
from fakes.transport import Answer
from reelkeep.app.monitor import Monitor
from reelkeep.app.pipeline import Pipeline
from reelkeep.catalog.database import LOOK_AGAIN, Outage, translated
from reelkeep.catalog.tables import attempt, file
from reelkeep.core.model import Failed, Level, Stored
from reelkeep.errors import CatalogError, CatalogUnavailable, Unreachable
from reelkeep.ports import Request
from reelkeep.telemetry.conditions import Conditions
from reelkeep.telemetry.notify import Notifier
from virtual import VIRTUAL, Backend

T = TypeVar("T")
PAUSE = LOOK_AGAIN.total_seconds()


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Disk:
    """A hop to a catalog whose disk is full as long as somebody says so."""

    def __init__(self) -> None:
        self.is_full = False

    async def __call__(self, work: Callable[[], T], /) -> T:
        if self.is_full:
            raise CatalogUnavailable("database or disk is full")
        return work()


class Unsure:
    """A hop to a catalog that commits, and says `doubts` times that it could not."""

    def __init__(self) -> None:
        self.doubts = 0

    async def __call__(self, work: Callable[[], T], /) -> T:
        found = work()
        if self.doubts:
            self.doubts -= 1
            raise CatalogUnavailable("disk I/O error")
        return found


class Failing:
    """A transaction that fails until `at` on the loop's clock."""

    def __init__(self, at: float, error: CatalogError | None = None) -> None:
        self._at = at
        self._error = error or CatalogUnavailable("database or disk is full")

    async def __call__(self) -> str:
        if anyio.current_time() < self._at:
            raise self._error
        return "done"


@pytest.mark.parametrize(
    ("code", "passes"),
    [
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_READONLY_DBMOVED, True),
        (sqlite3.SQLITE_IOERR_FSYNC, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_NOMEM, True),
        (sqlite3.SQLITE_CORRUPT, False),
        (sqlite3.SQLITE_NOTADB, False),
        (sqlite3.SQLITE_ERROR, False),
    ],
)
def test_what_sqlite_says_of_the_disk_may_pass(code: int, passes: bool) -> None:
    said = sqlite3.OperationalError("what SQLite says")
    said.sqlite_errorcode = code
    error = translated(OperationalError("", {}, said), "the catalog cannot be used")
    assert isinstance(error, CatalogUnavailable) is passes


async def test_a_transaction_is_repeated_until_it_is_durable_and_that_is_said_once() -> None:
    log = RecordedLog()
    outage = Outage(log)
    assert await outage.outlast(Failing(3 * PAUSE), writes=True) == "done"
    assert log.named("catalog.unavailable") == [{"reason": "database or disk is full"}]
    assert log.named("catalog.available") == [{"seconds": 3 * PAUSE}]
    assert outage.reason is None


async def test_it_is_not_over_while_one_transaction_finds_no_room() -> None:
    log = RecordedLog()
    outage = Outage(log)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: outage.outlast(Failing(4 * PAUSE), writes=True))
        await anyio.sleep(PAUSE)
        for writes in (True, False):
            await outage.outlast(Failing(0), writes=writes)
        assert outage.reason is not None
    assert log.count("catalog.unavailable", "catalog.available") == [1, 1]


async def test_a_read_does_not_end_it_when_the_writer_was_cancelled() -> None:
    log = RecordedLog()
    outage = Outage(log)
    with anyio.move_on_after(1):
        await outage.outlast(Failing(60), writes=True)
    await outage.outlast(Failing(0), writes=False)
    assert log.count("catalog.available") == [0]
    await outage.outlast(Failing(0), writes=True)
    assert log.count("catalog.unavailable", "catalog.available") == [1, 1]


async def test_a_broken_catalog_is_not_waited_for() -> None:
    with pytest.raises(CatalogError, match="malformed"):
        await Outage(RecordedLog()).outlast(
            Failing(60, CatalogError("the database is malformed")), writes=True
        )


async def test_a_process_that_is_to_end_waits_for_one_more_try_at_most() -> None:
    outage = Outage(RecordedLog())

    async def wait() -> None:
        with pytest.raises(CatalogUnavailable):
            await outage.outlast(Failing(3600), writes=True)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(1)
        outage.stop_waiting()
    assert anyio.current_time() <= PAUSE


async def test_outcomes_of_a_commit_that_was_done_and_seemed_to_fail_are_recorded_once() -> None:
    unsure, provider = Unsure(), FakeProvider()
    rig = Rig(provider, hop=unsure, outlast=Outage(RecordedLog()).outlast)
    await rig.resources.intake.admit(NAME, provider.traits, many(2))
    one, two = (each.downloads[0] for each in await rig.resources.queue.claim(NAME, 100))
    good = Stored(download=one, size=10, sha256="0" * 64, verified=Level.SIZE, source="", seconds=1)
    unsure.doubts = 1
    await rig.resources.ledger.record([good, Failed(download=two, error=Unreachable("hung up"))])

    def work(connection: Connection) -> tuple[list[tuple[str, int]], int]:
        files = connection.execute(select(file.c.state, file.c.tries).order_by(file.c.row))
        tries = connection.execute(select(func.count()).select_from(attempt)).scalar_one()
        return [(row.state, row.tries) for row in files], tries

    assert await rig.database.read(work) == ([("stored", 0), ("due", 1)], 1)


async def test_nothing_is_told_or_begun_before_it_is_recorded_and_nothing_is_lost() -> None:
    provider, disk, log = FakeProvider(traits=traits(acknowledges=True)), Disk(), RecordedLog()
    provider.hold(*many(5))
    outage = Outage(log)

    def fill(request: Request) -> Answer:
        disk.is_full = anyio.current_time() < 60
        return whole(request)

    rig = Rig(provider, script=fill, hop=disk, outlast=outage.outlast)
    pipeline = Pipeline(rig.resources, rig.names, polls=True)
    attendant = Monitor(rig.resources, pipeline, Conditions(rig.log), Notifier({}, pid=1), outage)

    async def steer() -> None:
        await anyio.sleep(3600)
        assert rig.log.count("file.stored", "recording.acknowledged") == [0, 0]
        assert await attendant.reasons() == ["nothing can be recorded: database or disk is full"]
        disk.is_full = False
        await anyio.sleep(600)

    await pipeline.run(steer)
    assert log.count("catalog.unavailable", "catalog.available") == [1, 1]
    assert rig.log.count("file.stored", "file.retry", "file.failed") == [5, 0, 0]
    assert len(rig.requests.requests) == 5
    assert len(rig.log.named("recording.acknowledged")) == 5
