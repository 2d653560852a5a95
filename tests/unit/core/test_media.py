"""Telling files from pages."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.core.examination import JSON_BYTES, Structure
from reelkeep.core.media import (
    HEAD_BYTES,
    MediaKind,
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


def container(kind: MediaKind, content: bytes) -> str | None:
    return examine(kind, lambda at, length: content[at : at + length], len(content)).fault


@pytest.mark.parametrize(
    ("file_type", "extension", "kind"),
    [
        ("MP4", "MP4", MediaKind.MP4),
        ("M4A", "M4A", MediaKind.MP4),
        ("MP4", "m4a", MediaKind.MP4),
        ("MP4", "", MediaKind.MP4),
        ("TB", "JPG", MediaKind.JPEG),
        ("thumbnail", "jpg", MediaKind.JPEG),
        ("TRANSCRIPT", "VTT", MediaKind.VTT),
        ("CC", "", MediaKind.VTT),
        ("CHAT", "TXT", MediaKind.TEXT),
        ("CSV", "CSV", MediaKind.TEXT),
        ("TIMELINE", "JSON", MediaKind.JSON),
        ("CHAT_MESSAGE", "", MediaKind.JSON),
        ("AIC_CONVERSATION", "JSON", MediaKind.JSON),
        ("SUMMARY", "", MediaKind.JSON),
        ("", ".mp4", MediaKind.MP4),
        ("", "", MediaKind.OPAQUE),
        ("events", "events", MediaKind.OPAQUE),
        ("SUB_GROUP_MEMBER_LOG", "", MediaKind.OPAQUE),
        ("MP4", "JPG", MediaKind.OPAQUE),
        ("CC", "SRT", MediaKind.OPAQUE),
        ("TB", "PNG", MediaKind.OPAQUE),
        ("SUMMARY", "DOCX", MediaKind.OPAQUE),
        ("MP4", "bin", MediaKind.OPAQUE),
        ("TRANSCRIPT", "TXT", MediaKind.OPAQUE),
        ("SUMMARY", "HTML", MediaKind.PAGE),
    ],
)
def test_what_is_expected_of_a_file(file_type: str, extension: str, kind: MediaKind) -> None:
    assert kind_of(file_type, extension) is kind


@pytest.mark.parametrize("kind", MediaKind)
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
def test_a_page_is_known_whatever_was_expected(kind: MediaKind, body: bytes) -> None:
    assert page_instead(kind, None, body[:HEAD_BYTES])


@pytest.mark.parametrize("kind", MediaKind)
@pytest.mark.parametrize("content_type", ["text/html", "TEXT/HTML; charset=utf-8"])
def test_html_by_its_type_is_a_page_unless_the_bytes_say_otherwise(
    kind: MediaKind, content_type: str
) -> None:
    assert (page_instead(kind, content_type, MP4) is None) is (kind is MediaKind.MP4)


@pytest.mark.parametrize("kind", [MediaKind.TEXT, MediaKind.OPAQUE])
def test_a_label_alone_does_not_outweigh_the_promised_size(kind: MediaKind) -> None:
    assert page_instead(kind, "text/html", b"09:00 Ann: hello", sized=True) is None
    assert page_instead(kind, "text/html", b"<html><body>Sign in", sized=True)


@pytest.mark.parametrize("kind", [MediaKind.MP4, MediaKind.JPEG, MediaKind.VTT])
@pytest.mark.parametrize(
    "content_type", ["application/json", "application/problem+json;x=y", "application/xml"]
)
def test_media_are_not_served_as_json(kind: MediaKind, content_type: str) -> None:
    assert page_instead(kind, content_type, b"")


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        (MediaKind.MP4, "video/mp4", MP4),
        (MediaKind.MP4, "application/octet-stream", MP4),
        (MediaKind.MP4, "text/plain", MP4),
        (MediaKind.JPEG, "image/jpeg", JPEG),
        (MediaKind.VTT, "text/vtt", VTT),
        (MediaKind.VTT, None, BOM + VTT),
        (MediaKind.JSON, "application/json", TIMELINE),
        (MediaKind.JSON, "application/json", b'[{"errorCode":401}]'),
        (MediaKind.JSON, "application/json", b"{}"),
        (MediaKind.JSON, "application/json", b'{"code":1,"message":["x"],"items":[]}'),
        (MediaKind.JSON, "application/json", b'{"message":"x","timeline":[]}'),
        (MediaKind.JSON, "application/json", b'{"status":true,"errorCode":0,"result":{}}'),
        (MediaKind.JSON, "application/json", b'{"timeline":"' + b"x" * HEAD_BYTES),
        (MediaKind.JSON, None, b'{"errorCode":0,"result":"' + b"x" * HEAD_BYTES),
        (MediaKind.TEXT, "text/plain", b"09:00:01\tFrom Ann : <html> is a tag"),
        (MediaKind.TEXT, "", b""),
        (MediaKind.OPAQUE, None, b""),
        (MediaKind.OPAQUE, "application/xml", b"<?xml version='1.0'?><events><Error/></events>"),
        (MediaKind.OPAQUE, "application/json", b'{"events":[]}'),
    ],
)
def test_a_file_is_no_page(kind: MediaKind, content_type: str | None, body: bytes) -> None:
    assert page_instead(kind, content_type, body[:HEAD_BYTES]) is None


def test_a_reason_repeats_nothing_foreign() -> None:
    assert "Forbidden" not in (page_instead(MediaKind.MP4, "x/secret", FORBIDDEN) or "")


@pytest.mark.parametrize(
    ("kind", "head", "fits"),
    [
        (MediaKind.MP4, MP4, True),
        (MediaKind.MP4, b"\0\0\0\x08wide", True),
        (MediaKind.MP4, b"ftyp", False),
        (MediaKind.MP4, b"", False),
        (MediaKind.JPEG, JPEG, True),
        (MediaKind.JPEG, b"\x89PNG\r\n", False),
        (MediaKind.JPEG, b"", False),
        (MediaKind.VTT, VTT, True),
        (MediaKind.VTT, BOM + b"WEBVTT", True),
        (MediaKind.VTT, b"WEBVTTX", False),
        (MediaKind.VTT, b"", False),
        (MediaKind.TEXT, b"", True),
        (MediaKind.OPAQUE, b"", True),
        (MediaKind.OPAQUE, b"\0\1\2", True),
    ],
)
def test_how_a_file_may_begin(kind: MediaKind, head: bytes, fits: bool) -> None:
    assert magic_ok(kind, head) is fits


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (MediaKind.MP4, MP4),
        (MediaKind.JPEG, JPEG),
        (MediaKind.JPEG, JPEG + b"\0" * 60),
        (MediaKind.JPEG, JPEG + b"\0" * 64),
        (MediaKind.VTT, b"WEBVTT\n\xff\xfe"),
        (MediaKind.VTT, b"\n \nWEBVTT\n"),
        (MediaKind.JSON, b'{"a":"unescaped "quote""}'),
        (MediaKind.JSON, b'{"a":"' + b"\xff" * 600 + b'"}'),
        (MediaKind.JSON, b"null"),
        (MediaKind.JSON, b'{"a":1}\n{"a":2}\n'),
        (MediaKind.JSON, b'{"a":"x\ty"}'),
        (MediaKind.JSON, b'{"a":1}\0\0'),
        (MediaKind.JSON, b'{"a":NaN,}'),
        (MediaKind.VTT, VTT),
        (MediaKind.VTT, b"WEBVTT\n" + "\u4f1a".encode() * 5000),
        (MediaKind.VTT, b"WEBVTT\n0" + "\u4f1a".encode() * 5000),
        (MediaKind.VTT, b"WEBVTT\n01" + "\u4f1a".encode() * 5000 + b"\n"),
        (MediaKind.JSON, TIMELINE),
        (MediaKind.JSON, BOM + TIMELINE),
        (MediaKind.JSON, json.dumps(["x" * 1000] * 3000).encode()),
        (MediaKind.TEXT, b""),
        (MediaKind.OPAQUE, b""),
    ],
)
def test_a_whole_file_passes(kind: MediaKind, content: bytes) -> None:
    assert container(kind, content) is None


@pytest.mark.parametrize(
    ("kind", "content", "complaint"),
    [
        (MediaKind.MP4, MP4[:-1], "truncated"),
        (MediaKind.MP4, b"", "does not begin like mp4"),
        (MediaKind.JPEG, JPEG[:-1], "truncated"),
        (MediaKind.JPEG, JPEG[:40], "truncated"),
        (MediaKind.JPEG, b"\x89PNG\r\n\x1a\n", "begins like a PNG picture"),
        (MediaKind.MP4, b"\x1aE\xdf\xa3" * 9, "begins like a Matroska"),
        (MediaKind.TEXT, b"\xff\xd8\xff\xe0", "begins like a JPEG"),
        (MediaKind.VTT, b"", "does not begin like vtt"),
        (MediaKind.VTT, b"WEBVTT\n\n00:01.000 --> 00:0", "within the times"),
        (MediaKind.VTT, b"WEBVTT\n" + "\u4f1a".encode()[:-1], "cut"),
        (MediaKind.VTT, b"WEBVTT\n" + b"x" * 9000 + "\u4f1a".encode()[:-1], "cut"),
        (MediaKind.JSON, TIMELINE[:-1], "cut"),
        (MediaKind.JSON, b"[" * 100_000, "cut"),
        (MediaKind.JSON, b'{"a":1}\n{"a":', "cut"),
        (MediaKind.JSON, b"hello", "cut"),
        (MediaKind.JSON, FORBIDDEN, "JSON error"),
    ],
)
def test_a_broken_file_is_named(kind: MediaKind, content: bytes, complaint: str) -> None:
    assert complaint in (container(kind, content) or "")


@pytest.mark.parametrize(
    ("kind", "begins", "taken"),
    [
        (MediaKind.JPEG, b"\x89PNG\r\n\x1a\n", True),
        (MediaKind.JPEG, b"GIF89a", True),
        (MediaKind.MP4, b"\x1aE\xdf\xa3", True),
        (MediaKind.MP4, b"RIFF\0\0\0\0WAVE", True),
        (MediaKind.MP4, b"\x89PNG\r\n\x1a\n", False),
        (MediaKind.JPEG, b"%PDF-", False),
        (MediaKind.VTT, b"PK\3\4", False),
    ],
)
def test_a_medium_by_another_name_is_taken_if_its_size_was_promised(
    kind: MediaKind, begins: bytes, taken: bool
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

    assert examine(MediaKind.JSON, read_at, JSON_BYTES + 1).fault == verdict
    assert sum(reads) < 10_000


@given(st.sampled_from(MediaKind), st.none() | st.text(), st.binary(max_size=600))
def test_arbitrary_bytes_raise_nothing(
    kind: MediaKind, content_type: str | None, body: bytes
) -> None:
    page_instead(kind, content_type, body[:HEAD_BYTES])
    assert magic_ok(kind, body) or container(kind, body) or not body


def seen(kind: MediaKind, content: bytes) -> tuple[Structure, bool, str | None]:
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
    assert page_instead(MediaKind.TEXT, "text/plain", content[:HEAD_BYTES], sized=True) is None
    assert seen(MediaKind.TEXT, content) == (Structure.NONE, False, None)


@pytest.mark.parametrize("kind", MediaKind)
@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><html><body>Sign in</body></html>\n",
        b"<html><p>Sign in</html>",
        S3_ERROR,
        FORBIDDEN,
    ],
)
def test_a_whole_page_of_the_promised_size_is_still_a_page(kind: MediaKind, content: bytes) -> None:
    if kind is MediaKind.PAGE:
        return
    read_at = lambda at, n: content[at : at + n]  # noqa: E731
    found = examine(kind, read_at, len(content), sized=True)
    at_once = page_instead(kind, None, content, sized=True)
    assert at_once or found.is_no_file


@pytest.mark.parametrize("kind", MediaKind)
def test_an_empty_file_that_was_promised_is_one(kind: MediaKind) -> None:
    assert not seen(kind, b"")[1]


@pytest.mark.parametrize(
    ("kind", "content", "note"),
    [
        (MediaKind.VTT, b"WEBVTT\n\n\xc3: hello\n", "not UTF-8"),
        (MediaKind.JSON, b'{"a":"A\tB"}', "control characters"),
        (MediaKind.JSON, b'{"a":"A\xc3"}', "not UTF-8"),
        (MediaKind.JSON, b'{"id":1}\n{"id":2}\n', "2 JSON documents"),
        (MediaKind.JPEG, JPEG + b"more", "4 bytes are behind"),
    ],
)
def test_what_is_untidy_is_noted(kind: MediaKind, content: bytes, note: str) -> None:
    assert note in (seen(kind, content)[2] or "")


@pytest.mark.parametrize(
    ("kind", "content", "sized", "no_file"),
    [
        (MediaKind.MP4, b"Access denied", False, True),
        (MediaKind.MP4, b"Access denied", True, False),
        (MediaKind.MP4, b"<div>Sign in</div>", True, True),
        (MediaKind.MP4, b"", False, True),
        (MediaKind.MP4, bytes(range(200)), False, False),
        (MediaKind.JPEG, b"Access denied", False, True),
        (MediaKind.JPEG, b"\x89PNG\r\n\x1a\n", False, False),
        (MediaKind.VTT, b"Access denied", False, True),
        (MediaKind.VTT, b"1\n00:01.000 --> 00:02.000\nA\n", False, False),
        (MediaKind.VTT, b"", False, False),
        (MediaKind.JSON, b"Access denied", False, True),
        (MediaKind.JSON, b'{"timeline":[', False, False),
    ],
)
def test_a_message_in_the_place_of_a_file_is_none(
    kind: MediaKind, content: bytes, sized: bool, no_file: bool
) -> None:
    found = examine(kind, lambda at, n: content[at : at + n], len(content), sized=sized)
    assert (found.fault is not None, found.is_no_file) == (True, no_file)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_a_json_list_is_never_an_error(document: object) -> None:
    body = json.dumps([document]).encode()
    assert page_instead(MediaKind.JSON, "application/json", body) is None
    assert container(MediaKind.JSON, body) is None
