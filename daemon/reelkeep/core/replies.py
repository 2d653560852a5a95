"""Read the head of a download's reply: what its status means, whether it may be the file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reelkeep.core.media import Kind, magic_ok, page_instead
from reelkeep.core.retry_after import parse_retry_after
from reelkeep.errors import (
    BadReply,
    Encoded,
    Expired,
    NotFound,
    NotMedia,
    Refused,
    Throttled,
    TransferError,
    Unauthorized,
    Unreachable,
)

_PASSING = (408, 425, 500, 502, 504, 507, 520, 521, 522, 523, 524, 530)
_MEANINGS: Mapping[int, type[TransferError]] = {
    401: Unauthorized,
    404: NotFound,
    410: Expired,
    **dict.fromkeys(_PASSING, Unreachable),
}
_BYTES = frozenset({200, 206, 416})


def problem(
    status: int, headers: Mapping[str, str], *, now: datetime, credentialed: bool
) -> TransferError | None:
    """Return what `status` means for a download, None if its body is to be looked at.

    `credentialed`: our credentials were sent with this request, so a 403 is about them; without,
    it is about the signature in the address (rules 22, 23 and 50 of the transfer notes).
    """
    if status in _BYTES:
        return None
    said = f"the download host answered {status}"
    if status in (429, 503):
        return Throttled(said, after=_after(headers, now))
    if status == 403:
        return Unauthorized(said) if credentialed else Expired(said)
    return _MEANINGS.get(status, Refused if 400 <= status < 500 else BadReply)(said)


def encoding_problem(headers: Mapping[str, str]) -> Encoded | None:
    """Return what is wrong if the body is not the file's own bytes (rule 15)."""
    coding = headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity"):
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


def _after(headers: Mapping[str, str], now: datetime) -> float | None:
    value = headers.get("Retry-After")
    until = None if value is None else parse_retry_after(value, now)
    return None if until is None else max(0.0, (until - now).total_seconds())
