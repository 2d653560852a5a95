"""What is noted of a part on the way, as good as the kernel's cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelkeep.archive.note import Note
from reelkeep.core.coverage import Claim
from reelkeep.disk import Disk


def claim(number: int, start: int, at: int) -> Claim:
    return Claim(number=number, start=start, end=1 << 40, at=at, reach=at)


def noted(path: Path, *claims: Claim) -> None:
    note = Note(Disk(), path)
    note.begin()
    for each in claims:
        note.put(each)
    note.close()


def test_the_last_word_of_each_claim_counts(tmp_path: Path) -> None:
    path = tmp_path / "note"
    noted(path, claim(0, 0, 10), claim(2, 100, 150), claim(0, 0, 20))
    assert Note(Disk(), path).load() == [(0, 20), (100, 150)]


def test_a_claim_that_brought_nothing_is_none(tmp_path: Path) -> None:
    path = tmp_path / "note"
    noted(path, claim(0, 7, 7))
    assert Note(Disk(), path).load() == []


def test_without_a_note_nothing_is_known(tmp_path: Path) -> None:
    assert Note(Disk(), tmp_path / "note").load() == []


def test_beginning_again_forgets_what_was_noted(tmp_path: Path) -> None:
    path = tmp_path / "note"
    noted(path, claim(0, 0, 10), claim(1, 50, 60))
    noted(path, claim(1, 50, 70))
    assert Note(Disk(), path).load() == [(50, 70)]


@pytest.mark.parametrize("place", range(32))
def test_a_slot_that_is_not_sound_is_left_out(tmp_path: Path, place: int) -> None:
    path = tmp_path / "note"
    noted(path, claim(0, 5, 10), claim(1, 50, 60))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    expected = [(50, 60)] if place < 20 else [(5, 10), (50, 60)]  # behind it is padding
    assert Note(Disk(), path).load() == expected


def test_a_slot_that_was_cut_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "note"
    noted(path, claim(0, 5, 10), claim(1, 50, 60))
    path.write_bytes(path.read_bytes()[:-1])
    assert Note(Disk(), path).load() == [(5, 10)]


def test_no_slot_lies_in_two_pages(tmp_path: Path) -> None:
    path = tmp_path / "note"
    noted(path, claim(127, 5, 10))
    assert path.stat().st_size == 4096
