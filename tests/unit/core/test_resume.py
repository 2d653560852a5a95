"""How a reply continues a partial file (rules 3 to 19 of the transfer notes)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.resume import (
    Ask,
    AskPlainly,
    Complete,
    Continue,
    Decision,
    Fresh,
    ask,
    ask_on,
    content_length,
    decide,
    strong_validator,
)
from reelkeep.errors import BadReply

TAG = '"v1"'
MODIFIED, LATER = "Mon, 05 Jan 2026 12:00:00 GMT", "Mon, 05 Jan 2026 12:00:01 GMT"
FROM_4 = Ask(4, {"Range": "bytes=4-", "If-Range": TAG})
SEAMED = Ask(100_000, {"Range": "bytes=34464-", "If-Range": TAG}, seam=65536)


def decided(
    asked: Ask, status: int, headers: Mapping[str, str], total: int | None = 10
) -> Decision:
    return decide(asked, status, headers, validator=TAG, total=total)


# --- what to ask for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "validator", "total", "checkable", "expected"),
    [
        pytest.param(0, None, None, False, Ask(0), id="nothing-held"),
        pytest.param(0, TAG, 0, True, Ask(0), id="rule-14-empty-files-use-no-range"),
        pytest.param(100_000, TAG, 200_000, False, SEAMED, id="rule-3-with-if-range-and-seam"),
        pytest.param(100_000, TAG, None, False, SEAMED, id="unknown-total"),
        pytest.param(
            4,
            TAG,
            10,
            False,
            Ask(4, {"Range": "bytes=0-", "If-Range": TAG}, seam=4),
            id="all-is-seam",
        ),
        pytest.param(
            4,
            None,
            10,
            True,
            Ask(4, {"Range": "bytes=0-"}, seam=4),
            id="rule-4-digest-decides",
        ),
        pytest.param(4, None, 10, False, Ask(0), id="rule-4-nothing-proves-it-the-same"),
        pytest.param(10, TAG, 10, False, Complete(), id="rule-14-all-is-here"),
        pytest.param(10, None, 10, False, Ask(0), id="rule-4-all-is-here-and-nobodys"),
        pytest.param(11, TAG, 10, False, Ask(0), id="rule-14-more-than-all"),
    ],
)
def test_asks_for_what_is_missing(
    size: int, validator: str | None, total: int | None, checkable: bool, expected: Ask | Complete
) -> None:
    assert ask(size, validator, total, checkable=checkable) == expected


def test_a_reply_to_a_resume_begins_with_the_seam() -> None:
    headers = {"Content-Range": "bytes 34464-199999/200000"}
    found = decide(SEAMED, 206, headers, validator=TAG, total=200_000)
    assert found == Continue(34464, 165_536, 200_000)
    with pytest.raises(BadReply):
        decide(
            SEAMED, 206, {"Content-Range": "bytes 100000-199999/200000"}, validator=TAG, total=None
        )


def test_the_rest_of_a_seam_is_asked_for_alone() -> None:
    asked = ask_on(SEAMED, 90_000)
    assert (asked.start, asked.seam, asked.headers["Range"]) == (90_000, 10_000, "bytes=90000-")


# --- what names a version -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ETag": TAG}, TAG),
        ({"ETag": f" {TAG} "}, TAG),
        ({"ETag": TAG, "Last-Modified": MODIFIED, "Date": LATER}, TAG),
        ({"ETag": 'W/"v1"'}, None),
        ({"ETag": 'W/"v1"', "Last-Modified": MODIFIED, "Date": LATER}, None),
        ({"ETag": "v1"}, None),
        ({"ETag": '""'}, None),
        ({"ETag": '"v"1"'}, None),
        ({"ETag": '"vé"'}, None),
        ({"ETag": '"v\x7f"'}, None),
        ({"ETag": f'"{"v" * 2000}"'}, None),
        ({"Last-Modified": MODIFIED, "Date": LATER}, MODIFIED),
        ({"Last-Modified": MODIFIED, "Date": MODIFIED}, None),
        ({"Last-Modified": LATER, "Date": MODIFIED}, None),
        ({"Last-Modified": MODIFIED}, None),
        ({"Last-Modified": "Mon, 31 Feb 2026 12:00:00 GMT", "Date": LATER}, None),
        ({"Last-Modified": "Mon Jan  5 12:00:00 2025", "Date": LATER}, None),
        ({"Last-Modified": f"{MODIFIED} é", "Date": LATER}, None),
        ({}, None),
    ],
)
def test_rule_3_only_a_strong_validator_counts(
    headers: Mapping[str, str], expected: str | None
) -> None:
    """What could not be sent back as it is would make every resumption fail, so is none either."""
    assert strong_validator(headers) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-Length": "10"}, 10),
        ({"Content-Length": " 0 "}, 0),
        ({"Content-Length": "-1"}, None),
        ({"Content-Length": "ten"}, None),
        ({"Content-Length": "1_0"}, None),
        ({"Content-Length": "\u0661"}, None),
        ({"Content-Length": "9" * 18}, 10**18 - 1),
        ({"Content-Length": "9" * 19}, None),
        ({"Content-Length": "10", "Transfer-Encoding": "chunked"}, None),
        ({}, None),
    ],
)
def test_rules_16_and_19_a_length_is_a_number_or_unknown(
    headers: Mapping[str, str], expected: int | None
) -> None:
    assert content_length(headers) == expected


# --- 200 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "headers", "expected"),
    [
        pytest.param(Ask(0), {"Content-Length": "9", "ETag": '"v2"'}, Fresh(9, '"v2"'), id="plain"),
        pytest.param(Ask(0), {}, Fresh(None, None), id="nothing-said"),
        pytest.param(FROM_4, {"Content-Length": "9"}, Fresh(9, None), id="rule-10-restarts"),
        pytest.param(
            FROM_4, {"Content-Range": "bytes 4-9/10"}, AskPlainly(), id="rule-11-ambiguous"
        ),
        pytest.param(FROM_4, {"Content-Range": "rubbish"}, AskPlainly(), id="rule-11-unreadable"),
        pytest.param(
            Ask(0), {"Content-Range": "bytes 0-8/9"}, Fresh(9, None), id="rule-11-yet-all-of-it"
        ),
    ],
)
def test_a_200_is_the_whole_file_unless_it_says_otherwise(
    asked: Ask, headers: Mapping[str, str], expected: Decision
) -> None:
    assert decided(asked, 200, headers) == expected


# --- 206 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-Range": "bytes 4-9/10"}, Continue(4, 6, 10)),
        ({"Content-Range": "Bytes 4-9/10", "Content-Length": "6", "ETag": TAG}, Continue(4, 6, 10)),
        ({"Content-Range": "bytes 4-4/10", "Content-Length": "1"}, Continue(4, 1, 10)),
    ],
)
def test_rule_9_a_206_may_bring_all_that_is_missing_or_less(
    headers: Mapping[str, str], expected: Decision
) -> None:
    assert decided(FROM_4, 206, headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="without-a-range"),
        pytest.param({"Content-Range": "bytes 3-9/10"}, id="starts-before"),
        pytest.param({"Content-Range": "bytes 5-9/10"}, id="starts-behind"),
        pytest.param({"Content-Range": "bytes 4-9/11"}, id="another-total"),
        pytest.param({"Content-Range": "bytes 4-9/*"}, id="unknown-total"),
        pytest.param({"Content-Range": "bytes */10"}, id="no-bytes"),
        pytest.param({"Content-Range": "bytes 4-10/10"}, id="ends-behind-the-end"),
        pytest.param({"Content-Range": "bytes 4-3/10"}, id="ends-before-it-starts"),
        pytest.param({"Content-Range": "items 4-9/10"}, id="wrong-unit"),
        pytest.param({"Content-Range": "bytes 4-9"}, id="no-total"),
        pytest.param({"Content-Range": "bytes 4-9/1" + "0" * 18}, id="overflow"),
        pytest.param({"Content-Range": "bytes 4-9/10", "Content-Length": "7"}, id="longer"),
        pytest.param({"Content-Range": "bytes 4-9/10", "Content-Length": "5"}, id="shorter"),
        pytest.param({"Content-Range": "bytes 4-9/10", "ETag": '"v2"'}, id="rule-6-other-version"),
        pytest.param({"Content-Range": "bytes 4-9/10", "ETag": 'W/"v1"'}, id="rule-6-weakened"),
        pytest.param(
            {"Content-Range": "bytes 4-9/10", "Content-Type": "Multipart/Byteranges; boundary=x"},
            id="rule-12-several-ranges",
        ),
    ],
)
def test_rules_6_8_and_12_bug_4_a_206_that_contradicts_anything_is_refused(
    headers: Mapping[str, str],
) -> None:
    with pytest.raises(BadReply):
        decided(FROM_4, 206, headers)


def test_rule_4_where_a_digest_decides_any_version_may_go_on() -> None:
    headers = {"Content-Range": "bytes 4-9/10", "ETag": '"v2"'}
    assert decide(Ask(4), 206, headers, validator=None, total=10) == Continue(4, 6, 10)


def test_rule_6_a_date_is_compared_like_a_tag() -> None:
    headers = {"Content-Range": "bytes 4-9/10", "Last-Modified": LATER}
    with pytest.raises(BadReply):
        decide(Ask(4), 206, headers, validator=MODIFIED, total=10)


# --- 416, and what nobody asked for ---------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"Content-Range": "bytes */4"}, {"Content-Range": "bytes */10"}, {}]
)
def test_rule_13_a_416_is_no_end_for_the_seam_must_be_there(headers: Mapping[str, str]) -> None:
    assert decided(FROM_4, 416, headers) == AskPlainly()


@pytest.mark.parametrize(
    ("asked", "status", "headers"),
    [
        (Ask(0), 206, {"Content-Range": "bytes 0-9/10"}),
        (Ask(0), 416, {"Content-Range": "bytes */10"}),
        (Ask(0), 200, {"Content-Range": "bytes 1-9/10"}),
        (Ask(0), 200, {"Content-Range": "bytes 0-8/10"}),
        (Ask(0), 200, {"Content-Range": "bytes 0-8/*"}),
        (Ask(0), 200, {"Content-Range": "bytes 0-8/9", "Content-Length": "5"}),
        (Ask(0), 200, {"Content-Type": "multipart/byteranges"}),
        (FROM_4, 204, {}),
    ],
)
def test_an_answer_to_another_question_is_refused(
    asked: Ask, status: int, headers: Mapping[str, str]
) -> None:
    with pytest.raises(BadReply):
        decided(asked, status, headers)


# --- whatever comes -------------------------------------------------------------------------------

numbers = st.integers(0, 30)
ranges = st.one_of(
    st.builds("bytes {}-{}/{}".format, numbers, numbers, numbers | st.just("*")),
    st.builds("bytes */{}".format, numbers | st.just("*")),
    st.text(max_size=20),
)
tags = st.sampled_from([TAG, '"v2"', 'W/"v1"', "", "v1", MODIFIED])
replies = st.fixed_dictionaries(
    {},
    optional={
        "Content-Range": ranges,
        "Content-Length": numbers.map(str) | st.text(max_size=4),
        "Transfer-Encoding": st.just("chunked"),
        "Content-Type": st.sampled_from(["video/mp4", "multipart/byteranges; boundary=b"]),
        "ETag": tags,
        "Last-Modified": tags,
        "Date": st.just(LATER),
    },
)
statuses = st.sampled_from([200, 206, 416]) | st.integers(100, 599)


@dataclass(frozen=True)
class Situation:
    size: int
    validator: str | None
    total: int | None
    checkable: bool


situations = st.builds(
    Situation,
    size=numbers,
    validator=st.sampled_from([None, TAG, MODIFIED]),
    total=st.none() | numbers,
    checkable=st.booleans(),
)


@given(situations, statuses, replies)
def test_no_reply_leads_to_bytes_at_a_wrong_place(
    held: Situation, status: int, headers: dict[str, str]
) -> None:
    """Bytes go on exactly where they end, of the same version, within the same length; or anew."""
    asked = ask(held.size, held.validator, held.total, checkable=held.checkable)
    if isinstance(asked, Complete):
        assert held.size == held.total
        return
    try:
        decision = decide(asked, status, headers, validator=held.validator, total=held.total)
    except BadReply:
        return
    if isinstance(decision, Fresh):
        assert status == 200
        assert not (asked.offset and "Content-Range" in headers)
    if isinstance(decision, Continue):
        assert status == 206
        assert decision.offset == asked.offset == held.size > 0
        assert 0 < decision.length <= decision.total - decision.offset
        assert held.total in (None, decision.total)
        assert held.validator is not None or held.checkable
    if isinstance(decision, Complete):
        assert headers["Content-Range"].endswith(f"/{held.size}")
        assert held.total in (None, held.size)


@given(situations)
def test_rules_3_and_14_no_request_asks_for_too_much_or_too_little(held: Situation) -> None:
    asked = ask(held.size, held.validator, held.total, checkable=held.checkable)
    if isinstance(asked, Ask):
        assert ("Range" in asked.headers) == (asked.offset > 0)
        assert asked.headers.get("If-Range") in (None, held.validator)
        assert asked.offset in (0, held.size)
        assert held.total is None or asked.offset < max(1, held.total)
