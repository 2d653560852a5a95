"""Outcomes on their way into the catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import anyio
import pytest

from fakes.holdings import download
from reelkeep.core.model import Failed, HeldFile, Holding, Level, Outcome, Stored
from reelkeep.errors import CatalogError, Unreachable
from reelkeep.stages import publish
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


@dataclass
class Book:
    """A ledger that only writes down, and takes a second for it."""

    batches: list[list[int]] = field(default_factory=list)
    error: Exception | None = None

    async def record(self, outcomes: Sequence[Outcome]) -> None:
        await anyio.sleep(1)
        if self.error is not None:
            raise self.error
        self.batches.append([outcome.download.row for outcome in outcomes])

    async def reclaimed(self, holding: Holding, files: Sequence[HeldFile]) -> None:
        raise NotImplementedError

    async def publishable(self, limit: int) -> Sequence[Holding]:
        raise NotImplementedError(limit)

    async def published(self, done: Sequence[tuple[Holding, str]]) -> None:
        raise NotImplementedError(done)

    async def sweep(self) -> None:
        raise NotImplementedError


@dataclass
class Rings:
    times: int = 0

    def notify(self) -> None:
        self.times += 1


def outcome(row: int, *, failed: bool = False) -> Outcome:
    due = replace(download(), row=row)
    if failed:
        return Failed(download=due, error=Unreachable("x"))
    return Stored(download=due, size=0, sha256="", verified=Level.SIZE, source="", seconds=0.0)


async def recorded(outcomes: Sequence[Outcome], book: Book) -> tuple[int, int]:
    """Record `outcomes`, which are all there at once; return how often was rung for each."""
    done, failed = Rings(), Rings()
    send, receive = anyio.create_memory_object_stream[Outcome](len(outcomes))
    async with send:
        for each in outcomes:
            await send.send(each)
    await publish.run(receive, book, recorded=done, failed=failed)
    return done.times, failed.times


async def test_what_has_come_is_one_transaction() -> None:
    book = Book()
    assert await recorded([outcome(row) for row in range(30)], book) == (1, 0)
    assert book.batches == [list(range(30))]


async def test_a_transaction_has_its_limit() -> None:
    book = Book()
    await recorded([outcome(row) for row in range(850)], book)
    assert [len(batch) for batch in book.batches] == [400, 400, 50]
    assert [row for batch in book.batches for row in batch] == list(range(850))


async def test_a_single_outcome_does_not_wait_for_company() -> None:
    book, send_to = Book(), anyio.create_memory_object_stream[Outcome](10)
    send, receive = send_to
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: publish.run(receive, book, recorded=Rings(), failed=Rings()))
        async with send:
            await send.send(outcome(1))
            await anyio.sleep(1.5)
            assert book.batches == [[1]]


async def test_failures_ring_too_for_they_may_be_due_again() -> None:
    assert await recorded([outcome(1), outcome(2, failed=True)], Book()) == (1, 1)


async def test_a_broken_catalog_stops_everything() -> None:
    with pytest.raises(CatalogError):
        await recorded([outcome(1)], Book(error=CatalogError("x")))
