"""What is found in a folder, set against what the catalog knows."""

from __future__ import annotations

from fakes.holdings import held_file, holding
from reelkeep.core.integrity import FOLDER_ITSELF, Checked, FolderVerdict, Mark, health


def test_in_a_folder_that_cannot_be_read_nothing_is_missing() -> None:
    """Unknown is not absent."""
    closed = Checked(FOLDER_ITSELF, Mark.UNREADABLE, reason="Permission denied")
    held = holding(held_file("a.mp4", b"a"), held_file("b.mp4", b"b"))
    found = list(health(FolderVerdict(folder="x", checked=(closed,)), held))
    assert {(each.fault, each.reason) for each in found} == {(Mark.UNREADABLE, "Permission denied")}


def test_in_a_folder_that_is_read_what_is_not_there_is_missing() -> None:
    held = holding(held_file("a.mp4", b"a"))
    (found,) = health(FolderVerdict(folder="x"), held)
    assert found.fault is Mark.MISSING
