"""Telling files from pages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.examination import JSON_BYTES, Structure
from reelkeep.core.media import (
    HEAD_BYTES,
    Kind,
    examine,
    kind_of,
    magic_ok,
    page_instead,
)

BOM = b"\xef\xbb\xbf"
MP4 = b"\0\0\0\x10ftypisom0000" + b"\0\0\0\x08moov" + b"\0\0\0\x0cmdatdata"
JPEG = b"\xff\xd8\xff\xe0\0\x10" + b"\0" * 14 + b"\xff\xda\0\x04ab" + b"x\xff\0y" * 50 + b"\xff\xd9"
VTT = b"WEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\nGr\xc3\xbc\xc3\x9fe\r\n"
TIMELINE = b'{"timeline":[{"ts":"00:00:01","users":[{"code":1,"message":"x"}]}]}'
FORBIDDEN = b'{"status":false,"errorCode":401,"errorMessage":"Forbidden","result":null}'
S3_ERROR = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'


def container(kind: Kind, content: bytes) -> str | None:
    return examine(kind, lambda at, length: content[at : at + length], len(content)).fault


@pytest.mark.parametrize(
    ("file_type", "extension", "kind"),
    [
        ("MP4", "MP4", Kind.MP4),
        ("M4A", "M4A", Kind.MP4),
        ("MP4", "m4a", Kind.MP4),
        ("MP4", "", Kind.MP4),
        ("TB", "JPG", Kind.JPEG),
        ("thumbnail", "jpg", Kind.JPEG),
        ("TRANSCRIPT", "VTT", Kind.VTT),
        ("CC", "", Kind.VTT),
        ("CHAT", "TXT", Kind.TEXT),
        ("CSV", "CSV", Kind.TEXT),
        ("TIMELINE", "JSON", Kind.JSON),
        ("CHAT_MESSAGE", "", Kind.JSON),
        ("AIC_CONVERSATION", "JSON", Kind.JSON),
        ("SUMMARY", "", Kind.JSON),
        ("", ".mp4", Kind.MP4),
        ("", "", Kind.OPAQUE),
        ("events", "events", Kind.OPAQUE),
        ("SUB_GROUP_MEMBER_LOG", "", Kind.OPAQUE),
        ("MP4", "JPG", Kind.OPAQUE),
        ("CC", "SRT", Kind.OPAQUE),
        ("TB", "PNG", Kind.OPAQUE),
        ("SUMMARY", "DOCX", Kind.OPAQUE),
        ("MP4", "bin", Kind.OPAQUE),
        ("TRANSCRIPT", "TXT", Kind.OPAQUE),
        ("SUMMARY", "HTML", Kind.PAGE),
    ],
)
def test_what_is_expected_of_a_file(file_type: str, extension: str, kind: Kind) -> None:
    assert kind_of(file_type, extension) is kind


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html>",
        BOM + b"\r\n <html lang=en>",
        b"<head><title>Sign in",
        b"<script>location='/'</script>",
        b"<!-- edge 12 -->\n<!doctype HTML>",
        b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">',
        S3_ERROR,
        b"<Error><Code>ExpiredToken</Code></Error>",
        b'<ErrorResponse xmlns="https://example.test/">',
        FORBIDDEN,
        b'{"code":124,"message":"Invalid access token."}',
        b'{"int_err_code":"InvalidToken","msg":"Invalid token passed"}',
        b'{"errorCode":"NOT_FOUND","message":"..."}',
        b'{"message":"Forbidden"}',
        b'{"error":"invalid_token","error_description":"x"}',
        b' \n{ "Message" : "Access Denied" }',
        b'{"errorCode":401,"errorMessage":"' + b"x" * HEAD_BYTES,
        b'{"status": false,"result":"' + b"x" * HEAD_BYTES,
    ],
)
def test_a_page_is_known_whatever_was_expected(kind: Kind, body: bytes) -> None:
    assert page_instead(kind, None, body[:HEAD_BYTES])


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("content_type", ["text/html", "TEXT/HTML; charset=utf-8"])
def test_html_by_its_type_is_a_page_unless_the_bytes_say_otherwise(
    kind: Kind, content_type: str
) -> None:
    assert (page_instead(kind, content_type, MP4) is None) is (kind is Kind.MP4)


@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.OPAQUE])
def test_a_label_alone_does_not_outweigh_the_promised_size(kind: Kind) -> None:
    assert page_instead(kind, "text/html", b"09:00 Ann: hello", sized=True) is None
    assert page_instead(kind, "text/html", b"<html><body>Sign in", sized=True)


@pytest.mark.parametrize("kind", [Kind.MP4, Kind.JPEG, Kind.VTT])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/problem+json;x=y", "application/xml"]
)
def test_media_are_not_served_as_json(kind: Kind, content_type: str) -> None:
    assert page_instead(kind, content_type, b"")


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        (Kind.MP4, "video/mp4", MP4),
        (Kind.MP4, "application/octet-stream", MP4),
        (Kind.MP4, "text/plain", MP4),
        (Kind.JPEG, "image/jpeg", JPEG),
        (Kind.VTT, "text/vtt", VTT),
        (Kind.VTT, None, BOM + VTT),
        (Kind.JSON, "application/json", TIMELINE),
        (Kind.JSON, "application/json", b'[{"errorCode":401}]'),
        (Kind.JSON, "application/json", b"{}"),
        (Kind.JSON, "application/json", b'{"code":1,"message":["x"],"items":[]}'),
        (Kind.JSON, "application/json", b'{"message":"x","timeline":[]}'),
        (Kind.JSON, "application/json", b'{"status":true,"errorCode":0,"result":{}}'),
        (Kind.JSON, "application/json", b'{"timeline":"' + b"x" * HEAD_BYTES),
        (Kind.JSON, None, b'{"errorCode":0,"result":"' + b"x" * HEAD_BYTES),
        (Kind.TEXT, "text/plain", b"09:00:01\tFrom Ann : <html> is a tag"),
        (Kind.TEXT, "", b""),
        (Kind.OPAQUE, None, b""),
        (Kind.OPAQUE, "application/xml", b"<?xml version='1.0'?><events><Error/></events>"),
        (Kind.OPAQUE, "application/json", b'{"events":[]}'),
    ],
)
def test_a_file_is_no_page(kind: Kind, content_type: str | None, body: bytes) -> None:
    assert page_instead(kind, content_type, body[:HEAD_BYTES]) is None


def test_a_reason_repeats_nothing_foreign() -> None:
    assert "Forbidden" not in (page_instead(Kind.MP4, "x/secret", FORBIDDEN) or "")


@pytest.mark.parametrize(
    ("kind", "head", "fits"),
    [
        (Kind.MP4, MP4, True),
        (Kind.MP4, b"\0\0\0\x08wide", True),
        (Kind.MP4, b"ftyp", False),
        (Kind.MP4, b"", False),
        (Kind.JPEG, JPEG, True),
        (Kind.JPEG, b"\x89PNG\r\n", False),
        (Kind.JPEG, b"", False),
        (Kind.VTT, VTT, True),
        (Kind.VTT, BOM + b"WEBVTT", True),
        (Kind.VTT, b"WEBVTTX", False),
        (Kind.VTT, b"", False),
        (Kind.TEXT, b"", True),
        (Kind.OPAQUE, b"", True),
        (Kind.OPAQUE, b"\0\1\2", True),
    ],
)
def test_how_a_file_may_begin(kind: Kind, head: bytes, fits: bool) -> None:
    assert magic_ok(kind, head) is fits


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (Kind.MP4, MP4),
        (Kind.JPEG, JPEG),
        (Kind.JPEG, JPEG + b"\0" * 60),
        (Kind.JPEG, JPEG + b"\0" * 64),
        (Kind.VTT, b"WEBVTT\n\xff\xfe"),
        (Kind.VTT, b"\n \nWEBVTT\n"),
        (Kind.JSON, b'{"a":"unescaped "quote""}'),
        (Kind.JSON, b'{"a":"' + b"\xff" * 600 + b'"}'),
        (Kind.JSON, b"null"),
        (Kind.JSON, b'{"a":1}\n{"a":2}\n'),
        (Kind.JSON, b'{"a":"x\ty"}'),
        (Kind.JSON, b'{"a":1}\0\0'),
        (Kind.JSON, b'{"a":NaN,}'),
        (Kind.VTT, VTT),
        (Kind.VTT, b"WEBVTT\n" + "\u4f1a".encode() * 5000),
        (Kind.VTT, b"WEBVTT\n0" + "\u4f1a".encode() * 5000),
        (Kind.VTT, b"WEBVTT\n01" + "\u4f1a".encode() * 5000 + b"\n"),
        (Kind.JSON, TIMELINE),
        (Kind.JSON, BOM + TIMELINE),
        (Kind.JSON, json.dumps(["x" * 1000] * 3000).encode()),
        (Kind.TEXT, b""),
        (Kind.OPAQUE, b""),
    ],
)
def test_a_whole_file_passes(kind: Kind, content: bytes) -> None:
    assert container(kind, content) is None


@pytest.mark.parametrize(
    ("kind", "content", "complaint"),
    [
        (Kind.MP4, MP4[:-1], "truncated"),
        (Kind.MP4, b"", "does not begin like mp4"),
        (Kind.JPEG, JPEG[:-1], "truncated"),
        (Kind.JPEG, JPEG[:40], "truncated"),
        (Kind.JPEG, b"\x89PNG\r\n\x1a\n", "begins like a PNG picture"),
        (Kind.MP4, b"\x1aE\xdf\xa3" * 9, "begins like a Matroska"),
        (Kind.TEXT, b"\xff\xd8\xff\xe0", "begins like a JPEG"),
        (Kind.VTT, b"", "does not begin like vtt"),
        (Kind.VTT, b"WEBVTT\n\n00:01.000 --> 00:0", "within the times"),
        (Kind.VTT, b"WEBVTT\n" + "\u4f1a".encode()[:-1], "cut"),
        (Kind.VTT, b"WEBVTT\n" + b"x" * 9000 + "\u4f1a".encode()[:-1], "cut"),
        (Kind.JSON, TIMELINE[:-1], "cut"),
        (Kind.JSON, b"[" * 100_000, "cut"),
        (Kind.JSON, b'{"a":1}\n{"a":', "cut"),
        (Kind.JSON, b"hello", "cut"),
        (Kind.JSON, FORBIDDEN, "JSON error"),
    ],
)
def test_a_broken_file_is_named(kind: Kind, content: bytes, complaint: str) -> None:
    assert complaint in (container(kind, content) or "")


@pytest.mark.parametrize(
    ("kind", "begins", "taken"),
    [
        (Kind.JPEG, b"\x89PNG\r\n\x1a\n", True),
        (Kind.JPEG, b"GIF89a", True),
        (Kind.MP4, b"\x1aE\xdf\xa3", True),
        (Kind.MP4, b"RIFF\0\0\0\0WAVE", True),
        (Kind.MP4, b"\x89PNG\r\n\x1a\n", False),
        (Kind.JPEG, b"%PDF-", False),
        (Kind.VTT, b"PK\3\4", False),
    ],
)
def test_a_medium_by_another_name_is_taken_if_its_size_was_promised(
    kind: Kind, begins: bytes, taken: bool
) -> None:
    content = begins + bytes(50)
    sized = examine(kind, lambda at, n: content[at : at + n], len(content), sized=True)
    assert (sized.fault is None, sized.note is not None) == (taken, taken)
    assert sized.structure is Structure.NONE
    assert examine(kind, lambda at, n: content[at : at + n], len(content)).fault is not None


@pytest.mark.parametrize(("letter", "verdict"), [(b"]", None), (b"x", "the JSON is cut")])
def test_of_a_huge_json_file_only_the_ends_are_read(letter: bytes, verdict: str | None) -> None:
    reads: list[int] = []

    def read_at(offset: int, length: int) -> bytes:
        reads.append(length)
        return b"[" * length if offset == 0 else letter * length

    assert examine(Kind.JSON, read_at, JSON_BYTES + 1).fault == verdict
    assert sum(reads) < 10_000


@given(st.sampled_from(Kind), st.none() | st.text(), st.binary(max_size=600))
def test_arbitrary_bytes_raise_nothing(kind: Kind, content_type: str | None, body: bytes) -> None:
    page_instead(kind, content_type, body[:HEAD_BYTES])
    assert magic_ok(kind, body) or container(kind, body) or not body


def seen(kind: Kind, content: bytes) -> tuple[Structure, bool, str | None]:
    found = examine(kind, lambda at, n: content[at : at + n], len(content), sized=True)
    return found.structure, found.fault is not None, found.note


@pytest.mark.parametrize(
    "content",
    [
        b"<html> is how he began\r\n09:00 Ann: hello\r\n",
        b"<script>alert(1)</script>\r\n09:00 Ann: hello\r\n",
        b"<!doctype html>\r\n",
        b"<Error> said Bob\r\n",
        b'{"errorCode":1,"errorMessage":"typed by Bob"}\r\n09:00 Ann: hello\r\n',
        b'{"message":"hello"}',
        b"\xff\xfe" + "h\u00e9llo".encode("utf-16-le"),
    ],
)
def test_a_chat_of_the_promised_size_may_begin_like_a_page(content: bytes) -> None:
    assert page_instead(Kind.TEXT, "text/plain", content[:HEAD_BYTES], sized=True) is None
    assert seen(Kind.TEXT, content) == (Structure.NONE, False, None)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>Sign in</body></html>\n",
        b"<html><p>Sign in</html>",
        S3_ERROR,
        FORBIDDEN,
    ],
)
def test_a_whole_page_of_the_promised_size_is_still_a_page(kind: Kind, content: bytes) -> None:
    if kind is Kind.PAGE:
        return
    read_at = lambda at, n: content[at : at + n]  # noqa: E731
    found = examine(kind, read_at, len(content), sized=True)
    at_once = page_instead(kind, None, content, sized=True)
    assert at_once or found.is_no_file


@pytest.mark.parametrize("kind", Kind)
def test_an_empty_file_that_was_promised_is_one(kind: Kind) -> None:
    assert not seen(kind, b"")[1]


@pytest.mark.parametrize(
    ("kind", "content", "note"),
    [
        (Kind.VTT, b"WEBVTT\n\n\xc3: hello\n", "not UTF-8"),
        (Kind.JSON, b'{"a":"A\tB"}', "control characters"),
        (Kind.JSON, b'{"a":"A\xc3"}', "not UTF-8"),
        (Kind.JSON, b'{"id":1}\n{"id":2}\n', "2 JSON documents"),
        (Kind.JPEG, JPEG + b"more", "4 bytes are behind"),
    ],
)
def test_what_is_untidy_is_noted(kind: Kind, content: bytes, note: str) -> None:
    assert note in (seen(kind, content)[2] or "")


@pytest.mark.parametrize(
    ("kind", "content", "sized", "no_file"),
    [
        (Kind.MP4, b"Access denied", False, True),
        (Kind.MP4, b"Access denied", True, False),
        (Kind.MP4, b"<div>Sign in</div>", True, True),
        (Kind.MP4, b"", False, True),
        (Kind.MP4, bytes(range(200)), False, False),
        (Kind.JPEG, b"Access denied", False, True),
        (Kind.JPEG, b"\x89PNG\r\n\x1a\n", False, False),
        (Kind.VTT, b"Access denied", False, True),
        (Kind.VTT, b"1\n00:01.000 --> 00:02.000\nA\n", False, False),
        (Kind.VTT, b"", False, False),
        (Kind.JSON, b"Access denied", False, True),
        (Kind.JSON, b'{"timeline":[', False, False),
    ],
)
def test_a_message_in_the_place_of_a_file_is_none(
    kind: Kind, content: bytes, sized: bool, no_file: bool
) -> None:
    found = examine(kind, lambda at, n: content[at : at + n], len(content), sized=sized)
    assert (found.fault is not None, found.is_no_file) == (True, no_file)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_json_list_is_never_an_error(document: object) -> None:
    body = json.dumps([document]).encode()
    assert page_instead(Kind.JSON, "application/json", body) is None
    assert container(Kind.JSON, body) is None
