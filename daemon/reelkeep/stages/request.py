"""Ask a host for bytes of a file, and let nothing pass that cannot be them.

A host that asks for a pause is left alone for as long as it asked, by all workers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
from cachetools import LRUCache

from reelkeep.core.addresses import parse
from reelkeep.core.model import Download, Locator
from reelkeep.core.replies import encoding_problem, problem
from reelkeep.core.resume import Ask
from reelkeep.errors import Parked, Throttled, TransferError
from reelkeep.ports import Clock, Reply, Report, Request, Transport

LONGEST = 3600.0
"""Seconds: no host silences us for longer, whatever it says."""

SHORTEST = 1.0
"""Seconds: what we give a host that does not say how long."""

HOSTS = 1000
"""Hosts remembered at most."""


class HostBackoff:
    """Remembers which hosts asked to slow down: the whole pool keeps away, not one worker."""

    def __init__(self) -> None:
        self._until: LRUCache[str, float] = LRUCache(HOSTS)

    def check(self, host: str) -> None:
        """Return at once, or say for how long `host` is still left alone.

        Raises:
            Parked: It does; nothing was sent.
        """
        left = self._left(host)
        if left > 0:
            raise Parked("the download host asked for a pause", after=left)

    def grant(self, host: str, error: Throttled) -> timedelta | None:
        """Keep away from `host` for as long as `error` says, within reason, and never for less.

        Return for how long, unless the host was being spared already.
        """
        known = host in self._until
        seconds = SHORTEST if error.after is None else min(error.after, LONGEST)
        self._until[host] = anyio.current_time() + max(seconds, self._left(host))
        return None if known else timedelta(seconds=seconds)

    def is_over(self, host: str) -> bool:
        """Return whether `host`, which answered as it should, was left alone so far; True once."""
        if host not in self._until or self._left(host) > 0:
            return False
        del self._until[host]
        return True

    def _left(self, host: str) -> float:
        return self._until.get(host, 0.0) - anyio.current_time()


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
