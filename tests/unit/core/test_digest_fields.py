"""How digests are read from header fields (RFC 9530, RFC 8941, RFC 3230)."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from reelkeep.core.digests import DIGITS, dictionary, digest_field, one, plain

SHA256 = hashlib.sha256(b"hello").hexdigest()
MD5 = hashlib.md5(b"hello").hexdigest()
CRC32C = "9a71bb4c"


def b64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest)).decode()


S, M, C = b64(SHA256), b64(MD5), b64(CRC32C)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"sha-256=:{S}:", {"sha256": SHA256}),
        (f"sha-256=:{S}:,md5=:{M}:", {"sha256": SHA256, "md5": MD5}),
        (f"crc32c=:{C}:", {"crc32c": CRC32C}),
        ("adler=:A9oBlQ==:", {"adler32": "03da0195"}),
        (f"sha=:{b64('ab' * 20)}:", {"sha1": "ab" * 20}),
        (f"sha-512=:{b64('ab' * 64)}:", {"sha512": "ab" * 64}),
        # white space, capitals, no padding
        (f" \tmd5=:{M}: , \t sha-256=:{S}:\t", {"sha256": SHA256, "md5": MD5}),
        (f"SHA-256=:{S}:", {"sha256": SHA256}),
        (f"sha-256=:{S.rstrip('=')}:", {"sha256": SHA256}),
        # parameters, also with commas, quotes and digests in them
        (f"md5=:{M}:;a;b=1; c=:AAAA:, sha-256=:{S}:", {"sha256": SHA256, "md5": MD5}),
        (f'md5=:{M}:;say="x, \\"y\\", z", sha-256=:{S}:', {"sha256": SHA256, "md5": MD5}),
        (f'md5=:{M}:;say="x, sha-256=:{S}:, z"', {"md5": MD5}),
        (f'md5=:{M}:;say="x, sha-256=:{S}:', {"md5": MD5}),
        # the last of several (RFC 8941, section 3.2)
        (f"md5=:{b64('00' * 16)}:, md5=:{M}:", {"md5": MD5}),
        # what cannot be read spoils nothing else
        (f"sha-512=:AAAA:,,=,x, md5=:{M}:, sha-256=1, sha-256, crc32c=:{S}:", {"md5": MD5}),
        # what is not registered, or not for this field
        (f"crc32=:{C}:, unixsum=:AAA=:, unixcksum=:{C}:, x-md5=:{M}:, adler16=:AAA=:", {}),
        # other types: text, token, list
        (f'md5="{M}"', {}),
        (f"md5={M}", {}),
        (f"md5=(:{M}:)", {}),
        (f"md5=:{M}", {}),
        (f"md5=:{M}:x", {}),
        (f"md5= :{M}:", {}),
        ("md5=:_-__AAAAAAAAAAAAAAAAAAA=:", {}),
        ("md5=::", {}),
        ("", {}),
        ("é=:AAAA:", {}),
    ],
)
def test_a_dictionary(value: str, expected: dict[str, str]) -> None:
    assert dictionary({"Repr-Digest": value}, "Repr-Digest") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"SHA-256={S},MD5={M}", {"sha256": SHA256, "md5": MD5}),
        (f"sha-256={S} ,  md5={M};q=1", {"sha256": SHA256, "md5": MD5}),
        # IANA's registry has these in hex
        ("CRC32c=0a72a4df", {"crc32c": "0a72a4df"}),
        ("crc32c=A72A4DF", {"crc32c": "0a72a4df"}),
        ("ADLER32=03da0195,MD5=x", {"adler32": "03da0195"}),
        ("adler32=3DA0195", {"adler32": "03da0195"}),
        # and some servers in Base64
        (f"crc32c={C}", {"crc32c": CRC32C}),
        ("adler32=A9oBlQ==", {"adler32": "03da0195"}),
        # but never others in hex, or without padding
        (f"md5={MD5}", {}),
        (f"sha-256={SHA256}", {}),
        (f"crc32c={C.rstrip('=')}", {}),
        ("crc32c=123456789", {}),
        (f"md5=:{M}:", {}),
        ("UNIXsum=30637, UNIXcksum=12, crc32=cbf43926", {}),
    ],
)
def test_the_older_field(value: str, expected: dict[str, str]) -> None:
    assert digest_field({"Digest": value}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"crc32c={C},md5={M}", {"crc32c": CRC32C, "md5": MD5}),
        ("crc32c=n03x6A==", {"crc32c": "9f4df1e8"}),
        ("crc32c=0a72a4df", {}),
        (f"crc32c={C.rstrip('=')}", {}),
    ],
)
def test_a_plain_list(value: str, expected: dict[str, str]) -> None:
    assert plain({"x-goog-hash": value}, "x-goog-hash") == expected


def test_all_lines_are_read() -> None:
    lines = CIMultiDict([("Digest", f"md5={M}"), ("digest", f"sha-256={S}")])
    assert digest_field(lines) == {"md5": MD5, "sha256": SHA256}


def test_a_field_that_is_too_long_promises_nothing() -> None:
    """Its end might be cut off, and half a checksum looks like another."""
    assert digest_field({"Digest": f"md5={M}" + "," * 8200}) == {}


@pytest.mark.parametrize("name", DIGITS)
def test_a_single_digest_has_the_length_of_its_kind(name: str) -> None:
    digest = "0f" * (DIGITS[name] // 2)
    assert one(name, f" {b64(digest)} ") == {name: digest}
    for other in (digest[2:], digest + "00", ""):
        assert one(name, b64(other)) == {}
    assert one(name, f"{b64(digest)}-3") == {}


NOISE = st.text(st.sampled_from('=:;,"\\ \t-?0aZ/+é\x00') | st.characters(codec="latin-1"))
VALUES = NOISE | st.lists(
    st.sampled_from(["sha-256", "MD5", "crc32c", "adler32", "x"]).flatmap(
        lambda key: NOISE.map(lambda noise: f"{key}={noise}")
    )
    | st.sampled_from([f"md5=:{M}:", f"crc32c={C}", ';a="', '"'])
).map(",".join)


@given(VALUES)
def test_nothing_makes_it_raise_and_all_it_finds_can_be_compared(value: str) -> None:
    fields = {"Digest": value, "Repr-Digest": value}
    for found in (dictionary(fields, "Repr-Digest"), digest_field(fields), plain(fields, "Digest")):
        for name, digest in found.items():
            assert len(digest) == DIGITS[name]
            assert digest == bytes.fromhex(digest).hex()


@given(
    st.dictionaries(
        st.sampled_from(["sha-256", "md5", "crc32c"]),
        st.sampled_from(["", ";a", ";a=1;b", ';s=", ,\\"";t', ";u=:AAAA:"]),
    ),
    st.sampled_from([",", ", ", " ,\t"]),
)
def test_a_good_dictionary_is_read_in_full(members: dict[str, str], comma: str) -> None:
    values = {"sha-256": SHA256, "md5": MD5, "crc32c": CRC32C}
    field = comma.join(f"{key}=:{b64(values[key])}:{rest}" for key, rest in members.items())
    expected = {values[key] for key in members}
    assert set(dictionary({"Repr-Digest": field}, "Repr-Digest").values()) == expected
