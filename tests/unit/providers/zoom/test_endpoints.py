from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.providers.zoom.endpoints import encoded, user

ODD = "/aB3/x//Yz+12Q=="


@pytest.mark.parametrize("uuid", ["/a", "a//b", "a/b"])
def test_any_slash_is_enough(uuid: str) -> None:
    assert "%252F" in encoded(uuid)


def test_an_id_with_slashes_is_encoded_twice() -> None:
    assert encoded(ODD) == "%252FaB3%252Fx%252F%252FYz%252B12Q%253D%253D"


def test_any_other_id_is_encoded_once() -> None:
    assert encoded("Yz+12Q==") == "Yz%2B12Q%3D%3D"


def test_any_id_can_be_encoded_twice() -> None:
    assert encoded("Yz+12Q==", twice=True) == "Yz%252B12Q%253D%253D"


@given(st.text())
def test_an_id_survives_in_one_segment(uuid: str) -> None:
    segment = encoded(uuid)
    assert "/" not in segment
    assert uuid in (unquote(segment), unquote(unquote(segment)))


@pytest.mark.parametrize(
    ("name", "expected"), [("u-1", "u-1"), ("a@b.test", "a@b.test"), ("../x?", "..%2Fx%3F")]
)
def test_a_user_is_one_segment(name: str, expected: str) -> None:
    assert user(name) == expected
