from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.journal import Identity, PartJournal, decode, encode, usable

IDENTITY = Identity("support", "4711", "recording", 100)
JOURNAL = PartJournal(
    identity=IDENTITY,
    validator='"v1"',
    total=100,
    promises={"md5": "00"},
    durable=64,
)


@given(
    st.builds(
        PartJournal,
        identity=st.builds(
            Identity, st.text(), st.text(), st.text(), st.none() | st.integers(min_value=0)
        ),
        validator=st.none() | st.text(),
        total=st.none() | st.integers(min_value=0),
        promises=st.dictionaries(st.text(), st.text()),
        durable=st.integers(min_value=0),
    )
)
def test_what_is_encoded_is_decoded(journal: PartJournal) -> None:
    assert decode(encode(journal)) == journal


@given(st.binary())
def test_no_content_whatever_is_a_reason_to_fail(content: bytes) -> None:
    assert decode(content) is None


@pytest.mark.parametrize("length", range(len(encode(JOURNAL))))
def test_rule_47_a_torn_journal_is_none(length: int) -> None:
    assert decode(encode(JOURNAL)[:length]) is None


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 200, b"[]", b"{}", b"null", b"1", b"[" * 100_000, b'{"format":1}']
)
def test_a_file_that_is_no_journal_is_none(content: bytes) -> None:
    assert decode(content) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", 4),
        ("marks", [1]),
        ("marks", 7),
        ("extents", [1]),
        ("extents", [[0, -1]]),
        ("durable", -1),
        ("durable", True),
        ("durable", 1.5),
        ("durable", None),
        ("total", "100"),
        ("validator", 7),
        ("promises", []),
        ("promises", {"md5": 1}),
        ("identity", None),
        ("identity", {"provider": "support"}),
    ],
)
def test_a_journal_with_a_wrong_value_is_none(field: str, value: object) -> None:
    document = json.loads(encode(JOURNAL)) | {field: value}
    assert decode(json.dumps(document).encode()) is None


@pytest.mark.parametrize(("size", "expected"), [(80, 64), (64, 64), (50, 50), (0, 0)])
def test_rule_43_only_what_was_durable_can_be_built_on(size: int, expected: int) -> None:
    assert usable(JOURNAL, IDENTITY, size=size) == expected


@pytest.mark.parametrize("number", [1, 2])
def test_a_journal_of_an_older_version_can_be_read(number: int) -> None:
    document = json.loads(encode(JOURNAL)) | {"format": number, "boot": "boot-1"}
    assert decode(json.dumps(document).encode()) == JOURNAL


def test_without_a_journal_nothing_can_be_built_on() -> None:
    assert usable(None, IDENTITY, size=80) == 0


@pytest.mark.parametrize(
    "change", [{"provider": "x"}, {"recording": "x"}, {"file": "x"}, {"size": 9}]
)
def test_rule_1_nothing_can_be_built_on_another_files_bytes(change: dict[str, object]) -> None:
    other = replace(IDENTITY, **change)  # type: ignore[arg-type] # a table of single changes
    assert usable(JOURNAL, other, size=80) == 0
