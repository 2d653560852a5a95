"""What the head of a download's reply means (rules 15, 18, 22, 23 and 50)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from reelkeep.core.media import MediaKind
from reelkeep.core.replies import content_problem, encoding_problem, foreign_coding, problem
from reelkeep.errors import (
    Expired,
    Garbled,
    NotFound,
    Refused,
    RefusedForNow,
    Remedy,
    Throttled,
    TransferError,
    Unauthorized,
    Unreachable,
)

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
MP4_HEAD = b"\x00\x00\x00\x18ftypmp42"


def meant(
    status: int, headers: Mapping[str, str] | None = None, *, credentialed: bool = True
) -> TransferError | None:
    return problem(status, headers or {}, now=NOON, credentialed=credentialed)


@pytest.mark.parametrize("status", [200, 206, 416])
def test_some_statuses_are_about_bytes(status: int) -> None:
    assert meant(status) is None


@pytest.mark.parametrize(
    ("status", "credentialed", "error"),
    [
        (401, True, Unauthorized),
        (401, False, Unauthorized),
        (403, True, Unauthorized),
        (403, False, Expired),
        (400, True, RefusedForNow),
        (400, False, Expired),
        (404, True, NotFound),
        (410, True, Expired),
        *((status, True, Unreachable) for status in (407, 408, 500, 502, 504, 520, 529, 599)),
        *((status, True, Throttled) for status in (429, 503)),
        *((status, True, Refused) for status in (405, 406, 414, 451, 501, 505)),
        *((status, True, RefusedForNow) for status in (402, 409, 418, 421, 423, 425, 499)),
        *((status, True, Garbled) for status in (201, 204, 300, 304)),
    ],
)
def test_rules_22_and_50_every_other_status_has_its_error(
    status: int, credentialed: bool, error: type[TransferError]
) -> None:
    assert type(meant(status, credentialed=credentialed)) is error


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_rule_22_a_signed_address_that_is_refused_is_replaced(status: int) -> None:
    error = meant(status, credentialed=False)
    assert error is not None
    assert error.remedy is Remedy.REFRESH


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("120", 120.0),
        ("Mon, 05 Jan 2026 12:02:00 GMT", 120.0),
        ("2026-01-05T12:02:00Z", 120.0),
        ("Mon, 05 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_rule_51_retry_after_is_read_in_all_its_forms(
    status: int, value: str, after: float | None
) -> None:
    error = meant(status, {"Retry-After": value})
    assert isinstance(error, Throttled)
    assert error.after == after


@pytest.mark.parametrize(
    ("coding", "fine"),
    [
        ("", True),
        ("identity", True),
        (" Identity ", True),
        ("gzip", False),
        ("br, gzip", False),
        ("X-Gzip", False),
        ("deflate", False),
        ("compress", False),
        ("x-compress", False),
        ("zstd", False),
        ("aws-chunked", True),
        ("UTF-8", True),
        ("identity, aws-chunked", True),
        ("aws-chunked,gzip", False),
        ("binary", True),
        (",", True),
    ],
)
def test_rule_15_bug_36_only_the_files_own_bytes_are_taken(coding: str, fine: bool) -> None:
    assert (encoding_problem({"Content-Encoding": coding}) is None) is fine


@pytest.mark.parametrize(
    ("kind", "content_type", "head", "fine"),
    [
        (MediaKind.MP4, "video/mp4", MP4_HEAD, True),
        (MediaKind.MP4, "application/octet-stream", MP4_HEAD, True),
        (MediaKind.MP4, None, MP4_HEAD, True),
        (MediaKind.MP4, "video/mp4", b"\x00" * 512, True),
        (MediaKind.MP4, "text/html", MP4_HEAD, True),
        (MediaKind.MP4, "text/html", b"\x00" * 512, False),
        (MediaKind.MP4, "video/mp4", b'{"status":false,"errorCode":401}', False),
        (MediaKind.OPAQUE, "text/html; charset=utf-8", b"Passcode Required", False),
        (MediaKind.OPAQUE, "application/octet-stream", b"<!DOCTYPE html><html>", False),
        (MediaKind.OPAQUE, None, b"", True),
        (MediaKind.VTT, "text/vtt", b"WEBVTT\n\n", True),
        (MediaKind.JSON, "application/json", b'{"timeline":[]}', True),
        (MediaKind.JSON, "application/json", b'{"status":false,"errorCode":401}', False),
    ],
)
def test_rule_18_a_page_is_not_the_file(
    kind: MediaKind, content_type: str | None, head: bytes, fine: bool
) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert (content_problem(kind, headers, head) is None) is fine


def test_no_text_of_a_reply_is_repeated() -> None:
    secret = "x-secret"
    headers = {"Content-Type": secret, "Content-Encoding": secret, "Retry-After": secret}
    errors = [
        meant(429, headers),
        encoding_problem(headers),
        content_problem(MediaKind.MP4, headers, b"{" + secret.encode()),
    ]
    assert all(secret not in str(error) for error in errors)


@pytest.mark.parametrize(
    ("coding", "label"),
    [
        ("", None),
        ("identity", None),
        ("gzip", None),
        ("aws-chunked", "aws-chunked"),
        ("UTF-8", "utf-8"),
        ("identity, aws-chunked", "aws-chunked"),
        ("<script>", "something that is no encoding"),
        ("x" * 41, "something that is no encoding"),
    ],
)
def test_a_label_that_names_no_encoding_is_told(coding: str, label: str | None) -> None:
    assert foreign_coding({"Content-Encoding": coding}) == label


def test_a_refusal_that_may_pass_is_asked_again_when_its_host_says() -> None:
    found = meant(423, {"Retry-After": "90"})
    assert isinstance(found, RefusedForNow)
    assert found.after == 90
