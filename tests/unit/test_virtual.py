"""The virtual event loop that other tests rely on."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from virtual import START, VIRTUAL, Backend, clock


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_years_pass_in_no_time() -> None:
    began = time.monotonic()
    for _ in range(100):
        await anyio.sleep(timedelta(days=30).total_seconds())
    assert clock() - START >= timedelta(days=3_000)
    assert time.monotonic() - began < 60


async def test_sleepers_wake_in_order() -> None:
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await anyio.sleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (30, 10, 20):
            tasks.start_soon(sleep, seconds)
    assert woken == [10, 20, 30]


async def test_a_timeout_does_not_overtake_a_thread() -> None:
    with anyio.fail_after(1):
        await anyio.to_thread.run_sync(time.sleep, 0.02)
    assert clock() == START


async def test_a_timeout_does_not_overtake_a_file(tmp_path: Path) -> None:
    with anyio.fail_after(1):
        await anyio.Path(tmp_path / "file").write_text("text")
    assert clock() == START


async def test_a_timeout_ends_what_waits_for_nothing() -> None:
    with anyio.move_on_after(3_600):
        await anyio.Event().wait()
    assert clock() - START == timedelta(hours=1)
