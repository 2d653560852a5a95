"""Tell which digests a reply promises of the whole file, and whether they hold.

Sources: RFC 9530 (Repr-Digest, Content-Digest), RFC 3230 (Digest), RFC 1864 (Content-MD5), the
manuals of S3 and of Google Cloud Storage; rules 36 to 39 of the transfer notes. A promise is kept
as a name of `digest_fields.DIGITS`, or of a hint below, and the lower-case hex digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from reelkeep.core.digest_fields import DIGITS, dictionary, digest_field, one, plain
from reelkeep.core.model import Level

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
