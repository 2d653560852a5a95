from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reelkeep.providers.zoom.facts import facts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_secrets_are_left_out_at_any_depth() -> None:
    said = {
        "topic": "Planning",
        "password": "pp",
        "recording_play_passcode": "pp",
        "share_url": "https://us02web.zoom.us/rec/share/s",
        "download_access_token": "t",
        "recording_files": [{"id": "f", "play_url": "x", "download_url": "x", "file_size": 5}],
    }
    assert facts(said) == {"topic": "Planning", "recording_files": [{"id": "f", "file_size": 5}]}


def test_what_looks_like_an_address_is_left_out_under_any_name() -> None:
    said = {"a": "https://zoom.us/x", "b": ["s3://bucket/x", "fine"], "c": {"d": "www.zoom.us"}}
    assert facts(said) == {"b": ["fine"], "c": {}}


def test_keys_of_people_are_kept() -> None:
    assert facts({"session_key": "case-77", "user_key": "k1"}) == {
        "session_key": "case-77",
        "user_key": "k1",
    }


def test_numbers_that_json_cannot_spell_are_not_known() -> None:
    assert facts({"a": Decimal("1e999"), "b": Decimal("1.5")}) == {"a": None, "b": 1.5}


def test_long_and_deep_things_are_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(50):
        deep = {"in": deep}
    kept = facts({"long": "x" * 10_000, "many": [1] * 10_000, "deep": deep})
    assert len(json.dumps(kept)) < 3_000


def test_what_has_a_name_beyond_all_reason_is_left_out() -> None:
    assert facts({"x" * 10_000: 1, "a": {"y" * 10_000: 1}}) == {"a": {}}


@settings(max_examples=30)
@given(st.dictionaries(st.text(), JSON))
def test_facts_are_always_json(said: dict[str, Any]) -> None:
    json.dumps(facts(said), allow_nan=False)
