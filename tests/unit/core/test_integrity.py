"""What is found in a folder, set against what the catalog knows."""

from __future__ import annotations

from dataclasses import replace

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


def test_what_was_stored_since_a_folder_was_published_is_not_missing_from_it() -> None:
    """It waits beside the folder while another file of the recording is still to be fetched."""
    early, late = held_file("a.mp4", b"a"), held_file("late.vtt", b"b")
    held = replace(holding(early, late), revision=2, published=1)
    here = Checked("a.mp4", Mark.OK, 1, early.sha256)
    whole = FolderVerdict(folder="x", key="k", checked=(here,))
    assert [(each.row, each.fault) for each in health(whole, held)] == [(early.row, None)]
    (_, found) = health(whole, replace(held, published=2))
    assert (found.row, found.fault) == (late.row, Mark.MISSING)


def test_what_a_folder_claims_and_has_not_is_missing_though_it_is_to_be_published_again() -> None:
    held = replace(holding(held_file("a.mp4", b"a")), revision=2, published=1)
    gone = FolderVerdict(folder="x", key="k", checked=(Checked("a.mp4", Mark.MISSING),))
    assert [each.fault for each in health(gone, held)] == [Mark.MISSING]
    emptied = FolderVerdict(folder="x")
    assert [each.fault for each in health(emptied, held)] == [Mark.MISSING]
