"""Many are served by one of them, and nobody depends on whether that one is cancelled."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from anyio.abc import TaskGroup

from reelkeep.batcher import Batcher
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class Doubling:
    """Doubles what it is asked for, once `go` is set; odd tens are errors."""

    def __init__(self) -> None:
        self.go = anyio.Event()
        self.batches: list[list[int]] = []

    async def __call__(self, asked: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(asked))
        await self.go.wait()
        return [ValueError(each) if each % 20 == 10 else 2 * each for each in asked]


class Asking:
    """Callers of one batcher, their answers and their cancel scopes."""

    def __init__(self, batcher: Batcher[int, int]) -> None:
        self._batcher = batcher
        self.answers: dict[int, int | Exception] = {}
        self.scopes: dict[int, anyio.CancelScope] = {}

    async def by(self, group: TaskGroup, *wanted: int) -> None:
        """Let callers come in one turn of the loop, and get as far as they can."""
        for each in wanted:
            group.start_soon(self, each)
        await anyio.wait_all_tasks_blocked()

    async def __call__(self, wanted: int) -> None:
        with anyio.CancelScope() as self.scopes[wanted]:
            try:
                self.answers[wanted] = await self._batcher(wanted)
            except ValueError as error:
                self.answers[wanted] = error


async def test_who_comes_at_once_shares_a_batch_and_who_comes_later_the_next() -> None:
    serve = Doubling()
    asking = Asking(Batcher(serve, most=64))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1, 2)
        await asking.by(group, 3)
        await asking.by(group, 4, 5)
        serve.go.set()
    assert serve.batches == [[1, 2], [3, 4, 5]]
    assert asking.answers == {each: 2 * each for each in range(1, 6)}


async def test_no_batch_is_larger_and_no_more_are_served_at_once_than_they_may() -> None:
    serve = Doubling()
    asking = Asking(Batcher(serve, most=2, at_once=2))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1)
        await asking.by(group, 2)
        await asking.by(group, 3, 4, 5, 6)
        assert serve.batches == [[1], [2]]
        serve.go.set()
    assert serve.batches[2:] == [[3, 4], [5, 6]]
    assert len(asking.answers) == 6


async def test_an_error_is_of_one_request_only() -> None:
    serve = Doubling()
    asking = Asking(Batcher(serve, most=64))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1)
        await asking.by(group, 10, 11)
        serve.go.set()
    assert isinstance(asking.answers.pop(10), ValueError)
    assert asking.answers == {1: 2, 11: 22}


async def test_what_the_work_raises_is_raised_at_each_caller_of_the_batch() -> None:
    async def fail(_asked: Sequence[int]) -> list[int | Exception]:
        raise ValueError

    asking = Asking(Batcher(fail, most=64))
    async with anyio.create_task_group() as group:
        for wanted in (1, 2, 3):
            group.start_soon(asking, wanted)
    assert {type(each) for each in asking.answers.values()} == {ValueError}
    assert len(asking.answers) == 3


async def test_when_the_one_that_serves_is_cancelled_another_serves_the_rest() -> None:
    serve = Doubling()
    asking = Asking(Batcher(serve, most=64))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1)
        await asking.by(group, 2, 3, 4)
        asking.scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        asking.scopes[2].cancel()  # it serves all three by now
        await anyio.wait_all_tasks_blocked()
        assert serve.batches == [[1], [2, 3, 4], [3, 4]]
        serve.go.set()
    assert asking.answers == {3: 6, 4: 8}


async def test_a_caller_that_is_cancelled_while_it_waits_is_not_served() -> None:
    serve = Doubling()
    asking = Asking(Batcher(serve, most=64))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1)
        await asking.by(group, 2, 3)
        asking.scopes[2].cancel()
        await anyio.wait_all_tasks_blocked()
        serve.go.set()
    assert serve.batches == [[1], [3]]
    assert asking.answers == {1: 2, 3: 6}


async def test_a_caller_that_is_cancelled_while_another_serves_it_is_not_served_again() -> None:
    serve = Doubling()
    asking = Asking(Batcher(serve, most=64))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1)
        await asking.by(group, 2, 3)
        asking.scopes[1].cancel()
        await anyio.wait_all_tasks_blocked()
        assert serve.batches[-1] == [2, 3]
        asking.scopes[3].cancel()
        await anyio.wait_all_tasks_blocked()
        asking.scopes[2].cancel()
    assert serve.batches == [[1], [2, 3]]
    assert asking.answers == {}


async def test_the_next_one_serves_if_the_one_that_was_to_serve_is_cancelled() -> None:
    """Both in one turn of the loop: it was woken, and never came to it."""
    serve = Doubling()
    asking = Asking(Batcher(serve, most=1))
    async with anyio.create_task_group() as group:
        await asking.by(group, 1)
        await asking.by(group, 2, 3)
        asking.scopes[1].cancel()
        asking.scopes[2].cancel()
        await anyio.wait_all_tasks_blocked()
        serve.go.set()
    assert asking.answers == {3: 6}
