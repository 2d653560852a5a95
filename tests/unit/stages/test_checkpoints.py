"""When what came is made durable."""

from __future__ import annotations

import anyio
import pytest

from reelkeep.stages.body import CHECKPOINT, CHECKPOINT_AFTER, WORTHWHILE, Checkpoints
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_many_bytes_are_made_durable_at_once() -> None:
    checkpoints = Checkpoints()
    assert not checkpoints.due(CHECKPOINT - 1)
    assert checkpoints.due(CHECKPOINT)


async def test_few_bytes_are_made_durable_after_two_seconds_and_then_after_two_more() -> None:
    checkpoints = Checkpoints()
    await anyio.sleep(CHECKPOINT_AFTER - 0.01)
    assert not checkpoints.due(WORTHWHILE)
    await anyio.sleep(0.02)
    assert not checkpoints.due(WORTHWHILE - 1)
    assert checkpoints.due(WORTHWHILE)
    assert not checkpoints.due(WORTHWHILE)
    await anyio.sleep(CHECKPOINT_AFTER)
    assert checkpoints.due(WORTHWHILE)
