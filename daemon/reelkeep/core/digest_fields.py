"""Read digests as HTTP fields write them.

    Repr-Digest: sha-256=:<Base64>:;a=1, crc32c=:<Base64>:    a dictionary of RFC 8941; RFC 9530
    Digest: SHA-256=<Base64>,CRC32c=a72a4df                   RFC 3230, and IANA's registry for it
    x-goog-hash: crc32c=<Base64>,md5=<Base64>                 Google's

A digest is returned as lower-case hex, under a name of `DIGITS`. What cannot be read is left out,
as is an algorithm that is not registered (the `crc32` of one server is another's `cksum`) or that
no well-kept library computes (unixsum, unixcksum). Nothing here is ever an error.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final

from reelkeep.core.fields import joined

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
