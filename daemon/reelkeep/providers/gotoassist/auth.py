"""Get access tokens, by a refresh token that may rotate or as they are given."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import anyio

from reelkeep.core.replies import clock_hint
from reelkeep.errors import (
    AuthFailed,
    BadAnswer,
    CatalogError,
    Misconfigured,
    ProviderError,
    RateLimited,
    Unavailable,
)
from reelkeep.ports import Request, Rng, Tools
from reelkeep.providers.gotoassist.api_errors import Complaint, complaint
from reelkeep.providers.gotoassist.options import GoToAssistAuth
from reelkeep.providers.tokens import Token, TokenSource
from reelkeep.providers.web import Answer, ask, parse, query

T = TypeVar("T")

RETRIES = 3
"""After the first attempt; longer trouble is the caller's to wait for."""


async def patiently(attempt: Callable[[], Awaitable[T]], *, rng: Rng, retries: int = RETRIES) -> T:
    """Return what `attempt` does, trying up to `retries` times more, after about 1, 2 and 4 s.

    Raises:
        Unavailable, BadAnswer: The last attempt failed like this, too.
        ProviderError: Any other is raised at once.
    """
    for retry in range(retries):
        try:
            return await attempt()
        except (Unavailable, BadAnswer):
            await anyio.sleep(2**retry * (0.75 + 0.5 * rng()))
    return await attempt()


_TOKEN = re.compile(r"[!-~]{1,16000}")
_LIFE = timedelta(hours=1)  # documented, should the answer not say
_LONGEST_LIFE = timedelta(days=30)
_LONGEST_EXCHANGE = 15.0  # seconds, less than a polite stop may take
_CURRENT = "https://authentication.logmeininc.com/oauth/token"


class Credentials(Protocol):
    """Whoever has access tokens."""

    async def get(self) -> str: ...

    async def renew(self, stale: str) -> str: ...


class Given:
    """A token that somebody else keeps fresh."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def get(self) -> str:
        return self._token

    async def renew(self, _stale: str) -> str:
        raise AuthFailed("auth.access_token is not accepted any more: put a new one in its place")


def credentials(name: str, auth: GoToAssistAuth, tools: Tools) -> Credentials:
    """Return the credentials that the operator chose for the provider `name`."""
    if auth.access_token is not None:
        return Given(auth.access_token.reveal())
    exchange = RefreshToken(name, auth, tools).exchange
    return TokenSource(exchange, clock=tools.clock, learn=tools.learn)


def authorization(scheme: str, token: str) -> Mapping[str, str]:
    """Return the header in either of its spellings (provider notes, 1.2)."""
    spelt = f"Bearer {token}" if scheme == "Bearer" else f"OAuth oauth_token={token}"
    return {"Authorization": spelt}


class RefreshToken:
    """Exchanges a refresh token for access tokens, and keeps the one that may come in return.

    The vault's copy wins over the configured token it descends from; a newly configured one wins
    over the copy. A rotated token is durable before the access token beside it is used, and the
    exchange is not cancelled half-way: the old token may be dead already.
    """

    def __init__(self, name: str, auth: GoToAssistAuth, tools: Tools) -> None:
        self._auth = auth
        self._tools = tools
        self._slot = f"{name}-refresh-token"
        self._unsaved: str | None = None

    async def exchange(self) -> Token:
        """Return a new access token.

        Raises:
            AuthFailed: The token or the client is not accepted, or a rotated token cannot be kept.
            Misconfigured: `token_url` is not a token endpoint.
            Unavailable, RateLimited, BadAnswer: It may be tried again later.
        """
        return await patiently(self._once, rng=self._tools.rng)

    async def _once(self) -> Token:
        with anyio.move_on_after(_LONGEST_EXCHANGE, shield=True):
            if self._unsaved is not None:
                await self._keep(self._unsaved)
            return await self._exchange_held()
        raise Unavailable("the token endpoint did not answer in time")

    async def _exchange_held(self) -> Token:
        """Exchange what the vault holds; anew if another process had it rotated meanwhile."""
        held = await self._held()
        try:
            return await self._exchanged(held)
        except AuthFailed:
            newer = held if self._unsaved else await self._held()
            if newer == held:
                raise
        return await self._exchanged(newer)

    async def _exchanged(self, refresh_token: str) -> Token:
        now = self._tools.clock()
        answer = await ask(self._tools.transport, self._request(refresh_token), limit=2**20)
        if (error := _fault(answer)) is not None:
            hint = clock_hint(answer.headers, now) if isinstance(error, AuthFailed) else ""
            raise type(error)(f"{error}{hint}")
        rotated = _text(answer.json, "refresh_token")
        if rotated is not None and rotated != refresh_token:
            await self._keep(rotated)
        token = _text(answer.json, "access_token")
        if token is None:
            raise BadAnswer("the token endpoint answers without an access token")
        return Token(token, now + _life(answer.json))

    def _request(self, refresh_token: str) -> Request:
        secret = self._auth.client_secret.reveal() if self._auth.client_secret else ""
        pair = base64.b64encode(f"{self._auth.client_id}:{secret}".encode()).decode()
        form = query([("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
        return Request(
            url=self._auth.token_url,
            method="POST",
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            credentials={"Authorization": f"Basic {pair}"},
            body=form.encode(),
            follow=False,
        )

    async def _held(self) -> str:
        configured = self._configured()
        try:
            kept = parse((await self._tools.vault.load(self._slot) or "").encode())
            if kept is not None:  # so it may rotate again
                await self._tools.vault.rehearse(self._slot)
        except CatalogError as error:
            raise AuthFailed(f"the kept refresh token cannot be used: {error}") from error
        if isinstance(kept, dict) and kept.get("imported") == _digest(configured):
            return _text(kept, "refresh_token") or configured
        return configured

    async def _keep(self, rotated: str) -> None:
        self._unsaved = rotated
        self._tools.learn(rotated)
        kept = {"imported": _digest(self._configured()), "refresh_token": rotated}
        try:
            await self._tools.vault.save(self._slot, json.dumps(kept))
        except CatalogError as error:
            raise AuthFailed(f"the new refresh token cannot be kept: {error}") from error
        self._unsaved = None

    def _configured(self) -> str:
        return self._auth.refresh_token.reveal() if self._auth.refresh_token else ""


def _fault(answer: Answer) -> ProviderError | None:
    """Judge an answer of the token endpoint (RFC 6749, section 5.2)."""
    if answer.status == 200 and isinstance(answer.json, dict):
        return None
    return _failure(answer.status, complaint(answer.json))


def _failure(status: int, said: Complaint) -> ProviderError:
    told = f"{status} {said}".rstrip()
    if "no longer valid" in said.message:
        return Misconfigured(f"auth.token_url is an endpoint of the past, use {_CURRENT}")
    if status == 429:
        return RateLimited(f"the token endpoint is asked too often ({told})")
    if status >= 500:
        return Unavailable(f"the token endpoint is out of order ({told})")
    if said.code in _ADVICE or status in (400, 401, 403):
        return AuthFailed(f"{_ADVICE.get(said.code, 'the token endpoint refuses us')} ({told})")
    if status >= 400:
        return Misconfigured(f"auth.token_url is no token endpoint ({told})")
    return BadAnswer(f"the token endpoint answers with something else than a token ({told})")


_ADVICE = {
    "invalid_grant": "the refresh token is over or revoked: authorize the client once more, and "
    "put the new token where auth.refresh_token points",
    "invalid_client": "auth.client_id or auth.client_secret is wrong",
    "unauthorized_client": "this OAuth client may not use refresh tokens: allow it, or use another",
}


def _text(body: Any, key: str) -> str | None:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) and _TOKEN.fullmatch(value) else None


def _life(body: Any) -> timedelta:
    try:
        seconds = int(body.get("expires_in"))
    except (TypeError, ValueError, OverflowError):
        return _LIFE
    return min(timedelta(seconds=min(seconds, 10**8)), _LONGEST_LIFE) if seconds > 0 else _LIFE


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
