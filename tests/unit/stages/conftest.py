"""Seams are for `test_seam.py`; elsewhere a resume asks for nothing before what is missing."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def seam(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.module.__name__.rpartition(".")[2] != "test_seam":
        monkeypatch.setattr("reelkeep.core.resume.SEAM", 0)
