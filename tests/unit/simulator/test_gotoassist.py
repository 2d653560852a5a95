"""The forms in which recording ids may be sent."""

from __future__ import annotations

from typing import Any

import pytest

from reelkeep.simulator.gotoassist import of_path_or_body, of_query


@pytest.mark.parametrize(
    ("action", "pairs", "form", "numbers"),
    [
        ("urls", [("recordingIds", "1,2")], "csv", [1, 2]),
        ("urls", [("recordingIds", "1"), ("recordingIds", "2")], "repeat", [1, 2]),
        ("urls", [("recordingIds", "1")], "single", [1]),
        ("urls&recordingIds=1", [], "literal", [1]),
        ("urls&recordingIds=1%2C2", [], "literal", [1, 2]),
    ],
)
def test_a_query_names_ids_in_four_forms(
    action: str, pairs: list[tuple[str, str]], form: str, numbers: list[int]
) -> None:
    ids = of_query(action, pairs)
    assert (ids.form, ids.numbers()) == (form, numbers)


@pytest.mark.parametrize(
    ("tail", "body", "form", "numbers"),
    [
        ("1,2", None, "path", [1, 2]),
        ("1%2C2", None, "path", [1, 2]),
        ("", {"recordingIds": [1, 2]}, "body", [1, 2]),
        ("", ["1", "2"], "body", [1, 2]),
    ],
)
def test_a_mark_names_ids_in_two_places(
    tail: str, body: Any, form: str, numbers: list[int]
) -> None:
    ids = of_path_or_body(tail, body)
    assert (ids.form, ids.numbers()) == (form, numbers)


@pytest.mark.parametrize("tail", ["", "1,", "one", "1;2", "٣"])
def test_anything_else_is_no_id(tail: str) -> None:
    with pytest.raises(ValueError, match="recordingIds"):
        of_path_or_body(tail, None).numbers()


@pytest.mark.parametrize(("form", "allowed"), [(None, True), ("csv", True), ("repeat", True)])
def test_a_single_id_is_right_in_either_form(form: str | None, allowed: bool) -> None:
    assert of_query("urls", [("recordingIds", "1")]).allowed(form) is allowed


def test_a_strict_host_insists_on_the_name() -> None:
    assert not of_query("urls", [("ids", "1,2")]).allowed("csv", "recordingIds")


def test_a_host_takes_one_name_at_a_time() -> None:
    assert not of_query("urls", [("recordingIds", "1"), ("recordingId", "2")]).allowed(None)
