"""Read which digests a reply promises of the whole file, and whether they hold.

Sources: RFC 9530 (Repr-Digest, Content-Digest), RFC 3230 (Digest), RFC 1864 (Content-MD5); rules
36 to 39 of the transfer notes. A promise is kept as hashlib's name and the lower-case hex digest.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from reelkeep.core.model import Level

ETAG_MD5 = "etag-md5"
"""The name under which an ETag that may be an MD5 is kept: it can confirm, and never accuse."""

HINT_SHA256 = "hint-sha256"
"""A vendor's SHA-256 that was seen to lie: it can confirm, and never accuse."""

_NAMES = {"sha-512": "sha512", "sha-256": "sha256", "sha": "sha1", "md5": "md5"}
_STRUCTURED = re.compile(r"\s*([a-z0-9-]+)=:([A-Za-z0-9+/=]+):\s*")
_LEGACY = re.compile(r"\s*([A-Za-z0-9-]+)=([A-Za-z0-9+/=]+)\s*")
_HEX = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}


def promises(status: int, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the digests that a 200 or 206 reply promises of the whole, by hashlib name."""
    found: dict[str, str] = {}
    found |= _fields(_STRUCTURED, headers.get("Repr-Digest", ""))
    found |= _fields(_LEGACY, headers.get("Digest", ""))
    if status == 200:
        found |= _fields(_STRUCTURED, headers.get("Content-Digest", ""))
        found |= _one("md5", headers.get("Content-MD5", ""))
    found |= _amazon(headers)
    found |= _google(headers)
    found |= _etag(headers)
    hint = headers.get("Zoom-File-SHA256", "").strip().lower()
    if re.fullmatch(r"[0-9a-f]{64}", hint):
        found[HINT_SHA256] = hint
    return found


def binding(promised: Mapping[str, str]) -> bool:
    """Return whether `promised` would show that two halves of different files were joined."""
    return any(name in _HEX for name in promised)


def needed(promised: Mapping[str, str]) -> list[str]:
    """Return the hashlib names, beyond sha256, that checking `promised` takes."""
    names = {"md5" if name == ETAG_MD5 else name for name in promised}
    return sorted(names & set(_HEX) - {"sha256"})


def broken(promised: Mapping[str, str], actual: Mapping[str, str]) -> str | None:
    """Return the name of a promise that `actual` (hex by hashlib name) breaks, if any."""
    for name, digest in promised.items():
        if name in actual and actual[name] != digest:
            return name
    return None


def level(promised: Mapping[str, str], actual: Mapping[str, str]) -> Level | None:
    """Return how far `actual` proves the bytes by `promised`; None if it proves nothing."""
    if any(actual.get(name) == digest for name, digest in promised.items()):
        return Level.DIGEST
    if actual["sha256"] == promised.get(HINT_SHA256):
        return Level.DIGEST
    if ETAG_MD5 in promised and actual.get("md5") == promised[ETAG_MD5]:
        return Level.ETAG_MD5
    return None


def _fields(pattern: re.Pattern[str], value: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in value[:4096].split(","):
        match = pattern.fullmatch(item)
        name = _NAMES.get(match.group(1).lower()) if match else None
        if match and name:
            found |= _one(name, match.group(2))
    return found


def _one(name: str, encoded: str) -> dict[str, str]:
    """Return the promise if `encoded` is Base64 of a digest of the right length."""
    try:
        digest = base64.b64decode(encoded.strip(), validate=True).hex()
    except (binascii.Error, ValueError):
        return {}
    return {name: digest} if len(digest) == _HEX[name] else {}


def _amazon(headers: Mapping[str, str]) -> dict[str, str]:
    if headers.get("x-amz-checksum-type", "FULL_OBJECT").upper() != "FULL_OBJECT":
        return {}
    found: dict[str, str] = {}
    for name in ("sha256", "sha1"):
        found |= _one(name, headers.get(f"x-amz-checksum-{name}", ""))
    return found


def _google(headers: Mapping[str, str]) -> dict[str, str]:
    if headers.get("x-guploader-response-body-transformations"):
        return {}  # the digest is of the stored bytes, not of these
    if headers.get("x-goog-stored-content-encoding", "identity") != "identity":
        return {}
    fields = _fields(_LEGACY, headers.get("x-goog-hash", ""))
    return {name: digest for name, digest in fields.items() if name == "md5"}


def _etag(headers: Mapping[str, str]) -> dict[str, str]:
    """An ETag is an MD5 only at S3, of an object uploaded whole and not encrypted by a key."""
    tag = headers.get("ETag", "").strip().strip('"').lower()
    at_s3 = "x-amz-request-id" in headers or "AmazonS3" in headers.get("Server", "")
    sealed = headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
    customer = "x-amz-server-side-encryption-customer-algorithm" in headers
    if at_s3 and not sealed and not customer and re.fullmatch(r"[0-9a-f]{32}", tag):
        return {ETAG_MD5: tag}
    return {}
