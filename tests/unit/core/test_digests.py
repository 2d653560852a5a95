"""Which digests a reply promises, and whether they hold (rules 36 to 39)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

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

BODY = b"123456789"
HEX = {name: hashlib.new(name, BODY).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}
HEX |= {
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "adler32": "091e01de",
}
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
        ({"Repr-Digest": f"crc32c=:{B64['crc32c']}:;a=1"}, ["crc32c"]),
        ({"Repr-Digest": f"adler=:{B64['adler32']}:"}, ["adler32"]),
        ({"Digest": "CRC32c=e3069283, ADLER32=91e01de"}, ["adler32", "crc32c"]),
        ({"x-goog-hash": f"crc32c={B64['crc32c']},md5={B64['md5']}"}, ["crc32c", "md5"]),
        ({"x-goog-hash": f"crc32c={B64['crc32c']}"}, ["crc32c"]),
        (
            {"x-goog-hash": f"md5={B64['md5']}", "x-goog-stored-content-encoding": "identity"},
            ["md5"],
        ),
    ],
)
def test_rule_36_digests_of_the_whole_count_on_any_reply(
    status: int, headers: Mapping[str, str], names: list[str]
) -> None:
    assert read(status, headers) == {name: HEX[name] for name in names}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Digest": f"sha-256=:{B64['sha256']}:"},
        {"Content-Digest": f"crc32c=:{B64['crc32c']}:"},
        {"Content-MD5": B64["md5"]},
    ],
)
def test_rule_36_digests_of_the_message_count_on_a_whole_one_only(
    headers: Mapping[str, str],
) -> None:
    assert len(read(200, headers)) == 1
    assert read(206, headers) == {}


def test_rule_36_all_lines_of_a_field_are_read() -> None:
    lines = [
        ("x-goog-hash", f"crc32c={B64['crc32c']}"),
        ("x-goog-hash", f"md5={B64['md5']}"),
        ("Repr-Digest", f"sha-256=:{B64['sha256']}:"),
        ("repr-digest", f"sha-512=:{B64['sha512']}:"),
    ]
    found = promises(206, CIMultiDictProxy(CIMultiDict(lines)))
    assert found == {name: HEX[name] for name in ("crc32c", "md5", "sha256", "sha512")}


def test_rule_36_the_field_that_is_defined_better_has_its_way() -> None:
    """Digest was read as one of the message by some (RFC 9530, section 1)."""
    other = base64.b64encode(bytes(32)).decode()
    both = {"Repr-Digest": f"sha-256=:{B64['sha256']}:", "Digest": f"sha-256={other}"}
    assert read(206, both) == {"sha256": HEX["sha256"]}


AT_AMAZON = ["sha512", "sha256", "sha1", "md5", "crc64nvme", "crc32c", "crc32"]


@pytest.mark.parametrize("name", AT_AMAZON)
@pytest.mark.parametrize(
    "more", [{}, *({"x-amz-checksum-type": kind} for kind in ("FULL_OBJECT", " full_object "))]
)
def test_rule_37_a_checksum_of_a_whole_object_counts(name: str, more: dict[str, str]) -> None:
    assert read(200, {f"X-Amz-Checksum-{name}": B64[name], **more}) == {name: HEX[name]}


@pytest.mark.parametrize("name", AT_AMAZON)
def test_rule_37_a_checksum_of_checksums_does_not(name: str) -> None:
    field = f"x-amz-checksum-{name}"
    assert read(200, {field: f"{B64[name]}-3"}) == {}
    for kind in ("COMPOSITE", "composite", "SOMETHING_NEW"):
        assert read(200, {field: B64[name], "x-amz-checksum-type": kind}) == {}


@pytest.mark.parametrize("name", AT_AMAZON)
def test_rule_37_what_s3_says_of_a_range_is_of_a_part_of_it(name: str) -> None:
    """Or of checksums, without saying so (botocore#3346)."""
    assert read(206, {f"x-amz-checksum-{name}": B64[name]}) == {}


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize(
    "more",
    [
        {"x-guploader-response-body-transformations": "gunzipped"},
        {"x-goog-stored-content-encoding": "gzip"},
        {"x-goog-stored-content-encoding": " GZIP "},
        {"Warning": "214 UploadServer gunzipped"},
    ],
)
def test_rule_37_digests_of_stored_bytes_that_were_decompressed_do_not_count(
    status: int, more: dict[str, str]
) -> None:
    stored = {"x-goog-hash": f"crc32c={B64['crc32c']},md5={B64['md5']}"}
    assert len(read(status, stored)) == 2
    assert read(status, {**stored, **more}) == {}


@pytest.mark.parametrize(
    ("headers", "counts"),
    [
        (S3, True),
        ({**S3, "Server": "x", "x-amz-request-id": "1"}, True),
        ({**S3, "x-amz-server-side-encryption": "AES256"}, True),
        ({**S3, "Server": "nginx"}, False),
        ({**S3, "ETag": f'"{HEX["md5"]}-2"'}, False),
        ({**S3, "ETag": f'W/"{HEX["md5"]}"'}, False),
        ({**S3, "ETag": HEX["md5"].upper()}, True),
        ({**S3, "ETag": f'"{HEX["sha1"]}"'}, False),
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
    fields = ["Repr-Digest", "Digest", "Content-MD5", "Content-Digest", "x-goog-hash", "ETag"]
    fields += [f"x-amz-checksum-{name}" for name in AT_AMAZON]
    assert read(200, {"Server": "AmazonS3", **dict.fromkeys(fields, value)}) == {}


@pytest.mark.parametrize(
    ("promised", "proof"),
    [
        ({"sha256": HEX["sha256"]}, Level.DIGEST),
        ({"md5": HEX["md5"]}, Level.DIGEST),
        ({HINT_SHA256: HEX["sha256"]}, Level.DIGEST),
        ({ETAG_MD5: HEX["md5"]}, Level.ETAG_MD5),
        ({"crc32": HEX["crc32"]}, Level.CRC),
        ({"crc32c": HEX["crc32c"]}, Level.CRC),
        ({"crc64nvme": HEX["crc64nvme"]}, Level.CRC),
        ({"adler32": HEX["adler32"]}, Level.CRC),
        # the strongest of several
        ({"crc32c": HEX["crc32c"], "md5": HEX["md5"]}, Level.DIGEST),
        ({"crc32c": HEX["crc32c"], HINT_SHA256: HEX["sha256"]}, Level.DIGEST),
        ({"crc32c": HEX["crc32c"], ETAG_MD5: HEX["md5"]}, Level.ETAG_MD5),
        ({"crc32c": HEX["crc32c"], ETAG_MD5: "0" * 32}, Level.CRC),
        ({ETAG_MD5: "0" * 32}, None),
        ({HINT_SHA256: "0" * 64}, None),
        ({"one-of-later": "00"}, None),
        ({}, None),
    ],
)
def test_rule_39_the_level_is_what_was_really_shown(
    promised: Mapping[str, str], proof: Level | None
) -> None:
    actual = {"sha256": HEX["sha256"]} | {name: HEX[name] for name in needed(promised)}
    assert broken(promised, actual) is None
    assert level(promised, actual) is proof


def test_rule_39_levels_are_listed_from_the_strongest_on() -> None:
    assert [each.value for each in Level] == [
        "digest", "etag-md5", "crc", "size+samples", "size+container", "size", "container", "none",
    ]  # fmt: skip


@pytest.mark.parametrize("name", HEX)
def test_a_promise_is_broken_by_any_other_digest(name: str) -> None:
    assert broken({name: "0" * len(HEX[name])}, HEX) == name


def test_one_broken_promise_is_enough() -> None:
    assert broken({"sha256": HEX["sha256"], "crc32c": "00000000"}, HEX) == "crc32c"


@pytest.mark.parametrize("name", HEX)
def test_only_what_is_promised_is_computed(name: str) -> None:
    assert needed({name: HEX[name]}) == ([] if name == "sha256" else [name])


def test_what_a_hint_takes_is_computed_too() -> None:
    assert needed({ETAG_MD5: HEX["md5"], HINT_SHA256: HEX["sha256"], "crc32": "0"}) == [
        "crc32",
        "md5",
    ]


@pytest.mark.parametrize("name", sorted(HEX.keys() - {"adler32"}))
def test_rule_4_a_digest_or_a_crc_of_the_whole_allows_resuming(name: str) -> None:
    assert binding({name: HEX[name]})


@pytest.mark.parametrize("hint", [ETAG_MD5, HINT_SHA256, "adler32", "one-of-later"])
def test_rule_4_a_hint_or_a_weak_sum_allows_no_resuming(hint: str) -> None:
    """It never accuses, or too seldom, so it would not show that two halves were joined."""
    assert not binding({hint: HEX["md5"]})
    assert binding({hint: HEX["md5"], "sha256": HEX["sha256"]})


def test_a_vendors_digest_of_the_wrong_length_is_ignored() -> None:
    """Zoom's SHA-256 header was seen to hold an MD5."""
    assert read(200, {"Zoom-File-SHA256": HEX["md5"]}) == {}
    assert read(200, {"Zoom-File-SHA256": HEX["sha256"].upper()}) == {HINT_SHA256: HEX["sha256"]}


NAMES = ["Repr-Digest", "Digest", "Content-Digest", "Content-MD5", "ETag", "x-goog-hash", "Warning"]
NAMES += ["x-amz-checksum-crc32c", "x-amz-checksum-type", "Zoom-File-SHA256"]


@given(
    st.sampled_from([200, 206]),
    st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=100)), max_size=6),
)
def test_no_header_can_make_it_raise(status: int, lines: list[tuple[str, str]]) -> None:
    for digest in promises(status, CIMultiDict([("Server", "AmazonS3"), *lines])).values():
        bytes.fromhex(digest)
