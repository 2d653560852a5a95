"""How connections are used: sent headers, the pool, slots, timeouts and cancellation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import anyio
import pytest

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import Refused, Stalled, Unreachable
from reelkeep.ports import Request
from reelkeep.transport import AiohttpTransport, TransportOptions
from servers import Script, Seen, Site, Wire, reply, replying, serving

pytestmark = pytest.mark.usefixtures("way")

LOOPBACK = AddressPolicy.parse(["127.0.0.0/8"])
LARGE = reply(b"x" * 3_000_000)


@asynccontextmanager
async def asked(
    script: Script, options: TransportOptions | None = None
) -> AsyncIterator[tuple[AiohttpTransport, Site]]:
    async with (
        serving(script) as site,
        AiohttpTransport(options or TransportOptions(allow=LOOPBACK)) as transport,
    ):
        yield transport, site


async def read(transport: AiohttpTransport, request: Request) -> bytes:
    async with transport.open(request) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])


async def test_identity_is_asked_for_and_we_say_who_we_are() -> None:
    async with asked(replying(reply())) as (transport, site):
        request = Request(
            url=site.url(), headers={"accept-encoding": "gzip", "user-agent": "else", "Range": "r"}
        )
        await read(transport, request)
    (seen,) = site.seen
    assert seen.headers.getall("Accept-Encoding") == ["identity"]
    assert [agent.split("/")[0] for agent in seen.headers.getall("User-Agent")] == ["reelkeep"]
    assert seen.headers["Range"] == "r"


async def test_cookies_are_neither_kept_nor_sent() -> None:
    async with asked(replying(reply(Set_Cookie="a=b; Path=/"))) as (transport, site):
        site.host = "localhost"  # nobody keeps the cookies of an address
        await read(transport, Request(url=site.url()))
        await read(transport, Request(url=site.url()))
    assert not any("Cookie" in seen.headers for seen in site.seen)


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\x00", "a\x7f", "é"])
async def test_a_header_that_would_break_the_request_is_not_sent(value: str) -> None:
    async with asked(replying(reply())) as (transport, site):
        request = Request(url=site.url(), credentials={"Authorization": value})
        with pytest.raises(Refused, match="header Authorization"):
            await read(transport, request)
    assert not site.seen


async def test_a_read_reply_gives_its_connection_back_if_it_is_the_pool_s(way: str) -> None:
    async with asked(replying(reply(b"body"))) as (transport, site):
        for _ in range(3):
            await read(transport, Request(url=site.url()))
    assert site.connections == (1 if way == "pooled" else 3)


async def test_bug_26_an_unread_reply_closes_its_connection() -> None:
    async with asked(replying(LARGE)) as (transport, site):
        async with transport.open(Request(url=site.url())):
            pass
        await site.deserted()
        assert len(await read(transport, Request(url=site.url()))) == 3_000_000
    assert [seen.connection for seen in site.seen] == [1, 2]


async def test_a_cancelled_reader_closes_its_connection() -> None:
    async with asked(replying(reply(b"x")[:-1])) as (transport, site):
        with anyio.move_on_after(0.05):
            await read(transport, Request(url=site.url()))
        await site.deserted()


async def test_a_connection_that_was_reset_in_the_pool_is_replaced() -> None:
    async def script(_request: Seen, wire: Wire) -> None:
        await wire.send(reply(b"body"))
        await wire.reset()

    async with asked(script) as (transport, site):
        for _ in range(2):
            await read(transport, Request(url=site.url()))
            await anyio.sleep(0.05)
    assert site.connections == 2


async def test_a_file_of_unknown_size_comes_on_a_connection_that_served_nothing_before() -> None:
    """What its host says unasked there, at any time, is no such file."""
    async with asked(replying(reply(b"body"))) as (transport, site):
        for _ in range(3):
            request = Request(url=site.url(), is_file=True)
            assert await read(transport, request) == b"body"
    assert site.connections == 3


async def test_so_does_each_range_of_a_file() -> None:
    async with asked(replying(reply(b"body"))) as (transport, site):
        for _ in range(3):
            await read(transport, Request(url=site.url(), is_file=True, headers={"Range": "r"}))
    assert site.connections == 3


async def test_a_small_file_of_promised_size_shares_a_connection(way: str) -> None:
    async with asked(replying(reply(b"body"))) as (transport, site):
        for _ in range(3):
            await read(transport, Request(url=site.url(), is_file=True, expects=4))
    assert site.connections == (1 if way == "pooled" else 3)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_changes_something_is_asked_on_a_connection_that_served_nothing_before(
    method: str,
) -> None:
    """What its host says unasked on a kept one is no consent."""

    async def chatty(request: Seen, wire: Wire) -> None:
        served[request.connection] = served.get(request.connection, 0) + 1
        first = served[request.connection] == 1
        await wire.send(reply(b"body" if first else b"unasked"))

    served: dict[int, int] = {}
    async with asked(chatty) as (transport, site):
        for each in ("GET", method, method, "GET"):
            body = None if each == "GET" else b"x"
            assert (
                await read(
                    transport,
                    Request(url=site.url(), is_file=each == "GET", method=each, body=body),
                )
                == b"body"
            )
        await site.deserted()
    assert [seen.method for seen in site.seen] == ["GET", method, method, "GET"]
    assert len(served) == 4


async def test_what_a_host_says_unasked_is_not_the_reply_to_the_next_request() -> None:
    async def chatty(_request: Seen, wire: Wire) -> None:
        await wire.send(reply(b"body"), pause=0.02)
        await wire.send(reply(b"unasked"))

    async with asked(chatty) as (transport, site):
        for _ in range(3):
            assert await read(transport, Request(url=site.url())) == b"body"
            await anyio.sleep(0.05)
    assert site.connections == 3


async def test_nor_is_what_the_kernel_holds_when_a_request_is_sent() -> None:
    wires: list[Wire] = []

    async def script(_request: Seen, wire: Wire) -> None:
        wires.append(wire)
        await wire.send(reply(b"body"))

    async with asked(script) as (transport, site):
        assert await read(transport, Request(url=site.url())) == b"body"
        wires[0]._writer.write(reply(b"unasked"))  # goes to the kernel at once
        assert await read(transport, Request(url=site.url())) == b"body"
        assert site.connections == 2


async def test_rule_57_a_host_has_no_more_requests_than_slots() -> None:
    peak = running = 0

    async def script(_request: Seen, wire: Wire) -> None:
        nonlocal peak, running
        running += 1
        peak = max(peak, running)
        await anyio.sleep(0.01)
        running -= 1
        await wire.send(reply(b"body"))

    async with (
        asked(script, TransportOptions(per_host=2, allow=LOOPBACK)) as (transport, site),
        anyio.create_task_group() as group,
    ):
        for _ in range(6):
            group.start_soon(read, transport, Request(url=site.url()))
    assert (peak, len(site.seen)) == (2, 6)


async def test_a_slot_is_held_until_the_context_is_left() -> None:
    async with asked(replying(reply()), TransportOptions(per_host=1, allow=LOOPBACK)) as (
        transport,
        site,
    ):
        async with transport.open(Request(url=site.url())):
            with anyio.move_on_after(0.05) as waiting:
                await read(transport, Request(url=site.url()))
        await read(transport, Request(url=site.url()))
    assert (waiting.cancelled_caught, len(site.seen)) == (True, 2)


async def test_a_redirect_takes_a_slot_of_its_target_only() -> None:
    options = TransportOptions(per_host=1, allow=LOOPBACK)
    async with asked(replying(reply(b"body")), options) as (transport, site):
        redirect = replying(reply(status=302, Location=site.url()))
        async with (
            serving(redirect) as first,
            transport.open(Request(url=first.url())),
            transport.open(Request(url=first.url(), follow=False)) as answer,
        ):
            assert answer.status == 302


async def test_no_tls_handshake_in_time_is_unreachable() -> None:
    async def silent(_request: Seen, wire: Wire) -> None:
        await wire.hang()

    options = TransportOptions(connect_timeout=timedelta(milliseconds=100), allow=LOOPBACK)
    async with asked(silent, options) as (transport, site):
        with pytest.raises(Unreachable, match="no connection in time"):
            await read(transport, Request(url=site.url().replace("http", "https")))


async def test_the_head_has_its_own_time_on_every_connection(way: str) -> None:
    async def first_only(request: Seen, wire: Wire) -> None:
        if request.target == "/":
            await wire.send(reply(b"body"))
        else:
            await wire.hang()

    async with asked(first_only) as (transport, site):
        await read(transport, Request(url=site.url()))
        transport.adjust(TransportOptions(stall_timeout=timedelta(milliseconds=200)))
        with pytest.raises(Stalled, match="no reply in time"):
            await read(transport, Request(url=site.url("/silent")))
    assert site.connections == (1 if way == "pooled" else 2)


async def test_leaving_the_transport_closes_every_connection() -> None:
    async with serving(replying(reply(b"body"))) as site:
        async with AiohttpTransport(TransportOptions(allow=LOOPBACK)) as transport:
            await read(transport, Request(url=site.url()))
        await site.deserted()


async def test_a_reply_shows_no_path_and_no_headers_in_its_repr() -> None:
    async with (
        asked(replying(reply(X="secret"))) as (transport, site),
        transport.open(Request(url=site.url("/secret?secret"))) as answer,
    ):
        assert repr(answer) == f"<{type(answer).__name__} 200 from {answer.origin}>"


async def test_another_patience_holds_for_requests_from_then_on() -> None:
    async def mute(_seen: Seen, wire: Wire) -> None:
        await wire.hang()

    async with asked(mute) as (transport, site):
        brief = TransportOptions(stall_timeout=timedelta(milliseconds=50))
        transport.adjust(brief)
        with pytest.raises(Stalled), anyio.fail_after(120):
            await read(transport, Request(url=site.url()))


async def test_another_number_of_places_holds_for_a_host_in_use() -> None:
    options = TransportOptions(allow=LOOPBACK, per_host=1)
    async with asked(replying(reply()), options) as (transport, site):
        request = Request(url=site.url())
        async with transport.open(request):
            with anyio.move_on_after(0.05) as waiting:
                await read(transport, request)
            transport.adjust(TransportOptions(per_host=2))
            with anyio.fail_after(120):
                await read(transport, request)
    assert waiting.cancelled_caught


async def test_whom_it_may_talk_to_cannot_be_adjusted() -> None:
    async with asked(replying(reply())) as (transport, site):
        transport.adjust(TransportOptions())
        assert await read(transport, Request(url=site.url())) == b""
