"""Recordings as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from fakes.holdings import held_file, holding
from reelkeep.cli.export import HEAD, lines
from reelkeep.cli.recording_json import recording
from reelkeep.core.model import Holding


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
