"""The HTTP server of the daemon: health, readiness, status and metrics (contract, section 7)."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from anyio.abc import TaskStatus

from reelkeep.core.addresses import Endpoint, SocketFile
from reelkeep.errors import CannotListen
from reelkeep.ports import Report

MODE = 0o660
"""Who may connect: the owner, and the group."""

_PATIENCE = 1.0  # seconds for a listening process to accept a connection


@contextmanager
def socket_file(path: Path) -> Iterator[socket.socket]:
    """Yield a bound socket at `path`, and remove it afterwards. One left by a crash is replaced.

    Raises:
        CannotListen: The socket cannot be created, or another file has this path.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as made:
        try:
            _make_way(path)
            made.bind(str(path))
            path.chmod(MODE)  # before it listens, so that no other user can ever connect
            ours = path.lstat()
        except OSError as error:
            raise _unusable(path, error.strerror or str(error)) from error
        try:
            yield made
        finally:
            with suppress(OSError):
                now = path.lstat()
                if (now.st_dev, now.st_ino) == (ours.st_dev, ours.st_ino):
                    path.unlink()


def _make_way(path: Path) -> None:
    """Remove a socket at `path` that no process listens on."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise _unusable(path, "another file has this name")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass  # a process listens, and is busy
    raise _unusable(path, "another process listens there")


def _unusable(path: Path, reason: str) -> CannotListen:
    return CannotListen(f"server.listen: cannot listen on unix:{path}: {reason}")


ANSWER_WITHIN = 5.0
"""Seconds that a probe may take; a catalog that needs longer is not healthy."""

LONGEST_CONNECTION = 15.0
"""Seconds in which a request must arrive and its answer must be read."""

MOST_CONNECTIONS = 64
"""Connections at the same time; further ones are closed."""

MOST_LASTING = 128
"""Connections of the page that last: live events, and recordings that are played."""

MOST_AT_ONCE = 32
"""Requests answered at the same time; further ones get a 503."""

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
"""The content type that Prometheus expects."""

_ALWAYS = {
    "Server": "reelkeep",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


PageHandler = Callable[[web.BaseRequest, Callable[[], None]], Awaitable[web.StreamResponse]]
"""Answers a request; calling what it is given besides lets the connection last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """What the server asks the daemon; no answer may contain a secret."""

    healthy: Callable[[], bool]
    ready: Callable[[], Awaitable[Sequence[str]]]  #: Why it is not ready; empty if it is.
    status: Callable[[], Awaitable[dict[str, Any]]]  #: JSON, as `status --json` prints it.
    metrics: Callable[[], bytes]  #: In Prometheus' text format.
    catalog: str | None = None  #: Its path, which distinguishes daemons on one machine.
    page: PageHandler | None = None
    """Answers all other paths; None: there is no page."""


@asynccontextmanager
async def serving(
    probes: Probes, at: Endpoint | SocketFile
) -> AsyncIterator[Endpoint | SocketFile]:
    """Serve inside this context; yields the address (useful if the port was 0).

    Raises:
        CannotListen: The address cannot be listened on.
    """
    runner = web.ServerRunner(_Server(_Site(probes)), shutdown_timeout=1.0)
    await runner.setup()
    async with AsyncExitStack() as stack:
        made = (
            stack.enter_context(socket_file(Path(at.path))) if isinstance(at, SocketFile) else None
        )
        stack.push_async_callback(_clean_up, runner)
        if made is not None:
            await web.SockSite(runner, made).start()
        yield at if isinstance(at, SocketFile) else await _listen(runner, at)


async def _clean_up(runner: web.ServerRunner) -> None:
    with anyio.move_on_after(5, shield=True):
        await runner.cleanup()


async def _listen(runner: web.ServerRunner, at: Endpoint) -> Endpoint:
    try:
        await web.TCPSite(runner, at.host, at.port).start()
    except OSError as error:
        number = error.errno or 0  # asyncio rewords strerror; names are no system's errors
        reason = os.strerror(number) if number > 0 else "there is no such address"
        raise CannotListen(f"server.listen: cannot listen on {at}: {reason}") from error
    return Endpoint(at.host, int(runner.addresses[0][1]))


class _Server(web.Server):
    """The low-level server, so that even its 400 does not name the software.

    The number of connections and their duration are limited, so that slow clients use few
    resources.
    """

    def __init__(self, site: _Site) -> None:
        super().__init__(
            site.answer,
            request_factory=_Request.made,
            access_log=None,
            keepalive_timeout=LONGEST_CONNECTION,
            lingering_time=1.0,
            max_line_size=4096,
            max_field_size=4096,
            max_headers=64,
        )
        self._ends: dict[object, asyncio.TimerHandle] = {}
        self._lasting: set[object] = set()

    def __call__(self) -> RequestHandler:
        made = _Protocol(self, loop=self._loop, **self._kwargs)
        made.release = partial(self._release, made)
        return made

    def _release(self, handler: RequestHandler) -> None:
        """Let a connection last: it no longer counts among those that must be quick."""
        if handler in self._ends and len(self._lasting) < MOST_LASTING:
            self._ends.pop(handler).cancel()
            self._lasting.add(handler)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        loop = asyncio.get_running_loop()
        if len(self._ends) < MOST_CONNECTIONS:
            self._ends[handler] = loop.call_later(LONGEST_CONNECTION, transport.abort)
        else:
            loop.call_soon(transport.abort)  # once the handler has started

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._lasting.discard(handler)
        if handler in self._ends:
            self._ends.pop(handler).cancel()


class _Protocol(RequestHandler):
    """Answers invalid requests: they are not logged, and nothing of them is repeated."""

    __slots__ = ("release",)

    release: Callable[[], None]

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002 - aiohttp asks so
        message: str | None = None,  # noqa: ARG002 - aiohttp asks so
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has already started")
        response = _says(HTTPStatus(status), error="invalid request")
        response.force_close()
        return response


class _Request(web.BaseRequest):
    """A request whose every answer has our headers."""

    @classmethod
    def made(cls, *parts: Any) -> _Request:
        message, payload, protocol, writer, task = parts
        return cls(message, payload, protocol, writer, task, protocol._loop)  # noqa: SLF001 - as aiohttp's own factory does

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = _ALWAYS["Server"]


def _release(request: web.BaseRequest) -> None:
    """Let the answer take as long as it is read."""
    if isinstance(request.protocol, _Protocol):
        request.protocol.release()


class _Site:
    """The four pages, and the page for people, if there is one."""

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
        page = self._probes.page
        if page is not None and request.path not in self._pages:
            response = await page(request, partial(_release, request))
        else:
            response = await self._answer(request)
        response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if page is None:
            return _says(HTTPStatus.NOT_FOUND, error="no such page")
        if request.method not in ("GET", "HEAD"):
            response = _says(HTTPStatus.METHOD_NOT_ALLOWED, error="only GET and HEAD are allowed")
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
        catalog = self._probes.catalog
        return _says(status, healthy=healthy, **({"catalog": catalog} if catalog else {}))

    async def _readyz(self) -> web.Response:
        reasons = list(await self._probes.ready())
        status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
        return _says(status, ready=not reasons, reasons=reasons)

    async def _metrics(self) -> web.Response:
        return web.Response(body=self._probes.metrics(), headers={"Content-Type": PROMETHEUS})

    async def _status(self) -> web.Response:
        return _says(HTTPStatus.OK, **await self._probes.status())


def _says(status: HTTPStatus, **facts: Any) -> web.Response:
    body = json.dumps(facts, allow_nan=False)
    return web.Response(status=status, text=f"{body}\n", content_type="application/json")


FIRST_DELAY = timedelta(seconds=1)
LONGEST_DELAY = timedelta(minutes=1)
"""The longest delay between two attempts; the first delays double."""


class Pages:
    """Serves pages on `listen` from `forever` until `stop`.

    An address that is not up yet, or a port in use, does not prevent archiving: it is reported
    once, and tried again with growing delays until it works.
    """

    def __init__(self, probes: Probes, listen: Endpoint | SocketFile, report: Report) -> None:
        self._probes = probes
        self._listen = listen
        self._report = report
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    async def forever(self, *, task_status: TaskStatus[None]) -> None:
        """Serve; it counts as started after the first attempt to listen."""
        try:
            with self._scope:
                await self._try_on(task_status)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Stop listening, so that others can use the address."""
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
