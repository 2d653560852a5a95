"""What comes over a real socket and never ends: each is refused at a bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from random import Random

import anyio
import pytest

from fuzz.hostile import EXAMPLES, peak
from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import BadAnswer, TransferError, Unavailable
from reelkeep.ports import Request
from reelkeep.providers.web import ask
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Script, Seen, Wire, serving

GIB = 1 << 30
MIB = 1 << 20
PIECE = b"1," * (128 << 10)
OPTIONS = TransportOptions(
    connect_timeout=timedelta(seconds=60),
    stall_timeout=timedelta(minutes=2),
    stall_rate=1,
    allow=AddressPolicy.parse(["127.0.0.1"]),
)


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    async with AiohttpTransport(OPTIONS) as opened:
        yield opened


class Endless:
    """Sends `head`, then the same piece for ever; `sent` is how much went out."""

    def __init__(self, head: bytes, piece: bytes = PIECE) -> None:
        self._head = head
        self._piece = piece
        self.sent = 0

    async def __call__(self, _seen: Seen, wire: Wire) -> None:
        await wire.send(self._head)
        while self.sent < GIB:
            await wire.send(self._piece)
            self.sent += len(self._piece)


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LENGTH = PLAIN + b"Content-Length: %d\r\n\r\n[" % (GIB + 1)
UNTIL_CLOSED = PLAIN + b"Connection: close\r\n\r\n["
CHUNKED = PLAIN + b"Transfer-Encoding: chunked\r\n\r\n"
CHUNK = b"%x\r\n%s\r\n" % (len(PIECE), PIECE)


@pytest.mark.parametrize(
    ("head", "piece"),
    [(LENGTH, PIECE), (UNTIL_CLOSED, PIECE), (CHUNKED, CHUNK)],
    ids=["length", "until closed", "chunked"],
)
async def test_a_gigabyte_of_json_is_refused_after_the_limit(
    transport: AiohttpTransport, head: bytes, piece: bytes
) -> None:
    server, before = Endless(head, piece), peak()
    async with serving(server) as site:
        with anyio.fail_after(300), pytest.raises(BadAnswer, match="longer"):
            await ask(transport, Request(url=site.url()))
    assert server.sent < 96 * MIB
    assert peak() - before < 256 * MIB


async def refused(transport: AiohttpTransport, server: Script) -> None:
    async with serving(server) as site:
        with anyio.fail_after(300):
            with pytest.raises(Unavailable):
                await ask(transport, Request(url=site.url()))
            with pytest.raises(TransferError):
                async with transport.open(Request(url=site.url())) as reply:
                    assert reply.status


HEADS = pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"X-Many: 1\r\n" * 5000),
        (b"HTTP/1.1 200 ", b"O" * 65536),
        (b"", b"\0" * 65536),
        (CHUNKED, b"f" * 65536),
    ],
    ids=[
        "one long field",
        "many fields",
        "a long status line",
        "nothing of HTTP",
        "a long chunk head",
    ],
)


@HEADS
async def test_a_head_without_end_is_refused_early(
    transport: AiohttpTransport, head: bytes, piece: bytes
) -> None:
    server = Endless(head, piece)
    async with serving(server) as site:
        with anyio.fail_after(300), pytest.raises((Unavailable, BadAnswer)):
            await ask(transport, Request(url=site.url()))
    assert server.sent < 16 * MIB


async def test_a_head_without_end_is_a_failed_transfer(transport: AiohttpTransport) -> None:
    server = Endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536)
    await refused(transport, server)
    assert server.sent < 32 * MIB


@HEADS
async def test_so_it_is_on_a_connection_of_its_own(
    transport: AiohttpTransport, head: bytes, piece: bytes
) -> None:
    server = Endless(head, piece)
    async with serving(server) as site:
        with anyio.fail_after(300), pytest.raises(TransferError):
            await everything(transport, Request(url=site.url(), expects=2 * MIB))
    assert server.sent < 32 * MIB


# --- Replies that are almost right, on a connection of its own ------------------------------------

BODY = bytes(range(256)) * 200
REPLIES = (
    b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nETag: "v1"\r\n\r\n%s' % (len(BODY), BODY),
    b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%d/%d\r\nContent-Length: %d\r\n\r\n%s"
    % (len(BODY) - 1, len(BODY), len(BODY), BODY),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    % (len(BODY), BODY),
    b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
    % (len(BODY), BODY),
)
HEAD = 120
"""Bytes at the start of a reply in which something is wrong; behind them is a body."""


async def everything(transport: AiohttpTransport, request: Request) -> tuple[int | None, bytes]:
    """Return the length that the reply announced, and all that it gave."""
    async with transport.open(request) as reply:
        given = b"".join([piece async for piece in reply.chunks()])
        length = reply.headers.get("Content-Length")
        return None if length is None else int(length), given


def garbled(seed: int) -> list[bytes]:
    """Return the pieces of a reply of which a few bytes are changed, missing, doubled or new."""
    draw = Random(seed)
    reply = bytearray(draw.choice(REPLIES))
    for _ in range(draw.randint(0, 3)):
        at, size = draw.randrange(min(HEAD, len(reply))), draw.randint(0, 8)
        new = (b"", reply[at : at + size] * 2, draw.randbytes(size), b"\r\n", b"0", b":", b"\0")
        reply[at : at + size] = draw.choice(new)
    cuts = sorted(draw.randrange(len(reply)) for _ in range(draw.randint(0, 4)))
    return [bytes(reply[a:b]) for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]


async def test_a_garbled_reply_is_refused_or_is_what_it_says(transport: AiohttpTransport) -> None:
    refused = whole = 0

    async def script(seen: Seen, wire: Wire) -> None:
        seed = seen.target.removeprefix("/")  # elsewhere, after a redirect, all is well
        await wire.send(*(garbled(int(seed)) if seed.isdecimal() else REPLIES[:1]))
        await wire.close()

    async with serving(script) as site:
        for seed in range(4 * EXAMPLES):
            try:
                with anyio.fail_after(300):
                    asked = Request(url=site.url(f"/{seed}"), expects=2 * MIB)
                    length, given = await everything(transport, asked)
            except TransferError:
                refused += 1
                continue
            assert length in (None, len(given)), seed
            whole += given == BODY
    assert refused > EXAMPLES / 4
    assert whole > EXAMPLES / 4
