"""Both ways to ask: on connections of aiohttp's pool, and on connections of our own."""

from __future__ import annotations

import pytest


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each GET have a connection of its own."""
    monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", 0)


@pytest.fixture(params=["pooled", "direct"])
def way(request: pytest.FixtureRequest) -> str:
    """How is asked: each test runs in both ways."""
    chosen: str = request.param
    if chosen == "direct":
        request.getfixturevalue("direct")
    return chosen
