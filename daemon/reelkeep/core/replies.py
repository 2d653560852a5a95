"""Read the head of a download's reply: what its status means, whether it may be the file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reelkeep.core.fields import joined
from reelkeep.core.media import Kind, magic_ok, page_instead
from reelkeep.core.retry_after import parse_retry_after
from reelkeep.errors import (
    Encoded,
    Expired,
    Garbled,
    NotFound,
    NotMedia,
    Refused,
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
    425: Unreachable,
    501: Refused,
    505: Refused,
}
_BYTES = frozenset({200, 206, 416})
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
    return _MEANINGS.get(status, _of_its_class(status))(said)


def encoding_problem(headers: Mapping[str, str]) -> Encoded | None:
    """Return what is wrong if the body of a 200 or 206 is not the file's own bytes (rule 15)."""
    codings = {coding.strip().lower() for coding in joined(headers, "Content-Encoding").split(",")}
    if codings <= {"", "identity"}:
        return None
    return Encoded("the body is compressed, identity was asked for")


def content_problem(kind: Kind, headers: Mapping[str, str], head: bytes) -> NotMedia | None:
    """Return what is wrong if the body does not begin like a file of `kind` (rule 18)."""
    reason = page_instead(kind, headers.get("Content-Type"), head)
    if reason is not None:
        return NotMedia(reason)
    if not magic_ok(kind, head):
        return NotMedia(f"the first bytes are not those of {kind.name} ({len(head)} bytes seen)")
    return None


def _of_its_class(status: int) -> type[TransferError]:
    if status >= 500:
        return Unreachable
    return Refused if status >= 400 else Garbled


def _after(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("Retry-After")
    until = None if value is None else parse_retry_after(value, now)
    return None if until is None else max(0.0, (until - now).total_seconds())
