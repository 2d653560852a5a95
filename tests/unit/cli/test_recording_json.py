from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.holdings import held_file, holding
from reelkeep.cli.recording_json import recording
from reelkeep.core.model import HeldFile


def shown(file: HeldFile) -> dict[str, Any]:
    (found,) = recording(holding(file), Path("archive"))["files"]
    assert isinstance(found, dict)
    return found


def lacking(state: str, reason: str, detail: str | None = None) -> HeldFile:
    return replace(held_file("a.mp4", b""), state=state, reason=reason, detail=detail)


@pytest.mark.parametrize("state", ["failed", "gone", "due"])
def test_a_failure_has_a_code_and_a_sentence(state: str) -> None:
    found = shown(lacking(state, "not_found", "the host does not know it"))
    assert (found["code"], found["reason"]) == ("not_found", "the host does not know it")


@pytest.mark.parametrize("state", ["skipped", "waived"])
def test_a_decision_has_a_sentence_and_no_code(state: str) -> None:
    """Also where the file had failed before."""
    found = shown(lacking(state, "waived by the operator", "the host does not know it"))
    assert (found["code"], found["reason"]) == (None, "waived by the operator")


def test_a_stored_file_has_neither() -> None:
    found = shown(held_file("a.mp4", b"x"))
    assert (found["code"], found["reason"]) == (None, None)
