"""Keep one access token fresh for everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from reelkeep.errors import ProviderError
from reelkeep.ports import Clock, Learn

_SHARE = 0.8  # of its life is used; the rest is a margin of at least a minute for 5 min tokens


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and its end, `None` if it has none."""

    value: str = field(repr=False)
    expires_at: datetime | None


def _forget(_secret: str) -> None:
    """Learn nothing."""


class TokenSource:
    """Hands out a token, and fetches a new one when four fifths of its life are over.

    However many callers need a new token, one `fetch` is made, and its error reaches them all.
    An error is not kept: the next caller tries again. `learn` hears of each token first.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Token]], *, clock: Clock, learn: Learn = _forget
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._learn = learn
        self._lock = anyio.Lock()
        self._token: Token | None = None
        self._due: float | None = None  # by the loop's clock, which nobody sets
        self._rounds = 0
        self._error: ProviderError | None = None

    async def get(self) -> str:
        """Return a token that should be accepted.

        Raises:
            ProviderError: As `fetch` raised it.
        """
        return await self._unless(None)

    async def renew(self, stale: str) -> str:
        """Return a token other than `stale`, which was just rejected.

        Raises:
            ProviderError: As `fetch` raised it.
        """
        return await self._unless(stale)

    async def _unless(self, stale: str | None) -> str:
        if (token := self._usable(stale)) is not None:
            return token.value
        seen = self._rounds
        async with self._lock:
            if (token := self._usable(stale)) is not None:
                return token.value
            if self._rounds != seen and self._error is not None:
                raise self._error  # somebody fetched while we waited, and failed
            return (await self._renewed()).value

    def _usable(self, stale: str | None) -> Token | None:
        if self._token is None or self._token.value == stale:
            return None
        return self._token if self._due is None or anyio.current_time() < self._due else None

    async def _renewed(self) -> Token:
        start, began = self._clock(), anyio.current_time()
        try:
            token = await self._fetch()
        except ProviderError as error:
            self._rounds, self._error = self._rounds + 1, error
            raise
        self._learn(token.value)
        end = token.expires_at
        self._rounds, self._error, self._token = self._rounds + 1, None, token
        life = None if end is None else (end - start).total_seconds()
        self._due = None if life is None else began + life * _SHARE
        return token
