"""The pool of workers."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from fakes.holdings import download
from fakes.rig import running
from reelkeep.core.model import Download, Failed, Level, Outcome, Stored
from reelkeep.stages.worker_pool import Fetch, Landed, WorkerPool
from virtual import VIRTUAL, Backend


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
        group.start_soon(lambda: WorkerPool(fetch, workers).run(downloads, outcomes))
        async with send:
            for row in range(files):
                await send.send(replace(download(), row=row))
    async with receive:
        return [outcome async for outcome in receive]


async def test_no_more_than_workers_run_at_once_and_nothing_is_lost() -> None:
    running, most = 0, 0

    async def fetch(due: Download, _landed: Landed) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(1 + due.row % 3)
        running -= 1
        return done(due)

    outcomes = await worked(fetch, files=20, workers=4)
    assert most == 4
    assert sorted(outcome.download.row for outcome in outcomes) == list(range(20))


async def test_a_worker_goes_on_once_its_file_has_landed() -> None:
    ashore, durable = 0, anyio.Event()

    async def fetch(due: Download, landed: Landed) -> Outcome:
        nonlocal ashore
        landed()
        ashore += 1
        if ashore == 5:
            durable.set()
        await durable.wait()
        return done(due)

    outcomes = await worked(fetch, files=5, workers=1)
    assert len(outcomes) == 5


async def test_a_bug_met_by_one_file_is_its_outcome_and_no_more() -> None:
    async def fetch(due: Download, _landed: Landed) -> Outcome:
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

    async def fetch(due: Download, _landed: Landed) -> Outcome:
        finished.set()
        return done(due)

    async def stop(scope: anyio.CancelScope) -> None:
        await finished.wait()
        scope.cancel()

    async def work() -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(stop, scope)
                await WorkerPool(fetch, 1).run(downloads, outcomes)

    async with send, receive, anyio.create_task_group() as group:
        await send.send(download())
        group.start_soon(work)
        await anyio.sleep(1)
        assert (await receive.receive()).download == download()


async def test_a_stopped_transfer_has_no_outcome() -> None:
    send, downloads = anyio.create_memory_object_stream[Download](1)
    outcomes, receive = anyio.create_memory_object_stream[Outcome](10)

    async def fetch(_: Download, _landed: Landed) -> Outcome:
        await anyio.sleep_forever()
        raise AssertionError

    async with send, receive:
        await send.send(download())
        with anyio.move_on_after(1):
            await WorkerPool(fetch, 2).run(downloads, outcomes)
        assert [outcome async for outcome in receive] == []


class Site:
    """A pool at work on files that never end by themselves."""

    def __init__(self, workers: int) -> None:
        self.under_way: dict[int, anyio.Event] = {}
        self.pool = WorkerPool(self._fetch, workers)
        self._send, self._downloads = anyio.create_memory_object_stream[Download](0)
        self._outcomes, self.done = anyio.create_memory_object_stream[Outcome](1000)

    async def _fetch(self, due: Download, _landed: Landed) -> Outcome:
        self.under_way[due.row] = anyio.Event()
        await self.under_way[due.row].wait()
        del self.under_way[due.row]
        return done(due)

    async def forever(self) -> None:
        await self.pool.run(self._downloads, self._outcomes)

    async def feed(self) -> None:
        async with self._send:
            for row in range(1000):
                await self._send.send(replace(download(), row=row))

    def close(self) -> None:
        for stream in (self._send, self._downloads, self._outcomes, self.done):
            stream.close()


async def test_more_workers_begin_at_once() -> None:
    site = Site(2)
    async with running(site.forever, site.feed):
        await anyio.sleep(1)
        assert sorted(site.under_way) == [0, 1]
        site.pool.resize(4)
        await anyio.sleep(1)
        assert sorted(site.under_way) == [0, 1, 2, 3]
    site.close()


async def test_fewer_workers_end_what_they_have_and_take_no_more() -> None:
    site = Site(3)
    async with running(site.forever, site.feed):
        await anyio.sleep(1)
        site.pool.resize(1)
        await anyio.sleep(1)
        assert sorted(site.under_way) == [0, 1, 2]
        for finished in list(site.under_way.values()):
            finished.set()
        await anyio.sleep(1)
        assert sorted(site.under_way) == [3]
    site.close()


async def test_idle_workers_that_are_too_many_leave_and_may_come_back() -> None:
    site = Site(3)
    async with running(site.forever):
        await anyio.sleep(1)
        site.pool.resize(1)
        async with running(site.feed):
            await anyio.sleep(1)
            assert sorted(site.under_way) == [0]
            site.pool.resize(2)
            await anyio.sleep(1)
            assert sorted(site.under_way) == [0, 1]
    site.close()


async def test_a_pool_that_has_ended_hires_nobody() -> None:
    site = Site(1)
    async with running(site.forever):
        await anyio.sleep(1)
    site.pool.resize(5)
    assert site.under_way == {}
    site.close()
