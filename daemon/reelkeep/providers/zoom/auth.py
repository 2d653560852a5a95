"""Get access tokens from Zoom for a server-to-server app, or make them for the Video SDK."""

from __future__ import annotations

import base64
import warnings
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from reelkeep.core.replies import clock_hint
from reelkeep.errors import AuthFailed, Misconfigured, ProviderError, Unavailable
from reelkeep.ports import Clock, Request, Transport
from reelkeep.providers.pacing import limited
from reelkeep.providers.tokens import Token, TokenSource
from reelkeep.providers.web import Answer, ask
from reelkeep.providers.zoom.api_errors import tracking
from reelkeep.providers.zoom.json_values import quoted, text, whole
from reelkeep.providers.zoom.limits import come_back

_LIFE: Final = timedelta(hours=1)
_SKEW: Final = timedelta(seconds=30)  # our clock may be ahead of theirs


def minted(key: str, secret: str, *, issued: datetime, expires: datetime) -> str:
    """Return the token of the Video SDK's API; whole seconds count.

    `key` is the API key: the SDK key makes tokens for sessions, which are refused here.
    """
    claims = {"iss": key, "iat": int(issued.timestamp()), "exp": int(expires.timestamp())}
    with warnings.catch_warnings():
        # how long secrets are is the provider's choice, and nothing we could change
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        return jwt.encode(claims, secret, algorithm="HS256")


def own_token(key: str, secret: str, clock: Clock) -> Token:
    """Return a fresh token of the Video SDK's API, dated back against a slow clock over there."""
    issued = clock() - _SKEW
    expires = issued + _LIFE
    return Token(minted(key, secret, issued=issued, expires=expires), expires)


_FORM: Final = "application/x-www-form-urlencoded"

_REMEDIES: Final = {
    "invalid_client": "client_id or client_secret is wrong",
    "invalid_grant": "account_id is wrong",
    "unsupported_grant_type": "the app is of another type; make a server-to-server OAuth app",
    "4702": "client_id or client_secret is wrong",
    "4704": "client_id or client_secret is wrong",
    "4705": "the app is of another type; make a server-to-server OAuth app",
    "4706": "client_id or client_secret is wrong",
    "4717": "the app is disabled; activate it in the Zoom App Marketplace",
    "4738": "the app was disabled by an administrator of the account",
    "4741": "the app's access was revoked; authorize it again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A server-to-server OAuth app. There is no refresh token: it just asks again."""

    token_url: str
    account_id: str
    client_id: str
    client_secret: str = field(repr=False)

    async def token(self, transport: Transport, clock: Clock) -> Token:
        """Ask for a token. The regional `api_url` of the answer is ignored: ours is configured.

        Raises:
            AuthFailed: The app or the account is not accepted; the message says which.
            RateLimited: Too many tokens were asked for; `until` is None if no time was named.
            Misconfigured: `token_url` is something else.
            Unavailable: It is out of order.
        """
        now = clock()
        answer = await ask(transport, self._request(), limit=2**16)
        said = answer.json if isinstance(answer.json, dict) else {}
        value = said.get("access_token")
        if answer.status >= 300 or not isinstance(value, str) or not value:
            raise refusal(answer, now)
        seconds = whole(said.get("expires_in"))
        longest = int(_LIFE.total_seconds())
        life = min(seconds, longest) if seconds is not None and seconds > 0 else longest
        return Token(value, now + timedelta(seconds=life))

    def _request(self) -> Request:
        pair = f"{self.client_id}:{self.client_secret}".encode()
        form = {"grant_type": "account_credentials", "account_id": self.account_id}
        return Request(
            url=self.token_url,
            method="POST",
            headers={"Accept": "application/json", "Content-Type": _FORM},
            credentials={"Authorization": f"Basic {base64.b64encode(pair).decode()}"},
            body=urlencode(form).encode(),
            follow=False,
        )


def refusal(answer: Answer, now: datetime) -> ProviderError:
    """Return what a token endpoint's refusal means (provider notes, section 2.1)."""
    said = answer.json if isinstance(answer.json, dict) else {}
    words = (text(said.get(key)) for key in ("error", "code", "errorCode", "error_code"))
    remedy = next((_REMEDIES[word] for word in words if word in _REMEDIES), None)
    reason = text(said.get("reason")) or text(said.get("message")) or text(said.get("error"))
    details = f"({answer.status}{f': {quoted(reason)}' if reason else ''}){tracking(answer)}"
    details += clock_hint(answer.headers, now)
    if remedy is not None:
        return AuthFailed(f"no token: {remedy} {details}")
    if answer.status == 429:
        return limited(f"no token: asked to come back later {details}", come_back(answer, now))
    if answer.status in (400, 401, 403) and said:
        return AuthFailed(f"no token: the credentials are not accepted {details}")
    if answer.status in (404, 405, 410) or 300 <= answer.status < 400:
        return Misconfigured(f"no token: is token_url right? {details}")
    return Unavailable(f"no token: the token service is out of order {details}")


class Bearer:
    """The token in use, and its age."""

    def __init__(self, source: TokenSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._seen = ""
        self._since: datetime | None = None

    async def get(self) -> str:
        """Return a token that should be accepted."""
        return self._noted(await self._source.get())

    async def renew(self, stale: str) -> str:
        """Return a token other than `stale`, which was rejected."""
        return self._noted(await self._source.renew(stale))

    async def freshened(self, age: timedelta) -> str:
        """Return a token that is in use no longer than `age`."""
        token = await self.get()
        since = self._since
        if since is not None and timedelta() <= self._clock() - since <= age:
            return token
        return await self.renew(token)

    def _noted(self, token: str) -> str:
        if token != self._seen:
            self._seen, self._since = token, self._clock()
        return token
