from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelkeep.providers.zoom.file_parsing import facts

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
    said = {"a": "https://zoom.us/x", "b": ["https://b/x", "fine"], "c": {"d": "www.zoom.us"}}
    assert facts(said) == {"b": ["fine"], "c": {}}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("s3://acme-recordings/2024/05/06/v-9.mp4", "s3://acme-recordings/2024/05/06/v-9.mp4"),
        ("s3://b/a b.mp4", "s3://b/a b.mp4"),
        ("s3://key:secret@b/v.mp4?X-Amz-Signature=abc#part", "s3://b/v.mp4"),
        ("gs://b/v.mp4?GoogleAccessId=x", "gs://b/v.mp4"),
        (
            "https://acme.blob.core.windows.net/rec/v.mp4?sig=abc",
            "https://acme.blob.core.windows.net/rec/v.mp4",
        ),
    ],
)
def test_where_a_file_lies_in_the_accounts_own_storage_is_kept(said: str, kept: str) -> None:
    """It opens nothing without the keys of that storage."""
    assert facts({"external_storage_url": said}) == {"external_storage_url": kept}


@pytest.mark.parametrize("name", ["location", "where", "storage_url"])
def test_an_object_store_is_told_by_its_scheme_under_any_name(name: str) -> None:
    assert facts({name: "s3://b/v.mp4?X-Amz-Signature=abc"}) == {name: "s3://b/v.mp4"}


@pytest.mark.parametrize("name", ["download_url", "playUrl", "share-link", "uri", "hrefs"])
def test_what_is_named_like_an_address_is_left_out_whatever_it_is(name: str) -> None:
    assert facts({name: "zoom.us/rec/share/abc"}) == {}


@pytest.mark.parametrize("name", ["hourly_rate", "curlers", "linked_in_topic", "surly"])
def test_a_name_that_only_contains_such_a_word_is_none(name: str) -> None:
    assert facts({name: "x"}) == {name: "x"}


def test_whether_there_is_a_secret_is_no_secret() -> None:
    said = {"has_password": True, "passcode": None, "password": 123456, "pwd_set": False}
    assert facts(said) == {"has_password": True, "passcode": None, "pwd_set": False}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Review https://zoom.us/rec/share/abc?pwd=x today", "Review (address) today"),
        ("see www.zoom.us/j/1?pwd=x", "see (address)"),
        ("eyJhbGciOi.eyJzdWIi.abc is the token", "(token) is the token"),
        ("open with passcode=123 now", "open with (secret) now"),
        ("x?access_token=abc&x-amz-signature=def", "x?(secret)&(secret)"),
    ],
)
def test_text_stays_without_what_opens_anything(said: str, kept: str) -> None:
    assert facts({"topic": said}) == {"topic": kept}


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
