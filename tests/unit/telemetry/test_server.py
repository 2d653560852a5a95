from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from anyio import to_thread
from anyio.abc import SocketStream

from reelkeep.app.daemon_client import Unanswered, ask
from reelkeep.core.addresses import Endpoint, SocketFile
from reelkeep.errors import CannotListen
from reelkeep.telemetry.server import Probes, serving

HOST = "127.0.0.1"
ANYWHERE = Endpoint(HOST, 0)


@dataclass
class Daemon:
    """What the server asks, as a fake."""

    well: bool = True
    reasons: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    page: bytes = b"reelkeep_things_total 1.0\n"

    async def ready(self) -> Sequence[str]:
        return self.reasons

    async def status(self) -> dict[str, Any]:
        return self.facts

    def probes(self, *, status: Callable[[], Awaitable[dict[str, Any]]] | None = None) -> Probes:
        return Probes(
            healthy=lambda: self.well,
            ready=self.ready,
            status=status or self.status,
            metrics=lambda: self.page,
        )


@asynccontextmanager
async def client(probes: Probes) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serving(probes, ANYWHERE) as at,
        aiohttp.ClientSession(f"http://{at}") as session,
    ):
        yield session


def port_of(at: Endpoint | SocketFile) -> int:
    assert isinstance(at, Endpoint)
    return at.port


@asynccontextmanager
async def connected(at: Endpoint | SocketFile) -> AsyncIterator[SocketStream]:
    async with await anyio.connect_tcp(HOST, port_of(at)) as stream:
        yield stream


@pytest.fixture(autouse=True)
def long_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no connection end because its time is up, where a test does not say so."""
    monkeypatch.setattr("reelkeep.telemetry.server.LONGEST_CONNECTION", 600.0)


def descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def rest(stream: SocketStream) -> bytes:
    """Return all that comes until the other side hangs up."""
    found = b""
    with anyio.fail_after(120), suppress(anyio.BrokenResourceError):
        async for piece in stream:
            found += piece
    return found


@pytest.mark.parametrize(("well", "status"), [(True, 200), (False, 503)])
async def test_health_is_a_status(well: bool, status: int) -> None:
    async with client(Daemon(well=well).probes()) as http, http.get("/healthz") as reply:
        assert reply.status == status


@pytest.mark.parametrize(
    ("reasons", "status"),
    [([], 200), (["the catalog does not answer", "provider zoom is broken"], 503)],
)
async def test_readiness_gives_its_reasons(reasons: list[str], status: int) -> None:
    async with client(Daemon(reasons=reasons).probes()) as http, http.get("/readyz") as reply:
        assert reply.status == status
        assert await reply.json() == {"ready": not reasons, "reasons": reasons}


async def test_status_is_what_the_daemon_says() -> None:
    facts = {"free": 5, "providers": [{"name": "zoom"}]}
    async with client(Daemon(facts=facts).probes()) as http, http.get("/api/v1/status") as reply:
        assert (reply.status, await reply.json()) == (200, facts)


async def test_metrics_are_for_prometheus() -> None:
    async with client(Daemon().probes()) as http, http.get("/metrics") as reply:
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "reelkeep_things_total 1.0" in await reply.text()


async def test_head_is_answered_without_a_body() -> None:
    async with client(Daemon().probes()) as http, http.head("/healthz") as reply:
        assert (reply.status, await reply.read()) == (200, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_nothing_can_be_changed(method: str) -> None:
    async with client(Daemon().probes()) as http, http.request(method, "/healthz") as reply:
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/api", "/healthz/x", "/../etc/passwd", "/metrics/"])
async def test_there_are_no_other_pages(path: str) -> None:
    async with client(Daemon().probes()) as http, http.get(path) as reply:
        assert reply.status == 404


async def test_a_probe_that_fails_tells_its_kind_and_no_more() -> None:
    async def broken() -> dict[str, Any]:
        raise RuntimeError("a secret")

    async with (
        client(Daemon().probes(status=broken)) as http,
        http.get("/api/v1/status") as reply,
    ):
        assert reply.status == 503
        assert (await reply.json())["reasons"] == ["the probe failed (RuntimeError)"]


async def test_a_probe_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelkeep.telemetry.server.ANSWER_WITHIN", 0.01)

    async def stuck() -> dict[str, Any]:
        await anyio.sleep_forever()
        return {}

    async with (
        client(Daemon().probes(status=stuck)) as http,
        http.get("/api/v1/status") as reply,
    ):
        assert reply.status == 503


async def test_only_so_many_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelkeep.telemetry.server.MOST_AT_ONCE", 1)
    asked, go_on = anyio.Event(), anyio.Event()

    async def slow() -> dict[str, Any]:
        asked.set()
        await go_on.wait()
        return {}

    async with client(Daemon().probes(status=slow)) as http, anyio.create_task_group() as tasks:
        tasks.start_soon(http.get, "/api/v1/status")
        await asked.wait()
        async with http.get("/healthz") as reply:
            assert reply.status == 503
        go_on.set()


@pytest.mark.parametrize(
    "request_line", ["GET /healthz HTTP/1.1", "GET /nowhere HTTP/1.1", "no HTTP at all"]
)
async def test_no_answer_reveals_what_answers(
    request_line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    async with (
        serving(Daemon().probes(), ANYWHERE) as at,
        connected(at) as s,
    ):
        await s.send(f"{request_line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        head = await rest(s)
    assert b"Server: reelkeep\r\n" in head
    assert b"python" not in head.lower()
    assert b"aiohttp" not in head.lower()


async def test_a_port_in_use_is_the_operators_to_change() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        expected = rf"server.listen: cannot listen on {HOST}:{port}: A"
        with pytest.raises(CannotListen, match=expected):
            async with serving(Daemon().probes(), Endpoint(HOST, port)):
                pass


async def test_an_address_of_another_machine_is_the_operators_to_change() -> None:
    with pytest.raises(CannotListen, match="Cannot assign requested address"):
        async with serving(Daemon().probes(), Endpoint("192.0.2.1", 0)):
            pass


async def test_the_port_is_free_afterwards() -> None:
    async with serving(Daemon().probes(), ANYWHERE) as at:
        port = port_of(at)
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind((HOST, port))


async def test_answers_are_json_lines() -> None:
    async with client(Daemon().probes()) as http, http.get("/healthz") as reply:
        assert json.loads(await reply.text()) == {"healthy": True}


async def test_an_answer_ends_its_connection() -> None:
    async with serving(Daemon().probes(), ANYWHERE) as at, connected(at) as stream:
        await stream.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"Connection: close" in await rest(stream)


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_is_slow_to_ask_is_hung_up_on(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelkeep.telemetry.server.LONGEST_CONNECTION", 0.05)
    async with serving(Daemon().probes(), ANYWHERE) as at, connected(at) as stream:
        if sent:
            await stream.send(sent)
        assert await rest(stream) == b""


async def test_who_does_not_read_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is more than the buffers of both sides hold."""
    monkeypatch.setattr("reelkeep.telemetry.server.LONGEST_CONNECTION", 0.2)
    page = b"x" * (32 << 20)
    async with serving(Daemon(page=page).probes(), ANYWHERE) as at, connected(at) as stream:
        held = descriptors()
        await stream.send(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        with anyio.fail_after(120):
            while descriptors() == held:  # noqa: ASYNC110 - the server's end rings no bell
                await anyio.sleep(0.01)
        assert len(await rest(stream)) < len(page)
    assert caplog.messages == []


async def test_only_so_many_connect_at_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("reelkeep.telemetry.server.MOST_CONNECTIONS", 1)
    async with serving(Daemon().probes(), ANYWHERE) as at:
        async with connected(at) as first:
            async with connected(at) as second:
                assert await rest(second) == b""
            await first.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await rest(first)).startswith(b"HTTP/1.1 200")
        async with connected(at) as third:
            await third.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await rest(third)).startswith(b"HTTP/1.1 200")
    assert caplog.messages == []


@pytest.mark.parametrize(
    "head", [b"GET /" + b"x" * 5_000, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500]
)
async def test_a_request_has_a_measure(head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """What is no request is neither logged nor repeated: anybody may send it."""
    async with serving(Daemon().probes(), ANYWHERE) as at, connected(at) as stream:
        await stream.send(head + b"\r\n\r\n")
        answer = await rest(stream)
    assert answer.startswith(b"HTTP/1.0 400 Bad Request\r\n")
    assert answer.endswith(b'{"error": "invalid request"}\n')
    assert caplog.messages == []


async def test_a_unix_socket_is_answered_on(tmp_path: Path) -> None:
    at = SocketFile(tmp_path / "s")
    async with serving(Daemon().probes(), at) as place:
        status, body = await to_thread.run_sync(ask, at, "/healthz")
        assert (place, status, json.loads(body)) == (at, 200, {"healthy": True})
    with pytest.raises(Unanswered, match=f"nothing answers on unix:{tmp_path}/s"):
        ask(at, "/healthz")


async def test_a_daemon_is_asked_directly_whatever_proxy_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(Daemon().probes(), ANYWHERE) as at:
        assert (await to_thread.run_sync(ask, at, "/readyz"))[0] == 200
