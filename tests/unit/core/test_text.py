"""Text that comes from the disk or from strangers."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.text import is_storable, storable

ODD = os.fsdecode(b"Pr\xfcfung")


def test_ordinary_text_stays_as_it_is() -> None:
    assert storable("Prüfung 1") == "Prüfung 1"
    assert is_storable("Prüfung 1")


@pytest.mark.parametrize(("text", "kept"), [(ODD, "Pr\\xfcfung"), ("a\ud800b", "a\\ud800b")])
def test_what_is_not_utf_8_is_escaped(text: str, kept: str) -> None:
    assert not is_storable(text)
    assert storable(text) == kept


@given(st.binary())
def test_any_name_on_disk_can_be_kept(name: bytes) -> None:
    assert is_storable(storable(os.fsdecode(name)))


@given(st.text(st.characters(codec=None)))
def test_any_text_at_all_can_be_kept(text: str) -> None:
    json.dumps(storable(text), ensure_ascii=False).encode()
