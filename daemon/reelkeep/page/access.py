"""Decide who may use the page: one token, signed sessions, no request that another site made."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from cachetools import LRUCache

from reelkeep.ports import Clock

SESSION_SECONDS: Final = 12 * 3600
"""How long a session lasts."""

FIRST_DELAY, LONGEST_DELAY = 0.25, 5.0
"""Seconds that the answer to a wrong token takes; each one doubles it for that address."""

MOST_ADDRESSES: Final = 1024
"""Addresses whose wrong tokens are counted; the one that was quiet longest is forgotten first."""

MOST_DELAYED: Final = 8
"""Wrong tokens that may wait for their answer at once; the others are sent away."""


PROTECTION: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Headers of every answer: a browser runs, loads and tells nothing but what the page itself has."""


class Access:
    """Knows the token, and signs what a browser brings back.

    Everything that is signed depends on the token, so that a new token ends every session, and a
    restart of the daemon ends none.
    """

    def __init__(self, token: str, *, clock: Clock, nonce: Callable[[], str]) -> None:
        self._token = sha256(token.encode()).digest()
        self._key = hmac.digest(token.encode(), b"reelkeep page", "sha256")
        self._clock = clock
        self._nonce = nonce

    def is_token(self, text: str) -> bool:
        """Return whether `text` is the token, in a time that says nothing of how much is right."""
        return hmac.compare_digest(sha256(text.encode(errors="replace")).digest(), self._token)

    def new_session(self) -> str:
        """Return the value of a cookie that is good for `SESSION_SECONDS` from now on."""
        ends = int(self._clock().timestamp()) + SESSION_SECONDS
        session = f"{ends}.{self._nonce()}"
        return f"{session}.{self._signed('session', session)}"

    def is_session(self, cookie: str) -> bool:
        """Return whether `cookie` is one that we gave, and not over yet."""
        session, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(
            signature.encode(errors="replace"), self._signed("session", session).encode()
        ):
            return False
        now = self._clock().timestamp()
        ends = int(session.partition(".")[0])
        return now < ends <= now + SESSION_SECONDS

    def form_token(self, cookie: str) -> str:
        """Return what a form of this session must bring back."""
        return self._signed("form", cookie)

    def is_form_token(self, cookie: str, text: str) -> bool:
        """Return whether `text` is the form token of this session."""
        return hmac.compare_digest(text.encode(errors="replace"), self.form_token(cookie).encode())

    def _signed(self, use: str, text: str) -> str:
        message = f"{use}:{text}".encode(errors="replace")
        return hmac.digest(self._key, message, "sha256").hex()


class Delays:
    """Counts wrong tokens by address."""

    def __init__(self) -> None:
        self._wrong: LRUCache[str, int] = LRUCache(MOST_ADDRESSES)

    def wrong(self, address: str) -> tuple[int, float]:
        """Count a wrong token; return which one it is, and for how many seconds it waits."""
        count = self._wrong[address] = self._wrong.get(address, 0) + 1
        return count, min(FIRST_DELAY * 2.0 ** min(count - 1, 16), LONGEST_DELAY)

    def right(self, address: str) -> None:
        """Forget the wrong tokens of `address`."""
        self._wrong.pop(address, None)


def is_of_this_host(host: str) -> bool:
    """Return whether the header `Host` names this machine itself.

    Another name that leads to a loopback address is DNS rebinding: a page of another site that
    wants to be taken for ours.
    """
    name = urlsplit(f"//{host}").hostname if host else None
    if name is None:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_origin(*, origin: str | None, fetch_site: str | None, host: str) -> bool:
    """Return whether a browser sends a form of our own page.

    `Sec-Fetch-Site` is the browser's own word, also behind a proxy that changes `Host`. Where it is
    missing, `Origin` must name the host that was asked (Fetch Standard; OWASP CSRF).
    """
    if fetch_site is not None:
        return fetch_site == "same-origin"
    return bool(origin) and urlsplit(origin or "").netloc.lower() == host.lower() != ""
