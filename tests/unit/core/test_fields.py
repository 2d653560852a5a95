"""A field in several lines (RFC 9110, section 5.3)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from reelkeep.core.replies import joined

TWICE = CIMultiDict([("x-goog-hash", "crc32c=A"), ("Other", "x"), ("X-Goog-Hash", "md5=B, md5=C")])


@pytest.mark.parametrize("headers", [TWICE, CIMultiDictProxy(TWICE)])
def test_all_lines_of_a_field_are_one_list_in_their_order(headers: Mapping[str, str]) -> None:
    assert joined(headers, "X-GOOG-HASH") == "crc32c=A, md5=B, md5=C"


@pytest.mark.parametrize("headers", [{"Digest": "md5=A"}, CIMultiDict({"digest": "md5=A"})])
def test_one_line_is_given_as_it_is(headers: Mapping[str, str]) -> None:
    assert joined(headers, "Digest") == "md5=A"


@pytest.mark.parametrize("headers", [{}, TWICE])
def test_a_field_that_is_not_there_is_empty(headers: Mapping[str, str]) -> None:
    assert joined(headers, "Digest") == ""
