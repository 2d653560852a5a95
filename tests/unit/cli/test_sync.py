from __future__ import annotations

from typing import Any

import pytest

from reelkeep.cli.sync import Circumstances, leftovers
from reelkeep.core.lifecycle import FileState, RecordingState


def line(**counts: int) -> dict[str, Any]:
    """Return what the status says of a provider with so many files and recordings in states."""
    files = {state.value: counts.get(state.value, 0) for state in FileState}
    return {
        "files": files,
        "recordings": {state.value: counts.get(state.value, 0) for state in RecordingState},
        "pending": files["due"] + files["active"],
    }


def test_what_is_archived_is_done() -> None:
    done = line(stored=9, skipped=2, waived=1, archived=2, acknowledged=1)
    assert leftovers([done], Circumstances()) == []


def test_a_recording_that_is_only_open_for_late_files_is_done() -> None:
    assert leftovers([line(stored=3, open=1)], Circumstances()) == []


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"failed": 1}, "1 file failed"),
        ({"gone": 2}, "2 files deleted at the provider before being downloaded"),
        ({"due": 1}, "1 file is pending"),
        ({"due": 1, "active": 2}, "3 files are pending"),
        ({"waiting": 1}, "1 recording is still being processed by the provider"),
        ({"incomplete": 4}, "4 recordings are incomplete"),
    ],
)
def test_what_is_not_done_is_said(counts: dict[str, int], said: str) -> None:
    assert leftovers([line(**counts), line()], Circumstances()) == [said]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (Circumstances(broken={"a": "no"}), "a could only be read in part: no"),
        (Circumstances(cut_short=True), "time limit reached"),
        (Circumstances(stopped=True), "the pass was stopped by a signal"),
        (Circumstances(unpublished=2), "2 recordings could not be published into the archive"),
        (Circumstances(untold=True), "not all archived recordings could be acknowledged"),
    ],
)
def test_how_a_pass_ended_is_said(how: Circumstances, said: str) -> None:
    assert leftovers([line()], how) == [said]


def test_files_of_all_providers_are_counted_together() -> None:
    assert leftovers([line(due=1), line(due=2)], Circumstances()) == ["3 files are pending"]
