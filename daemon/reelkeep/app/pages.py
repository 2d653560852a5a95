"""Serve the daemon's pages for as long as it runs, as soon as their address can be had."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import anyio
from anyio.abc import TaskStatus

from reelkeep.config_types import Endpoint, SocketFile
from reelkeep.errors import CannotListen
from reelkeep.ports import Report
from reelkeep.telemetry.server import Probes, serving

FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=1)
"""How long after the last attempt the next one is made at the latest; the first ones double."""


class Pages:
    """Answers on `listen` from `forever` on until `stop`.

    An address that is not up yet, or a port that is taken, is no reason not to archive: that is
    reported once, and tried again with growing delays until it works.
    """

    def __init__(self, probes: Probes, listen: Endpoint | SocketFile, report: Report) -> None:
        self._probes = probes
        self._listen = listen
        self._report = report
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    async def forever(self, *, task_status: TaskStatus[None]) -> None:
        """Answer; it has started after the first attempt to listen."""
        try:
            with self._scope:
                await self._try_on(task_status)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Close the address, so that others can listen on it."""
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            await self._ended.wait()

    async def _try_on(self, task_status: TaskStatus[None]) -> None:
        delay = FIRST_DELAY
        while True:
            try:
                async with serving(self._probes, self._listen) as at:
                    self._report("server.listening", **_where(at))
                    if delay == FIRST_DELAY:
                        task_status.started()
                    await anyio.sleep_forever()
            except CannotListen as error:
                if delay == FIRST_DELAY:
                    reason = str(error)
                    self._report("server.unavailable", reason=reason, **_where(self._listen))
                    task_status.started()
            await anyio.sleep(delay.total_seconds())
            delay = min(2 * delay, LONGEST_DELAY)


def _where(at: Endpoint | SocketFile) -> dict[str, Any]:
    if isinstance(at, SocketFile):
        return {"path": at.path}
    return {"host": at.host, "port": at.port}
