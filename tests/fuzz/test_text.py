"""Headers, dates, names, digests, addresses, journals, sums: whatever comes, nothing breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.hostile import FAST, RAW, TEXTS, deep, spoilt
from reelkeep.core import journal, resume
from reelkeep.core.addresses import parse, resolve
from reelkeep.core.digests import binding, needed, promises
from reelkeep.core.layout import parse_layout
from reelkeep.core.manifest import decode_payload, decode_sums, decode_tags
from reelkeep.core.media import MediaKind, examine, magic_ok, page_instead
from reelkeep.core.naming import file_name, key, safe_name
from reelkeep.core.quantities import parse_duration, parse_size
from reelkeep.core.replies import (
    begin,
    content_problem,
    encoding_problem,
    follow,
    parse_retry_after,
    problem,
)
from reelkeep.errors import TransferError
from reelkeep.telemetry.redaction import Redactor, visible

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SMALL = st.binary(max_size=300)

FIELDS = st.one_of(
    TEXTS,
    st.sampled_from(
        [
            "bytes 0-9/10", "bytes 0-9/*", "bytes */10", "bytes 9-0/10", "bytes 0-" + "9" * 5000,
            "bytes 0-9/" + "9" * 5000,
            "bytes=0-9/10", "bytes -1-9/10", "BYTES 0-9/10 ",
            "bytes 0-٣/10",
            'W/"x"', '"x"', "x", '"', "1" * 5000, "+10", "-10", "0x10", "10, 10", "10,11", "1_0",
            "sha-256=:AAAA:", "sha-256=:" + "A" * 44 + ":", "sha-256=" + "A" * 43 + "=", "md5=====",
            "crc32c=AAAAAA==,md5=x", "sha-256=:é:", ";;;,,,===", "Fri, 31 Dec 9999 23:59:59 GMT",
            "Mon, 01 Jan 0001 00:00:00 +1400", "Thu, 32 Foo 2025 99:99:99 GMT", "9" * 20,
            "9999-12-31T23:59:59-23:59", "gzip", "text/html; charset=\x00", "application/json",
        ]
    ),
)  # fmt: skip
NAMES = [
    "Content-Length", "Content-Range", "ETag", "Last-Modified", "Date", "Retry-After",
    "Content-Type", "Content-Encoding", "Content-MD5", "Digest", "Repr-Digest", "Content-Digest",
    "x-amz-checksum-sha256", "x-amz-checksum-crc32c", "x-amz-checksum-crc64nvme",
    "x-amz-checksum-type", "x-goog-hash", "x-goog-stored-content-encoding", "Server",
    "Zoom-File-SHA256", "Accept-Ranges", "Location", "x-amz-server-side-encryption",
]  # fmt: skip
HEADERS = st.dictionaries(st.sampled_from(NAMES), FIELDS, max_size=6)
STATUSES = st.sampled_from(
    [200, 204, 206, 301, 302, 304, 400, 401, 403, 404, 410, 416, 429, 500, 503, 0, 999]
)

ASKS = [
    resume.ask(0, None, None, checkable=False),
    resume.ask(10, '"x"', 100, checkable=False),
    resume.ask(10, None, 100, checkable=True),
    resume.ask_between(10, 20, '"x"'),
]


@FAST
@given(FIELDS)
def test_a_wait_is_a_time_or_nothing(value: str) -> None:
    until = parse_retry_after(value, NOW)
    assert until is None or until.tzinfo is not None


@FAST
@given(STATUSES, HEADERS, st.sampled_from(ASKS))
def test_a_head_is_a_decision_or_a_failed_transfer(
    status: int, headers: dict[str, str], asked: Any
) -> None:
    try:
        decision = resume.decide(asked, status, headers, validator='"x"', total=100)
    except TransferError:
        return
    assert decision is not None


@FAST
@given(STATUSES, HEADERS, SMALL, st.sampled_from(MediaKind), st.booleans())
def test_a_reply_is_fine_or_a_failed_transfer(
    status: int, headers: dict[str, str], head: bytes, kind: MediaKind, credentialed: bool
) -> None:
    found = [
        problem(status, headers, now=NOW, credentialed=credentialed),
        encoding_problem(headers),
        content_problem(kind, headers, head),
        content_problem(kind, headers, head, sized=True),
    ]
    assert all(each is None or isinstance(each, TransferError) for each in found)


@FAST
@given(STATUSES, HEADERS)
def test_promises_are_digests_in_hex(status: int, headers: dict[str, str]) -> None:
    found = promises(status, headers)
    assert all(set(digest) <= set("0123456789abcdef") for digest in found.values())
    assert isinstance(binding(found), bool)
    assert isinstance(needed(found), list)


@FAST
@given(SMALL, st.sampled_from(MediaKind), st.text(max_size=20))
def test_a_container_is_judged_whatever_it_holds(
    content: bytes, kind: MediaKind, said: str
) -> None:
    for sized in (False, True):
        read_at = lambda at, size: content[at : at + size]  # noqa: E731
        judged = examine(kind, read_at, len(content), sized=sized)
        assert judged.fault is None or judged.fault
        assert page_instead(kind, said, content, sized=sized) != ""
    assert isinstance(magic_ok(kind, content), bool)
    reason = page_instead(kind, said, content)
    assert reason is None or reason


@FAST
@given(TEXTS)
def test_an_address_is_one_or_refused(text: str) -> None:
    base = parse("https://files.example/a/b?c=d")
    for make in (parse, lambda found: resolve(base, found)):
        try:
            url = make(text)
        except TransferError:
            continue
        assert url.text.isascii()


@FAST
@given(st.sampled_from([301, 302, 303, 307, 308]), st.none() | TEXTS)
def test_a_redirect_leads_somewhere_or_is_refused(status: int, location: str | None) -> None:
    trail = begin(parse("https://files.example/a"), kin=".example")
    try:
        followed = follow(trail, status, location)
    except TransferError:
        return
    assert followed is None or followed.hops == 1


@FAST
@given(TEXTS, TEXTS, st.integers(1, 10**6))
def test_a_name_is_safe_or_there_is_none(stem: str, extension: str, number: int) -> None:
    for name in (safe_name(stem), file_name(stem, extension, number=number)):
        assert name not in ("", ".", "..")
        assert not set(name) & set("/\\\x00\n")
        assert len(name.encode()) <= 255
    assert len(key(stem, extension)) == 16


@FAST
@given(TEXTS)
def test_a_layout_is_one_or_refused(template: str) -> None:
    for text in (template, "{key}" + template, "{start:" + template + "}/{id}"):
        try:
            layout = parse_layout(text)
        except ValueError:
            continue
        else:
            names = layout.folder(
                provider="p", start=NOW, title=template, user=template, id=template, key="0" * 16,
                timezone=UTC,
            )  # fmt: skip
            assert all(name not in ("", ".", "..") and "/" not in name for name in names)


@FAST
@given(RAW | TEXTS)
def test_a_quantity_is_one_or_refused(value: object) -> None:
    for read in (parse_duration, parse_size):
        try:
            found: Any = read(value)
        except ValueError:
            continue
        assert found is not None


@FAST
@given(SMALL | TEXTS.map(lambda text: text.encode(errors="surrogatepass")))
@pytest.mark.parametrize("decode", [decode_sums, decode_tags, decode_payload])
def test_sums_are_sums_or_refused(
    decode: Callable[[bytes], dict[str, str]], content: bytes
) -> None:
    try:
        found = decode(content)
    except ValueError:
        return
    assert all(len(digest) == 64 for digest in found.values())


JOURNAL = {
    "format": 3,
    "identity": {"provider": "p", "recording": "r", "file": "f", "size": 10},
    "validator": '"v"', "total": 10, "promises": {"md5": "00"}, "durable": 5,
    "marks": ["00"], "extents": [[0, 5], [7, 9]],
}  # fmt: skip
IDENTITY = journal.Identity("p", "r", "f", 10)


def check_journal(content: bytes) -> None:
    found = journal.decode(content)
    assert 0 <= journal.usable(found, IDENTITY, size=8) <= 8
    if found is not None:
        extents = journal.usable_extents(found, size=8)
        assert all(0 <= start <= end <= 8 for start, end in extents)


@FAST
@given(spoilt(JOURNAL))
def test_a_journal_that_was_spoilt_is_never_a_reason_to_fail(document: Any) -> None:
    check_journal(json.dumps(document).encode())


@FAST
@given(SMALL | st.just(deep(100_000)))
def test_what_is_no_journal_is_none(content: bytes) -> None:
    check_journal(content)


@FAST
@given(TEXTS)
def test_text_for_people_is_never_a_reason_to_fail(text: str) -> None:
    assert visible(text).encode("utf-8", "strict") is not None
    assert isinstance(Redactor().clean(text), str)
