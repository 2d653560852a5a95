"""The results that are kept are complete, and the manual shows them."""

from __future__ import annotations

import json

from benchmarks import pages
from benchmarks.catalogue import ENTRIES, GOALS, UNITS
from benchmarks.judging import verdicts
from benchmarks.model import Results, loads


def kept() -> Results:
    return loads(pages.RESULTS.read_text(encoding="utf-8"))


def test_every_case_and_goal_is_kept_or_said_to_be_missing() -> None:
    some = kept()
    cases = {each.case for each in some.cases}
    missing = {entry.key for entry in ENTRIES} - cases
    judged = {(each.goal.case, each.goal.of, each.goal.metric) for each in verdicts(some)}
    assert judged == {(each.case, each.of, each.metric) for each in GOALS if each.case in cases}
    said = [line for line in pages.pages(some)[pages.PAGE].splitlines() if "Not measured" in line]
    assert all(any(f"`{key}`" in line for line in said) for key in missing)


def test_every_reading_that_is_kept_has_a_unit() -> None:
    names = {(each.case, reading.name) for each in kept().cases for reading in each.readings}
    assert names <= UNITS.keys()


def test_the_manual_shows_the_kept_results() -> None:
    for path, content in pages.pages(kept()).items():
        assert (pages.ROOT / path).read_text("utf-8") == content, 'run `make bench ARGS="--render"`'


def test_the_file_of_results_is_plain_json() -> None:
    assert set(json.loads(pages.RESULTS.read_text("utf-8"))) >= {"machine", "versions", "cases"}
