"""Read digests as HTTP fields write them, and tell whether those of a whole file hold.

    Repr-Digest: sha-256=:<Base64>:;a=1, crc32c=:<Base64>:    a dictionary of RFC 8941; RFC 9530
    Digest: SHA-256=<Base64>,CRC32c=a72a4df                   RFC 3230, and IANA's registry for it
    x-goog-hash: crc32c=<Base64>,md5=<Base64>                 Google's

A digest is returned as lower-case hex, under a name of `DIGITS`. What cannot be read is left out,
as is an algorithm that is not registered (the `crc32` of one server is another's `cksum`) or that
no well-kept library computes (unixsum, unixcksum). Nothing here is ever an error.

Sources: RFC 9530 (Repr-Digest, Content-Digest), RFC 3230 (Digest), RFC 1864 (Content-MD5), the
manuals of S3 and of Google Cloud Storage; rules 36 to 39 of the transfer notes. A promise is kept
as a name of `digest_fields.DIGITS`, or of a hint below, and the lower-case hex digest.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final

from reelkeep.core.model import Level
from reelkeep.core.replies import joined

DIGITS: Final[Mapping[str, int]] = {
    "sha512": 128,
    "sha256": 64,
    "sha1": 40,
    "md5": 32,
    "crc64nvme": 16,
    "crc32c": 8,
    "crc32": 8,
    "adler32": 8,
}
"""The digests that can be checked, each with the length of its hex.

The names are hashlib's, and those of checksums where it has none.
"""

_REGISTERED: Final = {
    "sha-512": "sha512",
    "sha-256": "sha256",
    "sha": "sha1",
    "md5": "md5",
    "crc32c": "crc32c",
    "adler": "adler32",  # as RFC 9530 has it
    "adler32": "adler32",  # as the older registry has it
}
_LONGEST: Final = 8192
"""Characters of a field that are looked at, all its lines together: a cut one promises nothing."""

_MEMBER = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_DICTIONARY = re.compile(r"\s*([\w.*-]+)=:([\w+/]*=*):\s*(?:;.*)?", re.ASCII)
_PLAIN = re.compile(r"\s*([\w-]+)=([\w+/]+=*)\s*(?:;.*)?", re.ASCII)
_HEX = re.compile(r"[0-9A-Fa-f]{1,8}")

_Decode = Callable[[str, str], str | None]


def dictionary(headers: Mapping[str, str], field: str) -> dict[str, str]:
    """Return the digests of a Repr-Digest or Content-Digest field, by name.

    More is understood than may be sent: capitals, no padding, parameters of any kind.
    """
    return _members(joined(headers, field), _DICTIONARY, _unpadded)


def digest_field(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the digests of a Digest field, by name.

    The registry has the 32-bit ones as up to 8 hex digits; some servers send them as Base64 all
    the same (xrootd#2456), whose padding tells it from hex.
    """
    return _members(joined(headers, "Digest"), _PLAIN, _short_or_base64)


def plain(headers: Mapping[str, str], field: str) -> dict[str, str]:
    """Return the digests of a field that is a list of `algorithm=Base64`, by name."""
    return _members(joined(headers, field), _PLAIN, from_base64)


def one(name: str, encoded: str) -> dict[str, str]:
    """Return the digest `name` if `encoded` is its Base64."""
    digest = from_base64(name, encoded)
    return {} if digest is None else {name: digest}


def from_base64(name: str, encoded: str) -> str | None:
    """Return the hex of `encoded`; None unless it is Base64 of as many bytes as `name` has."""
    try:
        digest = base64.b64decode(encoded.strip(), validate=True).hex()
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == DIGITS[name] else None


def _members(value: str, pattern: re.Pattern[str], decode: _Decode) -> dict[str, str]:
    found: dict[str, str] = {}
    if len(value) > _LONGEST:
        return found
    for member in _MEMBER.findall(value):
        match = pattern.fullmatch(member)
        name = _REGISTERED.get(match.group(1).lower()) if match else None
        digest = decode(name, match.group(2)) if match and name else None
        if name and digest:
            found[name] = digest
    return found


def _unpadded(name: str, encoded: str) -> str | None:
    return from_base64(name, encoded + "=" * (-len(encoded) % 4))


def _short_or_base64(name: str, encoded: str) -> str | None:
    if DIGITS[name] == 8 and _HEX.fullmatch(encoded):
        return encoded.lower().rjust(8, "0")
    return from_base64(name, encoded)


ETAG_MD5 = "etag-md5"
"""The name under which an ETag that may be an MD5 is kept: it can confirm, and never accuse."""

HINT_SHA256 = "hint-sha256"
"""A vendor's SHA-256 that was seen to lie: it can confirm, and never accuse."""

CHECKSUMS: Final = frozenset({"adler32", "crc32", "crc32c", "crc64nvme"})
"""What shows that nothing happened on the way, and not which file it is."""

_AT_AMAZON = ("sha512", "sha256", "sha1", "md5", "crc64nvme", "crc32c", "crc32")
_FIELDS = frozenset(
    {"repr-digest", "content-digest", "digest", "content-md5", "x-goog-hash"}
    | {f"x-amz-checksum-{name}" for name in _AT_AMAZON}
)


def promises(status: int, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the digests that a 200 or 206 reply promises of the whole, by name.

    What is not of the bytes we get, or perhaps not of all of them, is left out (rules 36 to 38).
    Of two that contradict each other the field that is defined better has its way.
    """
    found = _hints(headers)
    if _FIELDS.isdisjoint(map(str.lower, headers)):  # as of most replies
        return found
    found |= _google(headers)
    if status == 200:
        found |= _amazon(headers)
        found |= one("md5", headers.get("Content-MD5", ""))
        found |= dictionary(headers, "Content-Digest")
    return found | digest_field(headers) | dictionary(headers, "Repr-Digest")


def binding(promised: Mapping[str, str]) -> bool:
    """Return whether `promised` would show that two halves of different files were joined.

    A CRC would, too: halves that do not belong together have the CRC of the whole once in 2^32
    (or 2^64) times, and a stretch of differences that is no longer than itself it never misses.
    That it can be forged is no matter here: who can send us forged bytes can send their SHA-256
    with them. An Adler-32 would not do, it spreads what it is fed too little (RFC 3309).
    """
    return any(name in DIGITS and name != "adler32" for name in promised)


def needed(promised: Mapping[str, str]) -> list[str]:
    """Return the names, beyond sha256, of what must be computed to check `promised`."""
    names = {"md5" if name == ETAG_MD5 else name for name in promised}
    return sorted(names & DIGITS.keys() - {"sha256"})


def broken(promised: Mapping[str, str], actual: Mapping[str, str]) -> str | None:
    """Return the name of a promise that `actual` (hex by name) breaks, if any.

    One is enough, whatever others hold: the bytes or the promise went wrong somewhere.
    """
    for name, digest in promised.items():
        if name in actual and actual[name] != digest:
            return name
    return None


def level(promised: Mapping[str, str], actual: Mapping[str, str]) -> Level | None:
    """Return how far `actual` proves the bytes by `promised`; None if it proves nothing."""
    kept = {name for name, digest in promised.items() if actual.get(name) == digest}
    if kept - CHECKSUMS or actual["sha256"] == promised.get(HINT_SHA256):
        return Level.DIGEST
    if ETAG_MD5 in promised and actual.get("md5") == promised[ETAG_MD5]:
        return Level.ETAG_MD5
    return Level.CRC if kept else None


def _amazon(headers: Mapping[str, str]) -> dict[str, str]:
    """S3's checksums are of the whole on a 200 only, and not if they were made of others.

    To a range it answers with the checksum of a part, or with one of checksums that lacks its
    `-<parts>` (botocore#3346).
    """
    kind = headers.get("x-amz-checksum-type", "FULL_OBJECT").strip().upper()
    found: dict[str, str] = {}
    for name in _AT_AMAZON if kind == "FULL_OBJECT" else ():
        found |= one(name, headers.get(f"x-amz-checksum-{name}", ""))
    return found


def _google(headers: Mapping[str, str]) -> dict[str, str]:
    """Google's digests are of the stored bytes; it may decompress them on the way to us."""
    stored_as = headers.get("x-goog-stored-content-encoding", "").strip().lower()
    transformed = (
        stored_as not in ("", "identity")
        or "x-guploader-response-body-transformations" in headers
        or "UploadServer" in headers.get("Warning", "")
    )
    return {} if transformed else plain(headers, "x-goog-hash")


def _hints(headers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    tag = re.fullmatch(r'"?([0-9a-f]{32})"?', headers.get("ETag", "").strip().lower())
    if tag and _is_plain_object_at_s3(headers):
        found[ETAG_MD5] = tag.group(1)
    vendors = headers.get("Zoom-File-SHA256", "").strip().lower()
    if re.fullmatch(r"[0-9a-f]{64}", vendors):
        found[HINT_SHA256] = vendors
    return found


def _is_plain_object_at_s3(headers: Mapping[str, str]) -> bool:
    """Only there, and of what no key encrypts, an ETag of 32 digits is an MD5 (rule 38)."""
    at_s3 = "x-amz-request-id" in headers or "AmazonS3" in headers.get("Server", "")
    sealed = headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
    return at_s3 and not sealed and "x-amz-server-side-encryption-customer-algorithm" not in headers
