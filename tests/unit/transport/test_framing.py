"""What servers do to the framing of a reply, byte for byte."""

from __future__ import annotations

import errno
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from aiohttp import (
    ClientConnectionError,
    ClientConnectionResetError,
    ClientOSError,
    ClientPayloadError,
    ServerDisconnectedError,
    ServerTimeoutError,
    SocketTimeoutError,
)
from aiohttp.http_exceptions import ContentLengthError, TransferEncodingError

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import BadReply, Garbled, Stalled, TransferError, Unreachable
from reelkeep.ports import Request
from reelkeep.transport import AiohttpTransport, TransportOptions
from reelkeep.transport.pooled import AiohttpReply
from servers import Script, Seen, Site, Wire, reply, replying, serving
from virtual import PATIENT, Backend

pytestmark = pytest.mark.usefixtures("way")


@pytest.fixture
def anyio_backend() -> Backend:
    return PATIENT


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
OPTIONS = TransportOptions(
    stall_timeout=timedelta(milliseconds=250),
    stall_rate=10_000,
    allow=AddressPolicy.parse(["127.0.0.1"]),
)
AMPLE = replace(OPTIONS, stall_timeout=timedelta(minutes=10), stall_rate=1)
"""No verdict hangs on a time that is never up."""


@asynccontextmanager
async def asked(
    script: Script, options: TransportOptions = OPTIONS
) -> AsyncIterator[tuple[AiohttpTransport, Site]]:
    async with serving(script) as site, AiohttpTransport(options) as transport:
        yield transport, site


async def outcome(
    script: Script, options: TransportOptions = AMPLE
) -> tuple[bytes, type[TransferError] | None]:
    """Return the body that arrived, and the error it ended with."""
    received = b""
    async with asked(script, options) as (transport, site):
        try:
            async with transport.open(Request(url=site.url("/file"))) as answer:
                async for chunk in answer.chunks():
                    received += chunk
        except TransferError as error:
            return received, type(error)
    return received, None


def ending(*pieces: bytes, end: Callable[[Wire], object] = Wire.close) -> Script:
    """Return a script that ends the connection after `pieces`."""

    async def script(_request: Seen, wire: Wire) -> None:
        await wire.send(*pieces, pause=0.01)
        await end(wire)  # type: ignore[misc]  # each `end` is a coroutine function of Wire

    return script


@pytest.mark.parametrize(
    "head",
    [
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Transfer-Encoding: gzip\r\n\r\nhello",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"Content-Length: -5\r\n\r\nhello",
        OK + b"Content-Length: +5\r\n\r\nhello",
        OK + b"Content-Length: 5, 5\r\n\r\nhello",
        OK + b"Content-Length: 0x5\r\n\r\nhello",
        OK + b"Content-Length: five\r\n\r\nhello",
        OK + b"Content-Length: \r\n\r\nhello",
        OK + b"Content-Length: 99999999999999999999999\r\n\r\nhello",
        OK + b"Content-Length : 5\r\n\r\nhello",
        OK + b"No colon\r\n\r\n",
        OK + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"<html>hello</html>",
    ],
)
async def test_rules_16_and_19_bug_19_a_head_that_contradicts_itself_is_not_believed(
    head: bytes,
) -> None:
    assert await outcome(replying(head)) == (b"", Garbled)


@pytest.mark.parametrize(
    "reply",
    [
        CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nhello, and more",
    ],
)
async def test_a_body_that_is_wrong_from_its_first_byte_is_not_given(reply: bytes) -> None:
    received, error = await outcome(replying(reply))
    assert received == b""
    assert error in (Garbled, BadReply)


async def test_rule_8_two_ranges_in_one_head_are_none() -> None:
    head = OK + b"Content-Range: bytes 0-4/9\r\nContent-Range: bytes 4-8/9\r\n\r\nhello"
    assert await outcome(replying(head)) == (b"", BadReply)


@pytest.mark.parametrize(
    "pieces",
    [
        [CHUNKED + b"5\r\nhello\r\n", b"zz\r\nhello\r\n0\r\n\r\n"],
        [CHUNKED + b"5\r\nhello\r\n", b"-5\r\nhello\r\n0\r\n\r\n"],
        [CHUNKED + b"5\r\nhello", b"too long\r\n0\r\n\r\n"],
    ],
)
async def test_a_broken_frame_in_a_later_chunk_is_noticed_at_once(pieces: list[bytes]) -> None:
    """aiohttp 3.14.5 would let the reader wait for ever."""
    with anyio.fail_after(120):
        received, error = await outcome(ending(*pieces, end=Wire.hang))
    assert (received, error) == (b"hello", BadReply)


@pytest.mark.parametrize("end", [Wire.close, Wire.reset])
@pytest.mark.parametrize(
    "head",
    [
        OK + b"Content-Length: 50\r\n\r\nhello",
        CHUNKED + b"10\r\nhello",
        CHUNKED + b"5\r\nhello\r\n",
        CHUNKED + b"5\r\nhello\r\n0\r\n",
    ],
)
async def test_bug_15_a_truncated_body_is_unreachable(
    head: bytes, end: Callable[[Wire], object]
) -> None:
    assert await outcome(ending(head, end=end)) == (b"hello", Unreachable)


async def test_a_reset_in_a_body_without_length_is_no_end() -> None:
    """aiohttp 3.14.5 reports the same clean end for both."""
    cut = await outcome(ending(OK + b"\r\nhello", end=Wire.reset))
    closed = await outcome(ending(OK + b"\r\nhello", end=Wire.close))
    assert (cut, closed) == ((b"hello", Unreachable), (b"hello", None))


@pytest.mark.parametrize(
    "pieces",
    [
        [reply(b"hello")],
        [CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"],
        [CHUNKED + b"2;x=y\r\nhe\r\n", b"3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"],
        [b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello"],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b"hello")],
        [OK + b"Content-Length: 5\r\n\r\n", b"h", b"e", b"l", b"l", b"o"],
    ],
)
async def test_a_sound_body_arrives_whole(pieces: list[bytes]) -> None:
    assert await outcome(ending(*pieces)) == (b"hello", None)


async def test_rule_32_what_a_slow_reader_had_not_taken_yet_survives_the_break() -> None:
    """aiohttp drops its buffer when the connection breaks (rule 32)."""
    async with (
        asked(ending(OK + b"Content-Length: 99\r\n\r\nhello")) as (transport, site),
        transport.open(Request(url=site.url())) as answer,
    ):
        await site.deserted()
        assert await anext(answer.chunks()) == b"hello"


async def test_a_complete_body_is_complete_however_the_connection_ends() -> None:
    body = b"x" * 3_000_000
    received = b""
    script = ending(reply(body), end=Wire.reset)
    patient = TransportOptions(allow=OPTIONS.allow)
    async with (
        asked(script, patient) as (transport, site),
        transport.open(Request(url=site.url())) as answer,
    ):
        async for chunk in answer.chunks():
            received += chunk
    assert received == body


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (ClientPayloadError(), Unreachable),
        (ClientConnectionError(), Unreachable),
        (ClientConnectionResetError(), Unreachable),
        (ClientOSError(errno.EHOSTUNREACH, "no route"), Unreachable),
        (ServerDisconnectedError(), Unreachable),
        (ServerTimeoutError(), Unreachable),
        (SocketTimeoutError(), Unreachable),
        (ConnectionAbortedError(), Unreachable),
        (ConnectionResetError(), Unreachable),
        (BrokenPipeError(), Unreachable),
        (TimeoutError(), Unreachable),
        (OSError(errno.ENETDOWN, "down"), Unreachable),
        (ssl.SSLError(1, "bad record mac"), Unreachable),
        (ssl.SSLEOFError(), Unreachable),
        (ssl.SSLZeroReturnError(), Unreachable),
        (ContentLengthError("9 expected"), BadReply),
        (TransferEncodingError("no size"), BadReply),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else type(value).__name__,
)
@pytest.mark.parametrize("way", ["pooled"], indirect=True)
async def test_bug_3_whatever_breaks_a_body_is_one_of_our_errors(
    error: Exception, ours: type[TransferError]
) -> None:
    """What came before it is given."""
    received = bytearray()

    async def read(answer: AiohttpReply) -> None:
        async for chunk in answer.chunks():
            received.extend(chunk)
            answer._raw.content.set_exception(error)

    script = ending(OK + b"Content-Length: 9\r\n\r\nhello", end=Wire.hang)
    async with (
        asked(script) as (transport, site),
        transport.open(Request(url=site.url())) as answer,
    ):
        assert isinstance(answer, AiohttpReply)
        with pytest.raises(ours):
            await read(answer)
    assert received == b"hello"


@pytest.mark.parametrize("way", ["pooled"], indirect=True)
async def test_bug_25_a_false_alarm_after_the_last_byte_is_ignored() -> None:
    """aiohttp#13348 raised "received N of N"; newer ones do not, so the test does."""
    async with (
        asked(replying(reply(b"hello"))) as (transport, site),
        transport.open(Request(url=site.url())) as answer,
    ):
        assert isinstance(answer, AiohttpReply)
        answer._raw.content.set_exception(ClientPayloadError("received 5 of 5"))
        assert [chunk async for chunk in answer.chunks()] == [b"hello"]


@pytest.mark.parametrize(
    ("script", "received"),
    [
        (ending(end=Wire.hang), b""),
        (ending(OK + b"Content-", end=Wire.hang), b""),
        (ending(*[bytes([byte]) for byte in OK + b"X: " + b"a" * 80]), b""),
        (ending(OK + b"Content-Length: 50\r\n\r\n", end=Wire.hang), b""),
        (ending(OK + b"Content-Length: 50\r\n\r\nhello", end=Wire.hang), b"hello"),
        (ending(OK + b"\r\nhello", end=Wire.hang), b"hello"),
    ],
)
async def test_silence_is_a_stall(script: Script, received: bytes) -> None:
    assert await outcome(script, OPTIONS) == (received, Stalled)


async def test_a_drip_is_a_stall() -> None:
    received, error = await outcome(
        ending(OK + b"Content-Length: 99\r\n\r\n", *[b"x"] * 99), OPTIONS
    )
    assert error is Stalled
    assert 5 <= len(received) <= 40


async def test_a_drip_that_completes_the_body_is_forgiven() -> None:
    head = OK + b"Content-Length: 2\r\n\r\n"
    assert await outcome(replying(head, b"x", b"y", pause=0.15), OPTIONS) == (b"xy", None)


async def test_rule_31_the_time_that_the_reader_takes_is_no_stall() -> None:
    received = b""
    async with (
        asked(replying(OK + b"Content-Length: 4000\r\n\r\n", *[b"x" * 1000] * 4)) as (
            transport,
            site,
        ),
        transport.open(Request(url=site.url())) as answer,
    ):
        async for chunk in answer.chunks():
            received += chunk
            await anyio.sleep(0.3)
    assert len(received) == 4000


@pytest.mark.parametrize(
    "script",
    [
        ending(b""),
        ending(OK + b"Set-Cookie: secret"),
        ending(end=Wire.reset),
        ending(OK + b"secret\r\n\r\n"),
        ending(OK + b"Content-Length: secret\r\n\r\n"),
        ending(end=Wire.hang),
    ],
)
async def test_neither_message_nor_traceback_quotes_the_request(script: Script) -> None:
    async with asked(script) as (transport, site):
        request = Request(url=site.url("/secret?secret"), credentials={"X": "secret"})
        with pytest.raises(TransferError) as caught:
            async with transport.open(request):
                pass
    told = "".join(traceback.format_exception_only(caught.value) + _causes(caught.value))
    assert "secret" not in told
    assert f"http://127.0.0.1:{site.port}: " in told


def _causes(error: BaseException) -> list[str]:
    below = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return [] if below is None else [repr(below), *_causes(below)]
