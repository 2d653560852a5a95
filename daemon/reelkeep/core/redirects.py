"""Decide which request comes next. No I/O happens here.

The caller sends what a `Trail` says and shows us the reply's status and `Location`:

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

from dataclasses import dataclass, replace

from reelkeep.core.urls import Origin, Url, resolve
from reelkeep.errors import Refused

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
