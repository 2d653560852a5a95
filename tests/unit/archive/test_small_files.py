"""Many are served by one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import anyio
import pytest
from anyio.lowlevel import checkpoint

from reelkeep.archive.small_files import Batcher
from reelkeep.archive.threads import Threads
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


class CancellingThreads:
    """Waits for `go`; cancels `scope` just before it works for more than one."""

    def __init__(self, scope: anyio.CancelScope) -> None:
        self._scope = scope
        self.go = anyio.Event()

    async def run(self, work: Callable[..., Any], wishes: Sequence[int]) -> Any:
        await self.go.wait()
        if len(wishes) > 1:
            self._scope.cancel()
        await checkpoint()
        return work(wishes)


async def test_who_is_cancelled_while_serving_others_serves_them_first() -> None:
    scope = anyio.CancelScope()
    threads, served, answers = CancellingThreads(scope), list[Sequence[int]](), list[int]()

    def doubled(wishes: Sequence[int]) -> list[int]:
        served.append(wishes)
        return [2 * wish for wish in wishes]

    batches = Batcher[int, int](cast(Threads, threads), doubled)

    async def ask(wish: int) -> None:
        answers.append(await batches(wish))

    async def ask_and_be_cancelled(wish: int) -> None:
        with scope:
            await ask(wish)

    async with anyio.create_task_group() as group:
        for wish in (1, 2):  # they take both visits
            group.start_soon(ask, wish)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(ask_and_be_cancelled, 3)
        group.start_soon(ask, 4)
        await anyio.wait_all_tasks_blocked()
        threads.go.set()
    assert served[-1] == [3, 4]
    assert 8 in answers
