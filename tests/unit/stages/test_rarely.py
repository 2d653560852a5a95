from __future__ import annotations

import anyio
import pytest

from reelkeep.stages.discovery import RepeatTimer
from virtual import VIRTUAL, Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return VIRTUAL


async def test_what_was_never_done_is_due() -> None:
    assert RepeatTimer(10.0).due


async def test_what_was_done_is_due_again_after_its_time() -> None:
    rarely = RepeatTimer(10.0)
    rarely.done()
    await anyio.sleep(9.9)
    assert not rarely.due
    await anyio.sleep(0.1)
    assert rarely.due
