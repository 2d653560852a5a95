"""Which digests a reply promises, and whether they hold (rules 36 to 39)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from reelkeep.core.digests import (
    ETAG_MD5,
    HINT_SHA256,
    binding,
    broken,
    level,
    needed,
    promises,
)
from reelkeep.core.model import Level

BODY = b"hello"
HEX = {name: hashlib.new(name, BODY).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}
B64 = {name: base64.b64encode(bytes.fromhex(digest)).decode() for name, digest in HEX.items()}
S3 = {"Server": "AmazonS3", "ETag": f'"{HEX["md5"]}"'}


def read(status: int, headers: Mapping[str, str]) -> dict[str, str]:
    return promises(status, CIMultiDict(headers))


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize(
    ("headers", "names"),
    [
        ({"Repr-Digest": f"sha-256=:{B64['sha256']}:"}, ["sha256"]),
        (
            {"Repr-Digest": f"sha-512=:{B64['sha512']}:, sha-256=:{B64['sha256']}:"},
            ["sha256", "sha512"],
        ),
        ({"Digest": f"SHA-256={B64['sha256']},MD5={B64['md5']}"}, ["md5", "sha256"]),
        ({"Digest": f"sha={B64['sha1']}"}, ["sha1"]),
        ({"x-amz-checksum-sha256": B64["sha256"]}, ["sha256"]),
        (
            {"x-amz-checksum-sha1": B64["sha1"], "x-amz-checksum-type": "FULL_OBJECT"},
            ["sha1"],
        ),
        ({"x-goog-hash": f"crc32c=n03x6A==,md5={B64['md5']}"}, ["md5"]),
    ],
)
def test_rule_36_digests_of_the_whole_count_on_any_reply(
    status: int, headers: Mapping[str, str], names: list[str]
) -> None:
    assert read(status, headers) == {name: HEX[name] for name in names}


@pytest.mark.parametrize(
    "headers",
    [{"Content-Digest": f"sha-256=:{B64['sha256']}:"}, {"Content-MD5": B64["md5"]}],
)
def test_rule_36_digests_of_the_message_count_on_a_whole_one_only(
    headers: Mapping[str, str],
) -> None:
    assert len(read(200, headers)) == 1
    assert read(206, headers) == {}


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-sha256": f"{B64['sha256']}-3"},
        {"x-amz-checksum-sha256": B64["sha256"], "x-amz-checksum-type": "COMPOSITE"},
        {"x-goog-hash": f"md5={B64['md5']}", "x-guploader-response-body-transformations": "gunzip"},
        {"x-goog-hash": f"md5={B64['md5']}", "x-goog-stored-content-encoding": "gzip"},
    ],
)
def test_rule_37_digests_of_other_bytes_do_not_count(headers: Mapping[str, str]) -> None:
    assert read(200, headers) == {}


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        (S3, True),
        ({**S3, "Server": "x", "x-amz-request-id": "1"}, True),
        ({**S3, "x-amz-server-side-encryption": "AES256"}, True),
        ({**S3, "Server": "nginx"}, False),
        ({**S3, "ETag": f'"{HEX["md5"]}-2"'}, False),
        ({**S3, "ETag": f'W/"{HEX["md5"]}"'}, False),
        ({**S3, "x-amz-server-side-encryption": "aws:kms"}, False),
        ({**S3, "x-amz-server-side-encryption-customer-algorithm": "AES256"}, False),
    ],
)
def test_rule_38_an_etag_is_an_md5_only_at_s3_of_a_plain_object(
    headers: Mapping[str, str], counts: bool
) -> None:
    assert read(200, headers) == ({ETAG_MD5: HEX["md5"]} if counts else {})


@pytest.mark.parametrize(
    "value",
    ["", "sha-256", "sha-256=::", "sha-256=:AAAA:", "sha-256=:!:", "crc32c=:AAAA:", "x" * 9000],
)
def test_what_is_no_digest_promises_nothing(value: str) -> None:
    assert read(200, {"Repr-Digest": value, "Digest": value, "Content-MD5": value}) == {}


@pytest.mark.parametrize(
    ("promised", "proof"),
    [
        ({"sha256": HEX["sha256"]}, Level.DIGEST),
        ({"md5": HEX["md5"]}, Level.DIGEST),
        ({HINT_SHA256: HEX["sha256"]}, Level.DIGEST),
        ({ETAG_MD5: HEX["md5"]}, Level.ETAG_MD5),
        ({ETAG_MD5: "0" * 32}, None),
        ({HINT_SHA256: "0" * 64}, None),
        ({}, None),
    ],
)
def test_rule_39_the_level_is_what_was_really_shown(
    promised: Mapping[str, str], proof: Level | None
) -> None:
    actual = {"sha256": HEX["sha256"]} | {name: HEX[name] for name in needed(promised)}
    assert broken(promised, actual) is None
    assert level(promised, actual) is proof


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256", "sha512"])
def test_a_promise_is_broken_by_any_other_digest(name: str) -> None:
    assert broken({name: "0" * len(HEX[name])}, HEX) == name


@pytest.mark.parametrize("hint", [ETAG_MD5, HINT_SHA256])
def test_rule_4_a_hint_allows_no_resuming(hint: str) -> None:
    """A hint never accuses, so it would not show that two halves were joined."""
    assert not binding({hint: HEX["md5"]})
    assert binding({hint: HEX["md5"], "sha256": HEX["sha256"]})


def test_a_vendors_digest_of_the_wrong_length_is_ignored() -> None:
    """Zoom's SHA-256 header was seen to hold an MD5."""
    assert read(200, {"Zoom-File-SHA256": HEX["md5"]}) == {}
    assert read(200, {"Zoom-File-SHA256": HEX["sha256"].upper()}) == {HINT_SHA256: HEX["sha256"]}


@given(st.text(max_size=100), st.sampled_from(["Repr-Digest", "Digest", "Content-MD5", "ETag"]))
def test_no_header_can_make_it_raise(value: str, name: str) -> None:
    for digest in read(200, {name: value, "Server": "AmazonS3"}).values():
        bytes.fromhex(digest)
