from __future__ import annotations

import gc
from collections.abc import Iterator

import anyio
import pytest

from reelkeep.cli.loop import run_in_loop


@pytest.fixture
def starting() -> Iterator[None]:
    """As `cli.main` begins: nothing is searched for garbage."""
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


async def collecting(pause: float | None) -> bool:
    if pause is not None:
        await anyio.sleep(pause)
    return gc.isenabled()


def test_what_a_command_imports_before_its_first_pause_is_not_searched(starting: None) -> None:
    assert not run_in_loop(collecting, None)


def test_a_command_at_work_has_its_garbage_collected(starting: None) -> None:
    assert run_in_loop(collecting, 0)


def test_nothing_is_frozen_twice(starting: None) -> None:
    """What was garbage by then would stay for ever."""
    run_in_loop(collecting, 0)
    frozen = gc.get_freeze_count()
    run_in_loop(collecting, 0)
    assert gc.get_freeze_count() <= frozen
