"""Read the head of a download's reply: what its status means, whether it may be the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from reelkeep.core.fields import joined
from reelkeep.core.media import Kind, page_instead
from reelkeep.core.retry_after import asked_until
from reelkeep.errors import (
    Encoded,
    Expired,
    Garbled,
    NotFound,
    NotMedia,
    Refused,
    RefusedForNow,
    Throttled,
    TransferError,
    Unauthorized,
    Unreachable,
)

_MEANINGS: Mapping[int, type[TransferError]] = {
    401: Unauthorized,
    404: NotFound,
    407: Unreachable,  # a proxy of ours, and no verdict about the file
    408: Unreachable,
    410: Expired,
    405: Refused,
    406: Refused,
    414: Refused,
    451: Refused,
    501: Refused,
    505: Refused,
}
"""What says something definite. Every other 4xx, such as 409, 421, 423 and 425, may pass."""
_BYTES = frozenset({200, 206, 416})
COMPRESSIONS = frozenset(
    {"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"}
    | {"exi", "pack200-gzip", "bzip2", "lzma", "xz"}
)
"""Codings that change the bytes. The last three are in no registry, and are what they say."""

_TOKEN = re.compile(r"[a-z0-9.+_-]{1,40}")
_STALE = frozenset({400, 403})
"""What a signed address answers that ran out: most stores say 403, some say 400."""


def problem(
    status: int, headers: Mapping[str, str], *, now: datetime, credentialed: bool
) -> TransferError | None:
    """Return what `status` means for a download, None if its body is to be looked at.

    `credentialed`: our credentials were sent with this request, so a 403 is about them; without,
    a 400 or 403 is about the signature in the address (rules 22, 23 and 50).
    """
    if status in _BYTES:
        return None
    said = f"the download host answered {status}"
    if status in (429, 503):
        return Throttled(said, after=_after(headers, now))
    if status in _STALE and not credentialed:
        return Expired(said)
    if status == 403:
        return Unauthorized(said)
    meaning = _MEANINGS.get(status, _of_its_class(status))
    if meaning is RefusedForNow:
        return RefusedForNow(said, after=_after(headers, now))
    return meaning(said)


def encoding_problem(headers: Mapping[str, str]) -> Encoded | None:
    """Return what is wrong if the body of a 200 or 206 is compressed (rule 15).

    Only what RFC 9110, section 8.4.1, and IANA's registry call a compression is one. Of any other
    label, such as `aws-chunked` or `UTF-8`, the bytes decide: see `foreign_coding`.
    """
    if found := _codings(headers) & COMPRESSIONS:
        return Encoded(f"the body is compressed ({min(found)}), identity was asked for")
    return None


def foreign_coding(headers: Mapping[str, str]) -> str | None:
    """Return a label in the place of an encoding that names none, as it may be shown to people."""
    found = sorted(_codings(headers) - COMPRESSIONS - {"", "identity"})
    if not found:
        return None
    return found[0] if _TOKEN.fullmatch(found[0]) else "something that is no encoding"


def content_problem(
    kind: Kind, headers: Mapping[str, str], head: bytes, *, sized: bool = False
) -> NotMedia | None:
    """Return what is wrong if the body begins like a page instead of the file (rule 18).

    `sized`: its announced size does not contradict the one that the provider promised. Bytes that
    merely do not look like a file of `kind` are let through: they are examined when all are here.
    """
    reason = page_instead(kind, headers.get("Content-Type"), head, sized=sized)
    return None if reason is None else NotMedia(reason)


def _codings(headers: Mapping[str, str]) -> set[str]:
    return {coding.strip().lower() for coding in joined(headers, "Content-Encoding").split(",")}


def _of_its_class(status: int) -> type[TransferError]:
    if status >= 500:
        return Unreachable
    return RefusedForNow if status >= 400 else Garbled


def _after(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("Retry-After")
    until = None if value is None else asked_until(value, headers, now)
    return None if until is None else max(0.0, (until - now).total_seconds())
