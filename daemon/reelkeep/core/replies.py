"""Read the head of a reply over HTTP: its fields, its status, and which request comes next.

For redirects, the caller sends what a `Trail` says and shows us the status and `Location`:

    reply                                         next
    -------------------------------------------   ------------------------------------------
    not a redirect, or without Location           none: this is the reply
    redirect, same origin all along               the credentials go with it
    redirect, after any other origin was seen     the credentials stay behind, for ever
    redirect from https to http                   refused
    redirect to where we were, or the eleventh    refused
    401 or 403 from kin, credentials left behind  the same URL once more, with the credentials

Origins differ by scheme, host or port (rule 20 of the transfer notes).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from reelkeep.core.addresses import Origin, Url, resolve
from reelkeep.core.media import MediaKind, page_instead
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


def joined(headers: Mapping[str, str], name: str) -> str:
    """Return all lines of field `name` as the one list they are; empty if there is none.

    That is RFC 9110, section 5.3. It holds for fields that are lists only.
    """
    lines: Any = getattr(headers, "getall", None)  # multidict's keep the lines apart
    return headers.get(name, "") if lines is None else ", ".join(lines(name, ()))


LONGEST = timedelta(hours=24)
"""Nobody is believed who asks for more than this."""

_SECONDS = re.compile(r"\d+(\.\d*)?", re.ASCII)


def parse_retry_after(value: str, now: datetime) -> datetime | None:
    """Return the time before which not to come back, `None` if `value` is in no known dialect.

    Seconds and HTTP-dates are those of RFC 9110 §10.2.3; an ISO 8601 date-time is what Zoom sends
    on its daily limits (provider notes, fact 5). A time without a zone is UTC. The answer is
    never before `now` and at most `LONGEST` after it.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return now + timedelta(seconds=min(float(text), LONGEST.total_seconds()))
    named = _iso(text) or _http_date(text)
    if named is None:
        return None
    return min(max(named, now), now + LONGEST)


def asked_until(value: str, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Return the same by the server's own clock, if its `Date` says what that shows.

    So a clock of ours that is wrong neither shortens a pause nor makes it last for days.
    """
    theirs = server_time(headers)
    if theirs is None:
        return parse_retry_after(value, now)
    until = parse_retry_after(value, theirs)
    return None if until is None else now + (until - theirs)


ODD_SKEW = timedelta(minutes=4)
"""A difference of clocks by which credentials and certificates may be refused."""


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return what `Date` says (RFC 9110, section 6.6.1); None if it says no time."""
    return _http_date(headers.get("date", "").strip() or "-")


def skew_in_words(skew: timedelta) -> str:
    """Return by how much our clock is ahead of another one; negative: behind it."""
    return f"{_rough(abs(skew))} {'ahead of' if skew > timedelta() else 'behind'}"


def clock_hint(headers: Mapping[str, str], now: datetime) -> str:
    """Return what to add to a refusal of credentials if the server's `Date` is not our time."""
    theirs = server_time(headers)
    if theirs is None or abs(now - theirs) < ODD_SKEW:
        return ""
    return f"; the clock of this machine is {skew_in_words(now - theirs)} the server's: set it"


def _rough(span: timedelta) -> str:
    minutes = round(span / timedelta(minutes=1))
    for unit, name in ((1440, "days"), (60, "hours")):
        if minutes >= 2 * unit:
            return f"{minutes // unit} {name}"
    return f"{minutes} minutes"


def _iso(text: str) -> datetime | None:
    try:
        return _aware(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _http_date(text: str) -> datetime | None:
    try:
        return _aware(parsedate_to_datetime(text))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


MAX_HOPS = 10

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DENIALS = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One request on its way: where it goes now, and what it has seen."""

    url: Url
    start: Origin
    kin: str | None = None
    trusted: bool = True  #: The credentials are shown to this hop.
    asked: bool = False  #: Kin was shown the credentials already.
    seen: tuple[Url, ...] = ()  #: The hops behind us, the first one first.

    @property
    def hops(self) -> int:
        """How many redirects were followed."""
        return len(self.seen)


def begin(url: Url, *, kin: str | None = None) -> Trail:
    """Return the first hop of a request."""
    return Trail(url=url, start=url.origin, kin=kin)


def follow(trail: Trail, status: int, location: str | None) -> Trail | None:
    """Return the hop that comes after a reply to a GET, None if the reply is the last one.

    Raises:
        Refused: The redirect breaks a rule of the table above.
    """
    if status in _REDIRECTS and location:
        return _redirected(trail, resolve(trail.url, location))
    if status in _DENIALS and _may_ask(trail):
        return replace(trail, trusted=True, asked=True)
    return None


def _redirected(trail: Trail, url: Url) -> Trail:
    here = trail.url.origin
    if here.scheme == "https" and url.origin.scheme != "https":
        raise Refused(f"{here} redirects from https to http")
    if trail.hops >= MAX_HOPS:
        raise Refused(f"{trail.start} redirects more than {MAX_HOPS} times")
    seen = (*trail.seen, trail.url)
    if url in seen:
        raise Refused(f"{here} redirects in a circle")
    alone = all(hop.origin == trail.start for hop in (*seen, url))
    return replace(trail, url=url, seen=seen, trusted=alone)


def _may_ask(trail: Trail) -> bool:
    here = trail.url.origin
    return (
        not trail.trusted
        and not trail.asked
        and here.scheme == "https"
        and _is_kin(trail.start, trail.kin)
        and _is_kin(here, trail.kin)
    )


def _is_kin(origin: Origin, domain: str | None) -> bool:
    """Return whether a host is `domain` or within it; `.zoom.us` holds `zoom.us` as well."""
    if not domain:
        return False
    host, parent = origin.host.removesuffix("."), domain.strip(".").lower()
    return host == parent or host.endswith(f".{parent}")


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
    kind: MediaKind, headers: Mapping[str, str], head: bytes, *, sized: bool = False
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
