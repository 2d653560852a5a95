"""Ask a host for bytes of a file, and let nothing pass that cannot be them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from reelkeep.core.model import Download, Locator
from reelkeep.core.replies import encoding_problem, problem
from reelkeep.core.resume import Ask
from reelkeep.core.urls import parse
from reelkeep.errors import Throttled, TransferError
from reelkeep.ports import Clock, Reply, Report, Request, Transport
from reelkeep.stages.host_backoff import HostBackoff


class RequestSender:
    """Sends requests for bytes, and leaves hosts alone that ask for it."""

    def __init__(
        self, transport: Transport, *, clock: Clock, report: Report, shares: bool = True
    ) -> None:
        """Let small files of promised size come on kept connections if it `shares` them."""
        self._shares = shares
        self._transport = transport
        self._clock = clock
        self._report = report
        self._backoff = HostBackoff()

    @asynccontextmanager
    async def reply(self, locator: Locator, asked: Ask, download: Download) -> AsyncIterator[Reply]:
        """Give the reply to `asked`: a 200, 206 or 416 whose body is nobody's encoding.

        Raises:
            TransferError: There is none, or it says that there will be no bytes.
        """
        host = str(parse(locator.url).origin)
        self._backoff.check(host)
        async with self._transport.open(self._request(locator, asked, download)) as reply:
            self._refuse_bad(reply, locator, download, host)
            yield reply

    def _refuse_bad(self, reply: Reply, locator: Locator, download: Download, host: str) -> None:
        credentialed = bool(locator.credentials) and reply.hops == 0
        error: TransferError | None = problem(
            reply.status, reply.headers, now=self._clock(), credentialed=credentialed
        )
        self._heed(error, download, host)
        has_body = reply.status != 416  # nobody reads the body of that one
        if error is None and has_body and download.accepts is None:
            error = encoding_problem(reply.headers)
        if error is not None:
            raise error

    def _heed(self, error: TransferError | None, download: Download, host: str) -> None:
        """Leave the host alone as it asks; say when that begins, and when it is over."""
        where = {"provider": download.provider, "host": host}
        if isinstance(error, Throttled):
            pause = self._backoff.grant(host, error)
            if pause is not None:
                until = (self._clock() + pause).isoformat()
                self._report("provider.throttled", **where, until=until)
        elif self._backoff.is_over(host):
            self._report("provider.throttled", **where)

    def _request(self, locator: Locator, asked: Ask, download: Download) -> Request:
        is_promised = self._shares and not asked.is_ranged
        return Request(
            url=locator.url,
            headers={**asked.headers, "Accept-Encoding": "identity"},
            credentials=locator.credentials,
            kin=locator.kin,
            expects=download.size if is_promised else None,
            is_file=True,
        )
