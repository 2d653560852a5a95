from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.holdings import held_file, holding
from reelkeep.cli.export import HEAD, lines, recording
from reelkeep.core.model import HeldFile, Holding


def rows(held: Holding) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(HEAD + lines(recording(held, Path("/archive"))))))


def test_each_file_has_a_line() -> None:
    held = holding(held_file("a.mp4", b"x"), held_file("b.vtt", b"yz"), folder="s/f")
    first, second = rows(held)
    assert (first["recording"], first["file"], first["bytes"]) == ("4711", "a.mp4", "1")
    assert second["path"] == "/archive/s/f/b.vtt"
    assert second["sha256"] == held.files[1].sha256


def test_a_recording_without_files_has_a_line() -> None:
    (row,) = rows(holding())
    assert (row["recording"], row["file"]) == ("4711", "")


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_text_of_a_provider_is_a_formula(title: str) -> None:
    from dataclasses import replace

    (row,) = rows(replace(holding(), title=title))
    assert row["title"] == f"'{title}"


def test_commas_quotes_and_lines_stay_within_their_cell() -> None:
    from dataclasses import replace

    (row,) = rows(replace(holding(), title='a,"b"\nc\x1b[31m'))
    assert row["title"].startswith('a,"b"')
    assert "\x1b" not in row["title"]


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
