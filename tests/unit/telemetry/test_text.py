from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.telemetry.redaction import bounded, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain ünïcödé 日本", "plain ünïcödé 日本", id="ordinary"),
        pytest.param("a\nb\tc\r", r"a\nb\tc\r", id="line-breaks"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="escape-sequence"),
        pytest.param("\x9b31m\x7f", r"\x9b31m\x7f", id="c1-and-delete"),
        pytest.param("a\u202egpj.exe", r"a\u202egpj.exe", id="bidi"),
        pytest.param("a\u2028b\u2029", r"a\u2028b\u2029", id="unicode-line-breaks"),
        pytest.param("\ud800", r"\ud800", id="lone-surrogate"),
        pytest.param("\U000e0041", r"\U000e0041", id="tag"),
        pytest.param("👩\u200d🚀", "👩\u200d🚀", id="joined-emoji"),
    ],
)
def test_what_acts_is_escaped_and_what_shows_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_shown_is_a_control_character(text: str) -> None:
    assert not {unicodedata.category(char) for char in visible(text)} & {"Cc", "Cs", "Zl", "Zp"}


def test_a_cut_is_marked() -> None:
    assert bounded("abcdef", 4) == "abc…"


def test_what_fits_is_not_cut() -> None:
    assert bounded("abcd", 4) == "abcd"
