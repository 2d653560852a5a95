"""A commit that was done and seemed to fail is not done again, and loses nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Engine, select

from fakes.catalog import NAME, Catalog, inline, many, open_catalog
from fakes.log import RecordedLog
from fakes.provider import FakeProvider, traits
from fakes.provider import many as recordings
from fakes.rig import Rig
from reelkeep.app.pipeline import Pipeline
from reelkeep.catalog.checks import SqlChecks
from reelkeep.catalog.database import Database, Outage, at_once
from reelkeep.catalog.queue import SqlQueue
from reelkeep.catalog.tables import file, milestone
from reelkeep.errors import CatalogUnavailable
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return open_catalog(f"sqlite:///{tmp_path}/catalog.db")


def doubt(engine: Engine, monkeypatch: pytest.MonkeyPatch, *, is_done: bool) -> None:
    """Let the next commit fail, as by a flush that failed, though it may be done."""
    commit = engine.dialect.do_commit

    def fail(connection: Any) -> None:
        monkeypatch.setattr(engine.dialect, "do_commit", commit)
        if is_done:
            commit(connection)
        raise io_error()

    monkeypatch.setattr(engine.dialect, "do_commit", fail)


def io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


def patient(catalog: Catalog) -> Database:
    return catalog.database.patient(Outage(RecordedLog()).outlast)


def states(catalog: Catalog) -> list[str]:
    with catalog.engine.connect() as connection:
        return list(connection.execute(select(file.c.state)).scalars())


@pytest.mark.parametrize("is_done", [False, True])
async def test_a_claim_is_held_by_whoever_made_it(
    catalog: Catalog,
    monkeypatch: pytest.MonkeyPatch,
    is_done: bool,
) -> None:
    """Before, the files stayed active, and nobody had them, until the next start."""
    await catalog.admit(*many(3))
    doubt(catalog.engine, monkeypatch, is_done=is_done)
    claims = await SqlQueue(patient(catalog), catalog.clock).claim(NAME, 100)
    claimed = [download for claim in claims for download in claim.downloads]
    assert states(catalog) == ["active"] * len(claimed) == ["active"] * 6


async def test_it_is_done_again_if_another_process_wrote_in_between(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can tell then."""
    tried: list[int] = []

    def work(connection: Any) -> None:
        if tried:
            return
        tried.append(1)
        values = {"name": "x", "at": catalog.clock()}
        connection.execute(milestone.insert().values(values))

    async def interrupted(transaction: Callable[[], Any], *, writes: bool) -> Any:
        del writes
        with pytest.raises(CatalogUnavailable):
            await transaction()
        other = Database(catalog.engine, inline)
        await SqlChecks(other, catalog.clock, RecordedLog()).keep_moment("y", catalog.clock())
        tried.append(2)
        return await transaction()

    doubt(catalog.engine, monkeypatch, is_done=True)
    await catalog.database.patient(interrupted).write(work)
    assert tried == [1, 2]


async def test_what_changes_nothing_leaves_no_mark(catalog: Catalog) -> None:
    def mark() -> int:
        with catalog.engine.connect() as connection:
            return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())

    await catalog.admit(*many(1))
    before = mark()
    assert await catalog.queue.claim(NAME, 0) == []
    await catalog.queue.recover()
    assert mark() == before != 0


async def life(
    outage: Outage | None, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[tuple[str, str]], list[str], int]:
    """Return what is said in two hours in which five recordings are archived, what is asked, and
    how many commits seemed to fail; every second one does, with an `outage`."""
    provider, commits = FakeProvider(traits=traits(acknowledges=True)), count()
    provider.hold(*recordings(5))
    rig = Rig(provider, outlast=at_once if outage is None else outage.outlast)
    dialect = rig.engine.dialect
    commit = dialect.do_commit

    def doubtful(connection: Any) -> None:
        commit(connection)
        if next(commits) % 2 == 0:
            raise io_error()

    with monkeypatch.context() as patch:
        if outage is not None:
            patch.setattr(dialect, "do_commit", doubtful)
        pipeline = Pipeline(rig.resources, rig.names, polls=True)
        await pipeline.run(lambda: anyio.sleep(7200))
    said = [
        (event, str(keys.get("recording")))
        for event, keys in rig.log.events
        if event.startswith(("recording.", "file."))
    ]
    return sorted(said), sorted(each.url for each in rig.requests.requests), next(commits)


async def test_a_life_in_which_commits_seem_to_fail_is_as_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is fetched twice, and nothing that is said once is said twice, or not at all."""
    *doubted, commits = await life(Outage(RecordedLog()), monkeypatch)
    *plain, _ = await life(None, monkeypatch)
    assert doubted == plain
    assert commits > 20
