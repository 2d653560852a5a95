"""The small HTTP server that says how the daemon is (contract, section 7)."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from reelkeep.errors import ConfigError

ANSWER_WITHIN = 5.0
"""Seconds that a probe may take; a catalog that needs longer is not well."""

MOST_AT_ONCE = 32
"""Requests answered at the same time; the rest is sent away with 503."""

_ALWAYS = {
    "Server": "reelkeep",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the server asks the daemon; none of them may say a secret."""

    healthy: Callable[[], bool]
    ready: Callable[[], Awaitable[Sequence[str]]]  #: Reasons why not; empty if ready.
    status: Callable[[], Awaitable[dict[str, Any]]]  #: JSON, as `status --json` prints it.
    metrics: CollectorRegistry


@asynccontextmanager
async def serving(probes: Probes, host: str, port: int) -> AsyncIterator[int]:
    """Answer on `host` and `port` while inside; yields the port (of use where it was 0).

    Raises:
        ConfigError: The address cannot be listened on.
    """
    runner = web.ServerRunner(_server(probes), shutdown_timeout=1.0)
    await runner.setup()
    try:
        yield await _listen(runner, host, port)
    finally:
        with anyio.move_on_after(5, shield=True):
            await runner.cleanup()


async def _listen(runner: web.ServerRunner, host: str, port: int) -> int:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        number = error.errno or 0  # asyncio rewords strerror; names are no system's errors
        reason = os.strerror(number) if number > 0 else "there is no such address"
        raise ConfigError(
            f"server.listen: cannot listen on {host}:{port}: {reason}; "
            "choose another address, or null to do without"
        ) from error
    return int(runner.addresses[0][1])


def _server(probes: Probes) -> web.Server:
    """Return the server. It is the low-level one, so that even its 400 says nothing of itself."""
    return web.Server(
        _Site(probes).answer,
        request_factory=_Request.made,
        access_log=None,
        keepalive_timeout=15.0,
        lingering_time=1.0,
    )


class _Request(web.BaseRequest):
    """A request whose every answer bears our headers."""

    @classmethod
    def made(cls, *parts: Any) -> _Request:
        message, payload, protocol, writer, task = parts
        return cls(message, payload, protocol, writer, task, protocol._loop)  # noqa: SLF001 - as aiohttp's own factory does

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers.update(_ALWAYS)


class _Site:
    """The four pages."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes
        self._at_once = 0
        self._pages: Mapping[str, Callable[[], Awaitable[web.Response]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/api/v1/status": self._status,
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        page = self._pages.get(request.path)
        if page is None:
            return _says(HTTPStatus.NOT_FOUND, error="there is no such page")
        if request.method not in ("GET", "HEAD"):
            response = _says(HTTPStatus.METHOD_NOT_ALLOWED, error="only GET and HEAD are answered")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if self._at_once >= MOST_AT_ONCE:
            return _says(HTTPStatus.SERVICE_UNAVAILABLE, error="too many requests at once")
        return await self._turn(page)

    async def _turn(self, page: Callable[[], Awaitable[web.Response]]) -> web.Response:
        self._at_once += 1
        try:
            with anyio.fail_after(ANSWER_WITHIN):
                return await page()
        except TimeoutError:
            reason = f"no answer within {ANSWER_WITHIN:g} s"
        except Exception as error:  # noqa: BLE001 - the item boundary: the probe is what is ill
            reason = f"the probe failed ({type(error).__name__})"
        finally:
            self._at_once -= 1
        return _says(HTTPStatus.SERVICE_UNAVAILABLE, ready=False, reasons=[reason])

    async def _healthz(self) -> web.Response:
        healthy = self._probes.healthy()
        status = HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE
        return _says(status, healthy=healthy)

    async def _readyz(self) -> web.Response:
        reasons = list(await self._probes.ready())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _says(status, ready=not reasons, reasons=reasons)

    async def _metrics(self) -> web.Response:
        page = generate_latest(self._probes.metrics)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _status(self) -> web.Response:
        return _says(HTTPStatus.OK, **await self._probes.status())


def _says(status: HTTPStatus, **facts: Any) -> web.Response:
    body = json.dumps(facts, allow_nan=False)
    return web.Response(status=status, text=f"{body}\n", content_type="application/json")
