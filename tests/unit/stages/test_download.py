"""The pool of workers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import pytest

from fakes.holdings import download
from reelkeep.core.model import Download, Failed, Level, Outcome, Stored
from reelkeep.stages import download as pool
from virtual import VIRTUAL, Backend

Fetch = Callable[[Download], Awaitable[Outcome]]


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


def done(due: Download) -> Stored:
    return Stored(download=due, size=0, sha256="", verified=Level.SIZE, source="", seconds=0.0)


async def worked(fetch: Fetch, *, files: int, workers: int) -> list[Outcome]:
    """Return what comes out of the pool for so many files."""
    send, downloads = anyio.create_memory_object_stream[Download](0)
    outcomes, receive = anyio.create_memory_object_stream[Outcome](1000)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: pool.run(downloads, outcomes, fetch=fetch, workers=workers))
        async with send:
            for row in range(files):
                await send.send(replace(download(), row=row))
    async with receive:
        return [outcome async for outcome in receive]


async def test_no_more_than_workers_run_at_once_and_nothing_is_lost() -> None:
    running, most = 0, 0

    async def fetch(due: Download) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(1 + due.row % 3)
        running -= 1
        return done(due)

    outcomes = await worked(fetch, files=20, workers=4)
    assert most == 4
    assert sorted(outcome.download.row for outcome in outcomes) == list(range(20))


async def test_a_bug_met_by_one_file_is_its_outcome_and_no_more() -> None:
    async def fetch(due: Download) -> Outcome:
        if due.row == 1:
            raise ZeroDivisionError
        return done(due)

    outcomes = await worked(fetch, files=3, workers=1)
    assert [isinstance(outcome, Failed) for outcome in outcomes] == [False, True, False]
    assert isinstance(outcomes[1], Failed)
    assert isinstance(outcomes[1].error, ZeroDivisionError)


async def test_an_outcome_that_is_there_is_handed_on_even_when_all_is_stopped() -> None:
    """The file is durable by then: the catalog shall hear of it."""
    send, downloads = anyio.create_memory_object_stream[Download](1)
    outcomes, receive = anyio.create_memory_object_stream[Outcome](0)
    finished = anyio.Event()

    async def fetch(due: Download) -> Outcome:
        finished.set()
        return done(due)

    async def stop(scope: anyio.CancelScope) -> None:
        await finished.wait()
        scope.cancel()

    async def work() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(stop, scope)
                await pool.run(downloads, outcomes, fetch=fetch, workers=1)

    async with send, receive, anyio.create_task_group() as group:
        await send.send(download())
        group.start_soon(work)
        await anyio.sleep(1)
        assert (await receive.receive()).download == download()


async def test_a_stopped_transfer_has_no_outcome() -> None:
    send, downloads = anyio.create_memory_object_stream[Download](1)
    outcomes, receive = anyio.create_memory_object_stream[Outcome](10)

    async def fetch(_: Download) -> Outcome:
        await anyio.sleep_forever()
        raise AssertionError

    async with send, receive:
        await send.send(download())
        with anyio.move_on_after(1):
            await pool.run(downloads, outcomes, fetch=fetch, workers=2)
        assert [outcome async for outcome in receive] == []
