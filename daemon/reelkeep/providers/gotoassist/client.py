"""Speak to the API: paced, authorized, and not put off by passing trouble."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime

from reelkeep.core.retry_after import asked_until, clock_hint
from reelkeep.errors import AuthFailed, RateLimited
from reelkeep.ports import Request, Tools
from reelkeep.providers.gotoassist.api_errors import TokenRejected, fault
from reelkeep.providers.gotoassist.auth import Credentials, authorization
from reelkeep.providers.gotoassist.calls import Call
from reelkeep.providers.gotoassist.options import GoToAssistOptions
from reelkeep.providers.gotoassist.patience import RETRIES, patiently
from reelkeep.providers.pacing import Pacer
from reelkeep.providers.throttle_log import Throttling
from reelkeep.providers.web import Answer, ask, query


class Client:
    """One account's conversation with the API."""

    def __init__(
        self, options: GoToAssistOptions, tools: Tools, credentials: Credentials, pacer: Pacer
    ) -> None:
        self._options = options
        self._tools = tools
        self._credentials = credentials
        self._pacer = pacer
        self._throttling = Throttling(
            options.name, options.base_url, clock=tools.clock, report=tools.report
        )

    async def send(self, call: Call, *, retries: int = RETRIES) -> Answer:
        """Return the answer to `call` if it is a success; passing trouble is retried so often.

        Raises:
            Rejected: This request is refused for good; a part of it may not be.
            AuthFailed: A new token is refused as well, or there is none to be had, or no seat.
            RateLimited: Too many requests, even after some waiting; or none are left for today.
            Unavailable, BadAnswer: The API is out of order, even after some retries.
        """
        token = await self._credentials.get()
        try:
            return await self._with(token, call, retries)
        except TokenRejected:
            token = await self._credentials.renew(token)
        try:
            return await self._with(token, call, retries)
        except TokenRejected as error:
            raise AuthFailed(f"a new access token is refused as well: {error}") from error

    async def _with(self, token: str, call: Call, retries: int) -> Answer:
        return await patiently(
            lambda: self._unhurried(token, call), dice=self._tools.dice, retries=retries
        )

    async def _unhurried(self, token: str, call: Call) -> Answer:
        """Send `call` in its turn, and again a few times when told to slow down."""
        for retry in itertools.count():
            await self._pacer.turn()
            try:
                return await self._once(token, call)
            except RateLimited as error:
                error.until = self._heed(error.until)
                if retry == RETRIES:
                    raise
        raise AssertionError("a count never ends")

    async def _once(self, token: str, call: Call) -> Answer:
        answer = await ask(self._tools.transport, self._request(token, call))
        error = fault(answer)
        if isinstance(error, RateLimited):
            after = answer.headers.get("retry-after", "")
            error.until = asked_until(after, answer.headers, self._tools.clock())
        if isinstance(error, AuthFailed):
            hint = clock_hint(answer.headers, self._tools.clock())
            raise type(error)(f"{error}{hint}")
        if error is not None:
            raise error
        self._throttling.served()
        return answer

    def _heed(self, asked: datetime | None) -> datetime:
        """Slow everybody down, and return until when."""
        is_ahead = asked is not None and asked > self._tools.clock()
        until = asked if asked is not None and is_ahead else self._pacer.slow_down()
        self._pacer.park(until)
        self._throttling.heard(until)
        return until

    def _request(self, token: str, call: Call) -> Request:
        url = f"{self._options.base_url.rstrip('/')}/{call.path}"
        return Request(
            url=f"{url}?{query(call.pairs)}" if call.pairs else url,
            method=call.method,
            headers=_headers(call),
            credentials=authorization(self._options.auth.scheme, token),
            body=call.body,
            follow=False,
        )


def _headers(call: Call) -> Mapping[str, str]:
    accept = {"Accept": "application/json"}
    return accept if call.body is None else accept | {"Content-Type": "application/json"}
