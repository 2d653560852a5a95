"""Meeting numbers as people write them."""

from __future__ import annotations

import pytest

from reelkeep.core.quantities import meeting_number, with_numbers_joined


@pytest.mark.parametrize(
    "text",
    ["88135198633", "881 3519 8633", "881-3519-8633", " 881\u00a03519\u20138633 ", "881 3519-8633"],
)
def test_spaces_and_dashes_do_not_matter(text: str) -> None:
    assert meeting_number(text) == "88135198633"


@pytest.mark.parametrize(
    "text", ["", " - ", "8813519863a", "kwPoX6bTS4uWBYwmEpzBvA==", "1" * 21, "٣"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert meeting_number(text) is None


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["881", "3519", "8633"], ["88135198633"]),
        (["88135198633"], ["88135198633"]),
        (["881", "352"], ["881", "352"]),
        (["0123456789abcdef", "881"], ["0123456789abcdef", "881"]),
        ([], []),
    ],
)
def test_the_groups_of_a_number_are_one_word(words: list[str], joined: list[str]) -> None:
    assert with_numbers_joined(words) == joined
