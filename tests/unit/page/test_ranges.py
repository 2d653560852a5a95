"""Which bytes a request asks for."""

from __future__ import annotations

import pytest

from reelkeep.page.ranges import Unsatisfiable, wanted

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 10, False)),
        ("bytes=0-", (0, 10, True)),
        ("bytes=3-5", (3, 6, True)),
        ("bytes=3-99", (3, 10, True)),
        ("bytes=-4", (6, 10, True)),
        ("bytes=-99", (0, 10, True)),
        ("bytes = 9-9", (9, 10, True)),
        ("bytes=5-3", (0, 10, False)),
        ("bytes=0-1,4-5", (0, 10, False)),
        ("bytes=-", (0, 10, False)),
        ("items=0-1", (0, 10, False)),
        ("bytes=\u0663-", (0, 10, False)),
    ],
)
def test_a_range_is_understood_or_passed_over(
    header: str | None, expected: tuple[int, int, bool]
) -> None:
    found = wanted(header, 10, condition=None, etag=ETAG)
    assert (found.start, found.end, found.partial) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_had(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        wanted(header, 10, condition=None, etag=ETAG)


def test_no_range_of_an_empty_file_can_be_had() -> None:
    with pytest.raises(Unsatisfiable):
        wanted("bytes=-1", 0, condition=None, etag=ETAG)


@pytest.mark.parametrize(("condition", "partial"), [(ETAG, True), ('"other"', False), ("", False)])
def test_a_range_of_other_bytes_is_all_of_these(condition: str, partial: bool) -> None:
    assert wanted("bytes=1-", 10, condition=condition, etag=ETAG).partial is partial
