"""The soak, as long as a test suite may take; `make soak` has more of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.kills import kills

KILLS = 8


@pytest.mark.prove
@pytest.mark.timeout(1800)  # a busy machine takes its time
async def test_the_daemon_survives_kills_at_random_moments(tmp_path: Path) -> None:
    said = await kills(tmp_path, seed=7, times=KILLS)
    assert said.startswith(f"{KILLS} kills survived")
