"""How long a head may be, for each way to ask; each limit is ours, not a library's."""

from __future__ import annotations

import pytest

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import Garbled
from reelkeep.ports import Request
from reelkeep.transport import AiohttpTransport, TransportOptions
from reelkeep.transport.options import MAX_FIELDS
from servers import Seen, Wire, replying, serving

pytestmark = pytest.mark.usefixtures("way")

OPTIONS = TransportOptions(allow=AddressPolicy.parse(["127.0.0.1"]))
OK = b"HTTP/1.1 200 OK\r\n"
END = b"Content-Length: 5\r\n\r\nhello"


async def body_of(reply: bytes) -> bytes | Garbled:
    """Return the body, or why there is none."""
    async with serving(replying(reply)) as site, AiohttpTransport(OPTIONS) as transport:
        try:
            async with transport.open(Request(url=site.url())) as answer:
                return b"".join([piece async for piece in answer.chunks()])
        except Garbled as error:
            return error


@pytest.mark.parametrize(
    "reply",
    [
        OK + b"Content-Security-Policy: " + b"p" * 35_000 + b"\r\n" + END,
        OK + b"X: " + b"p" * 60_000 + b"\r\n" + END,
        OK + b"".join(b"X-%d: %s\r\n" % (n, b"p" * 20_000) for n in range(10)) + END,
        OK + b"".join(b"X-%d: a\r\n" % n for n in range(250)) + END,
        OK + b"".join(b"Set-Cookie: c%d=%s\r\n" % (n, b"v" * 4_000) for n in range(50)) + END,
        b"HTTP/1.1 200 " + b"O" * 20_000 + b"\r\n" + END,
        b"HTTP/1.1 103 Early Hints\r\nLink: " + b"l" * 20_000 + b"\r\n\r\n" + OK + END,
        OK + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"e" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: " + b"t" * 20_000
        + b"\r\n\r\n",
    ],
    ids=[
        "policy", "field", "head", "fields", "cookies", "status line", "interim", "extension",
        "trailer",
    ],
)  # fmt: skip
async def test_what_is_in_the_wild_is_read(reply: bytes) -> None:
    assert await body_of(reply) == b"hello"


@pytest.mark.parametrize(
    "head",
    [
        b"X: " + b"p" * 70_000 + b"\r\n",
        b"".join(b"X-%d: %s\r\n" % (n, b"p" * 50_000) for n in range(6)),
        b"".join(b"X-%d: a\r\n" % n for n in range(MAX_FIELDS + 1)),
        b"".join(b"Set-Cookie: c%d=%s\r\n" % (n, b"v" * 4_000) for n in range(100)),
    ],
    ids=["field", "head", "fields", "cookies"],
)
async def test_what_is_longer_is_said_to_be_too_long(head: bytes) -> None:
    found = await body_of(OK + head + END)
    assert isinstance(found, Garbled)
    assert str(found).endswith(": the reply's head is too long")


async def test_a_status_line_that_is_too_long_is_said_to_be() -> None:
    found = await body_of(b"HTTP/1.1 200 " + b"O" * 70_000 + b"\r\n" + END)
    assert isinstance(found, Garbled)
    assert str(found).endswith(": the reply's head is too long")


async def test_an_address_of_16_kib_can_be_reached_by_a_redirect() -> None:
    location = b"/" + b"a" * 16_000

    async def script(seen: Seen, wire: Wire) -> None:
        if seen.target == "/":
            await wire.send(b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\n")
            await wire.send(b"Content-Length: 0\r\n\r\n")
        else:
            await wire.send(OK + END)

    async with serving(script) as site, AiohttpTransport(OPTIONS) as transport:
        async with transport.open(Request(url=site.url())) as answer:
            assert b"".join([piece async for piece in answer.chunks()]) == b"hello"
        assert site.seen[1].target == location.decode()
