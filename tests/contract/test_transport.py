"""What every `ports.Transport` does, the real one over real sockets and the fake one alike."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import product
from typing import Protocol

import pytest
from multidict import CIMultiDict

import virtual
from fakes.transport import FakeReply, FakeTransport
from reelkeep.core.addresses import AddressPolicy, parse
from reelkeep.core.replies import joined
from reelkeep.errors import BadReply, Error, Refused, Stalled, TransferError, Unreachable
from reelkeep.ports import Reply, Request, Transport
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Seen, Site, Wire, serving
from virtual import Backend

Answer = FakeReply | TransferError


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual.PATIENT


PATIENCE = timedelta(seconds=30)


class Stage(Protocol):
    """A transport, and two sites that answer by path as the test writes in `answers`."""

    transport: Transport
    answers: dict[str, Answer]

    def url(self, target: str, *, elsewhere: bool = False) -> str: ...

    @property
    def seen(self) -> Sequence[Seen]: ...


class FakeStage:
    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self._fake = FakeTransport(lambda request: self.answers[parse(request.url).target])
        self.transport: Transport = self._fake

    def url(self, target: str, *, elsewhere: bool = False) -> str:
        return f"http://{'elsewhere' if elsewhere else 'here'}.test{target}"

    @property
    def seen(self) -> Sequence[Seen]:
        return [
            Seen(
                method=hop.method,
                target=parse(hop.url).target,
                headers=CIMultiDict({**hop.headers, **hop.credentials}),
                body=hop.body or b"",
                connection=1,
            )
            for hop in self._fake.requests
        ]


class RealStage:
    def __init__(
        self,
        transport: Transport,
        answers: dict[str, Answer],
        sites: Sequence[Site],
        seen: Sequence[Seen],
    ) -> None:
        self.transport = transport
        self.answers = answers
        self.seen = seen
        self._sites = sites

    def url(self, target: str, *, elsewhere: bool = False) -> str:
        return self._sites[elsewhere].url(target)


@dataclass(frozen=True)
class Way:
    """How the real transport reaches its sites."""

    direct: bool = False  #: Each request has a connection of its own.
    tls: bool = False
    proxy: bool = False

    def __str__(self) -> str:
        names = ["direct" if self.direct else "pooled", "https" if self.tls else "http"]
        return "-".join([*names, "proxy"] if self.proxy else names)


WAYS = [Way(*each) for each in product((False, True), repeat=3)]


@asynccontextmanager
async def real(way: Way, tls: ssl.SSLContext) -> AsyncIterator[Stage]:
    answers: dict[str, Answer] = {}
    seen: list[Seen] = []

    async def script(request: Seen, wire: Wire) -> None:
        seen.append(request)
        await play(answers[request.target], wire)

    async def proxying(request: Seen, wire: Wire) -> None:
        if request.method == "CONNECT":
            await wire.send(b"HTTP/1.1 200 Connected\r\n\r\n")
            await wire.tunnel(int(request.target.rpartition(":")[2]))
        else:
            await script(replace(request, target=parse(request.target).target), wire)

    secured, host = (tls, "localhost") if way.tls else (None, "127.0.0.1")
    async with (
        serving(script, tls=secured, host=host) as here,
        serving(script, tls=secured, host=host) as elsewhere,
        serving(proxying) as proxy,
    ):
        options = TransportOptions(
            stall_timeout=PATIENCE,
            stall_rate=1,
            proxy=proxy.url("") if way.proxy else None,
            allow=AddressPolicy.parse(["127.0.0.1", "localhost"]),
        )
        async with AiohttpTransport(options) as transport:
            yield RealStage(transport, answers, [here, elsewhere], seen)


async def play(answer: Answer, wire: Wire) -> None:
    """Do on the wire what a script says."""
    if isinstance(answer, TransferError):
        await fail(answer, wire)
        return
    headers = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    await wire.send(f"HTTP/1.1 {answer.status} Status\r\n{headers}\r\n".encode())
    for piece in answer.pieces:
        if isinstance(piece, TransferError):
            await fail(piece, wire)
        elif isinstance(piece, bytes):
            await wire.send(piece)
    if "Content-Length" not in answer.headers:
        await wire.close()


async def fail(error: TransferError, wire: Wire) -> None:
    """Misbehave so that a client should raise `error`."""
    if isinstance(error, Stalled):
        await wire.hang()
    if isinstance(error, BadReply):
        await wire.send(b"\r\nno such thing\r\n")
    await wire.close()


@pytest.fixture(params=["fake", *WAYS], ids=str)
async def stage(
    request: pytest.FixtureRequest, quick_trust: None, localhost_tls: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Stage]:  # fmt: skip
    if not isinstance(request.param, Way):
        yield FakeStage()
        return
    if request.param.direct:
        monkeypatch.setattr("reelkeep.transport.client.DIRECT_FROM", 0)
    async with real(request.param, localhost_tls) as built:
        yield built


async def read(reply: Reply) -> bytes:
    async with aclosing(reply.chunks()) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def fetch(stage: Stage, request: Request) -> tuple[int, bytes]:
    async with stage.transport.open(request) as reply:
        return reply.status, await read(reply)


@pytest.mark.parametrize("status", [200, 206, 404, 416, 429, 500])
async def test_whatever_status_comes_is_a_reply(stage: Stage, status: int) -> None:
    stage.answers["/a"] = FakeReply.of(b"body", status=status)
    assert await fetch(stage, Request(url=stage.url("/a"))) == (status, b"body")


async def test_looking_up_a_header_ignores_case(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply.of(b"", ETag='"x"')
    async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
        assert reply.headers["etag"] == reply.headers["ETAG"] == '"x"'


async def test_a_field_may_come_in_several_lines(stage: Stage) -> None:
    lines = CIMultiDict({"Content-Length": "0", "x-goog-hash": "crc32c=A"})
    lines.add("X-Goog-Hash", "md5=B")
    stage.answers["/a"] = FakeReply(headers=lines)
    async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
        assert reply.headers["x-goog-hash"] == "crc32c=A"
        assert joined(reply.headers, "x-goog-hash") == "crc32c=A, md5=B"


async def test_a_body_comes_as_it_was_sent(stage: Stage) -> None:
    pieces = [b"a" * 70_000, b"b", b"c" * 300_000]
    whole = b"".join(pieces)
    stage.answers["/a"] = FakeReply(headers={"Content-Length": str(len(whole))}, pieces=pieces)
    assert await fetch(stage, Request(url=stage.url("/a"))) == (200, whole)


async def test_a_compressed_body_is_not_decoded(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply.of(b"\x1f\x8b no gzip", Content_Encoding="gzip")
    assert await fetch(stage, Request(url=stage.url("/a"))) == (200, b"\x1f\x8b no gzip")


async def test_a_body_may_be_empty(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply.of(b"", status=204)
    assert await fetch(stage, Request(url=stage.url("/a"))) == (204, b"")


async def test_a_body_without_a_length_ends_with_its_connection(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply(pieces=[b"body"])
    assert await fetch(stage, Request(url=stage.url("/a"))) == (200, b"body")


async def test_a_request_is_sent_as_it_is_written(stage: Stage) -> None:
    stage.answers["/a%252Fb?x=%7E+y&&"] = FakeReply.of(b"")
    request = Request(
        url=stage.url("/a%252Fb?x=%7E+y&&"), method="POST", headers={"X-A": "1"}, body=b"{}"
    )
    await fetch(stage, request)
    (seen,) = stage.seen
    assert (seen.method, seen.target, seen.body) == ("POST", "/a%252Fb?x=%7E+y&&", b"{}")
    assert seen.headers["X-A"] == "1"


async def test_a_redirect_is_followed_and_counted(stage: Stage) -> None:
    stage.answers |= {"/a": FakeReply.redirect("b"), "/b": FakeReply.of(b"body")}
    async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
        assert (reply.status, reply.hops, await read(reply)) == (200, 1, b"body")


async def test_the_origin_is_who_answered_at_last(stage: Stage) -> None:
    target = stage.url("/b", elsewhere=True)
    stage.answers |= {"/a": FakeReply.redirect(target), "/b": FakeReply.of(b"")}
    async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
        assert reply.origin == target.removesuffix("/b")


async def test_rule_20_bug_20_credentials_stay_with_their_origin_and_headers_do_not(
    stage: Stage,
) -> None:
    stage.answers |= {
        "/a": FakeReply.redirect("/b"),
        "/b": FakeReply.redirect(stage.url("/c", elsewhere=True)),
        "/c": FakeReply.redirect(stage.url("/d")),
        "/d": FakeReply.of(b""),
    }
    request = Request(
        url=stage.url("/a"),
        headers={"Range": "bytes=5-"},
        credentials={"Authorization": "Bearer x", "X-Api-Key": "y", "Cookie": "z"},
    )
    await fetch(stage, request)
    shown = {
        seen.target: [name in seen.headers for name in ("Range", *request.credentials)]
        for seen in stage.seen
    }
    everything, the_range_alone = [True] * 4, [True, False, False, False]
    assert shown == {
        "/a": everything,
        "/b": everything,
        "/c": the_range_alone,
        "/d": the_range_alone,
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_only_a_get_is_redirected(stage: Stage, method: str) -> None:
    stage.answers["/a"] = FakeReply.redirect("/b")
    assert await fetch(stage, Request(url=stage.url("/a"), method=method)) == (302, b"")


async def test_following_redirects_can_be_left_to_the_caller(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply.redirect("/b")
    async with stage.transport.open(Request(url=stage.url("/a"), follow=False)) as reply:
        assert (reply.status, reply.headers["Location"]) == (302, "/b")


async def test_too_many_redirects_are_refused(stage: Stage) -> None:
    for n in range(11):
        stage.answers[f"/{n}"] = FakeReply.redirect(f"/{n + 1}")
    with pytest.raises(Refused):
        await fetch(stage, Request(url=stage.url("/0")))
    assert len(stage.seen) == 11


@pytest.mark.parametrize("location", ["ftp://x/", "http://user:secret@x/", "http://[", "\x7f"])
async def test_a_redirect_that_cannot_be_followed_is_refused(stage: Stage, location: str) -> None:
    stage.answers["/a"] = FakeReply.redirect(location)
    with pytest.raises((Refused, BadReply)):
        await fetch(stage, Request(url=stage.url("/a")))


async def test_a_url_with_a_password_is_refused_unseen(stage: Stage) -> None:
    with pytest.raises(Refused):
        await fetch(stage, Request(url=stage.url("/a").replace("://", "://u:p@")))
    assert not stage.seen


async def test_the_bytes_before_a_break_are_not_lost(stage: Stage) -> None:
    body = FakeReply(headers={"Content-Length": "9"}, pieces=[b"body", Unreachable("cut")])
    stage.answers["/a"] = body
    received: list[bytes] = []

    async def collect() -> None:
        async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
            async for chunk in reply.chunks():
                received.append(chunk)  # noqa: PERF401 - a list would be lost with the error

    with pytest.raises(Unreachable):
        await collect()
    assert b"".join(received) == b"body"


@pytest.mark.parametrize("error", [Stalled("no bytes"), BadReply("no frame")])
async def test_a_broken_body_raises(stage: Stage, error: TransferError) -> None:
    frame = {"Transfer-Encoding": "chunked"}
    stage.answers["/a"] = FakeReply(headers=frame, pieces=[b"", error])
    if isinstance(stage, RealStage):
        stage.answers["/a"] = FakeReply(headers=frame, pieces=[b"4\r\nbody\r\n", error])
    async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
        with pytest.raises(type(error)):
            await read(reply)


@pytest.mark.parametrize(
    "error", [Unreachable("cut"), Stalled("silence"), BadReply("no head")], ids=lambda e: e.code
)
async def test_a_reply_that_never_comes_raises(stage: Stage, error: TransferError) -> None:
    stage.answers["/secret?secret"] = error
    request = Request(url=stage.url("/secret?secret"), credentials={"Authorization": "secret"})
    with pytest.raises(type(error)) as caught:
        await fetch(stage, request)
    assert "secret" not in str(caught.value)


async def test_a_body_may_be_left_unread(stage: Stage) -> None:
    stage.answers |= {
        "/a": FakeReply.of(b"a" * 3_000_000),
        "/b": FakeReply.of(b"body"),
    }
    async with stage.transport.open(Request(url=stage.url("/a"))):
        pass
    assert await fetch(stage, Request(url=stage.url("/b"))) == (200, b"body")


async def test_a_reader_may_stop_half_way(stage: Stage) -> None:
    stage.answers |= {"/a": FakeReply.of(b"a" * 3_000_000), "/b": FakeReply.of(b"body")}
    async with (
        stage.transport.open(Request(url=stage.url("/a"))) as reply,
        aclosing(reply.chunks()) as chunks,
    ):
        assert await anext(chunks)
    assert await fetch(stage, Request(url=stage.url("/b"))) == (200, b"body")


async def test_an_error_of_the_reader_is_passed_on(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply.of(b"body")
    with pytest.raises(Error, match="mine"):
        async with stage.transport.open(Request(url=stage.url("/a"))):
            raise Error("mine")


async def test_what_was_given_is_counted(stage: Stage) -> None:
    stage.answers["/a"] = FakeReply.of(b"a" * 300_000)
    async with stage.transport.open(Request(url=stage.url("/a"))) as reply:
        assert reply.given == 0
        given = 0
        async for piece in reply.chunks():
            given += len(piece)
            assert reply.given == given
    assert given == 300_000
