"""Ask the API: authorized, paced, and patient as far as it makes sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import anyio

from reelkeep.core.replies import clock_hint
from reelkeep.errors import ProviderError, RateLimited, Unavailable
from reelkeep.ports import Clock, Request, Rng, Transport
from reelkeep.providers.pacing import PATIENCE, Throttling, limited
from reelkeep.providers.web import Answer, ask, query
from reelkeep.providers.zoom.api_errors import ApiVerdict, CredentialsRejected, Judgement, judge
from reelkeep.providers.zoom.auth import Bearer
from reelkeep.providers.zoom.limits import AccountLimits, Label, come_back

Pairs = tuple[tuple[str, str], ...]

_PATIENCE: Final = {ApiVerdict.RENEW: 1, ApiVerdict.THROTTLED: 5, ApiVerdict.OUTAGE: 3}
"""How often one question is asked again after a verdict; all others are final."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `path` begins with a slash and is encoded; `pairs` is the query, in clear."""

    path: str
    pairs: Pairs = ()
    label: Label = Label.MEDIUM
    method: str = "GET"  #: A success of any other may say nothing.


@dataclass(frozen=True, slots=True)
class _Try:
    """What one attempt came to; without an answer, `judgement` holds the error."""

    judgement: Judgement
    token: str = ""
    answer: Answer | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The object of an answer that is fine."""
        return dict(self.answer.json) if self.answer and self.answer.json else {}


class ZoomClient:
    """The API of one account, as one set of credentials sees it."""

    def __init__(
        self,
        api_url: str,
        *,
        transport: Transport,
        bearer: Bearer,
        limits: AccountLimits,
        throttling: Throttling,
        clock: Clock,
        rng: Rng,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._transport = transport
        self._bearer = bearer
        self._limits = limits
        self._throttling = throttling
        self._clock = clock
        self._rng = rng

    async def ask(self, question: Question, *, patient: bool = True) -> dict[str, Any]:
        """Return the object that the API answers with.

        Unless `patient`, trouble is not waited for: it was when the same was asked before.

        Raises:
            Denied: This question is refused; others may not be.
            Rejected: The credentials are not accepted for it, or the app lacks a scope.
            AuthFailed: There is no token.
            RateLimited: The account must be left alone for more than a minute.
            Misconfigured: This cannot be the API.
            Unavailable: The API stays out of order.
            BadAnswer: The answer is too large, or too deep.
        """
        tried: Counter[ApiVerdict] = Counter()
        while True:
            attempt = await self._try(question)
            verdict, error = attempt.judgement.verdict, attempt.judgement.error
            if verdict not in _PATIENCE:
                self._throttling.served()
            if error is None:
                return attempt.json
            tried[verdict] += 1
            if verdict is ApiVerdict.THROTTLED and attempt.answer is not None:
                self._throttling.heard(self._limits.heed(attempt.answer, question.label))
            hopeless = verdict is not ApiVerdict.RENEW and not patient
            if hopeless or tried[verdict] > _PATIENCE.get(verdict, 0):
                raise self._final(error, attempt.answer)
            await self._mend(attempt, tried[verdict])

    async def _try(self, question: Question) -> _Try:
        await self._limits.turn(question.label)
        try:
            token = await self._bearer.get()
        except ProviderError as error:
            self._limits.give_back(question.label)
            return self._without_token(error)
        try:
            answer = await ask(self._transport, self._request(question, token))
        except Unavailable as error:
            return _Try(Judgement(ApiVerdict.OUTAGE, error))
        silent = question.method != "GET" and not answer.text.strip()
        if silent and 200 <= answer.status < 300:
            return _Try(Judgement(ApiVerdict.FINE), token)
        return _Try(judge(answer), token, answer)

    def _without_token(self, error: ProviderError) -> _Try:
        """Return what it means that there is no token: trouble in passing is waited for.

        Raises:
            ProviderError: It is not in passing.
        """
        if isinstance(error, Unavailable):
            return _Try(Judgement(ApiVerdict.OUTAGE, error))
        if isinstance(error, RateLimited) and self._wait(error) <= PATIENCE:
            return _Try(Judgement(ApiVerdict.THROTTLED, error))
        raise error

    def _wait(self, error: ProviderError | None) -> timedelta:
        """Return how long to wait as `error` says; nothing if it does not say."""
        until = error.until if isinstance(error, RateLimited) else None
        return timedelta(0) if until is None else max(until - self._clock(), timedelta(0))

    async def _mend(self, attempt: _Try, times: int) -> None:
        """Do what may let the next attempt succeed; a pause is waited for at its turn."""
        match attempt.judgement.verdict:
            case ApiVerdict.RENEW:
                await self._bearer.renew(attempt.token)
            case ApiVerdict.THROTTLED if attempt.answer is not None:
                pass
            case _:
                wait = self._wait(attempt.judgement.error).total_seconds()
                await anyio.sleep(max(wait, 2 ** (times - 1) * (0.5 + self._rng() / 2)))

    def _final(self, error: ProviderError, answer: Answer | None) -> ProviderError:
        if isinstance(error, CredentialsRejected) and answer is not None:
            return CredentialsRejected(
                f"{error}{clock_hint(answer.headers, self._clock())}", error.details
            )
        if not isinstance(error, RateLimited) or error.until is not None:
            return error
        until = come_back(answer, self._clock()) if answer is not None else None
        return limited(str(error), until or self._clock() + timedelta(minutes=1))

    def _request(self, question: Question, token: str) -> Request:
        asked = f"?{query(question.pairs)}" if question.pairs else ""
        return Request(
            url=f"{self._api_url}{question.path}{asked}",
            method=question.method,
            headers={"Accept": "application/json"},
            credentials={"Authorization": f"Bearer {token}"},
            follow=question.method == "GET",
        )


def pairs(*given: tuple[str, str | None]) -> Pairs:
    """Return the pairs that have a value."""
    return tuple((key, value) for key, value in given if value)


def with_page(known: Iterable[tuple[str, str]], token: str) -> Pairs:
    """Return the same pairs and the token of a page, if there is one."""
    return (*known, ("next_page_token", token)) if token else tuple(known)
