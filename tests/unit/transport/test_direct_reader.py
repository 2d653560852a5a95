"""Bodies that a thread draws straight from their connection."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from types import SimpleNamespace

import anyio
import pytest
import trustme
from anyio.to_thread import run_sync

from reelkeep.core.addresses import AddressPolicy
from reelkeep.errors import Stalled, Unreachable
from reelkeep.ports import DirectReader, Reply, Request
from reelkeep.transport import AiohttpTransport, TransportOptions
from reelkeep.transport.direct_reader import ThreadReader
from servers import Script, Seen, Site, Wire, reply, serving

BODY = Random(1).randbytes(3_000_000)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
AMPLE, BRIEF = timedelta(minutes=10), timedelta(seconds=1)
"""How long bytes are waited for: where they come, and where they do not."""


@pytest.fixture(params=["http", "tls1.2", "tls1.3"])
def tls(request: pytest.FixtureRequest, authority: trustme.CA) -> ssl.SSLContext | None:
    if request.param == "http":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    version = ssl.TLSVersion.TLSv1_2 if request.param == "tls1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = context.maximum_version = version
    return context


@asynccontextmanager
async def asked(
    script: Script,
    tls: ssl.SSLContext | None,
    authority: trustme.CA,
    root: Path,
    patience: timedelta = AMPLE,
) -> AsyncIterator[tuple[AiohttpTransport, Site]]:
    authority.cert_pem.write_to_path(str(root / "ca.pem"))
    options = TransportOptions(
        stall_timeout=patience,
        stall_rate=100_000,
        ca_file=root / "ca.pem",
        allow=AddressPolicy.parse(["127.0.0.0/8", "localhost"]),
    )
    async with (
        serving(script, tls=tls, host="127.0.0.1" if tls is None else "localhost") as site,
        AiohttpTransport(options) as transport,
    ):
        yield transport, site


async def good(_seen: Seen, wire: Wire) -> None:
    await wire.send(reply(BODY))


def large(site: Site) -> Request:
    """Return a request for a body that is known to be large."""
    return Request(url=site.url(), expects=len(BODY))


async def first_bytes(answer: Reply) -> bytes:
    """Read the beginning of the body as ever, as the pipeline does."""
    async with aclosing(answer.chunks()) as body:
        return await anext(body)


async def drawn(tap: DirectReader, found: bytearray | None = None, *, left: int = 0) -> bytes:
    """Draw all that comes but for the `left` last bytes, in a thread, and add it to `found`."""
    found = bytearray() if found is None else found
    buffer = bytearray(100_000)
    while tap.left > left:
        await tap.grant()
        count = await run_sync(tap.draw, memoryview(buffer))
        found += buffer[:count]
    return bytes(found)


async def test_a_body_is_drawn_byte_for_byte(
    tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    async with (
        asked(good, tls, authority, tmp_path) as (transport, site),
        transport.open(large(site)) as answer,
    ):
        begin = await first_bytes(answer)
        async with answer.tap() as tap:
            assert tap is not None
            rest = await drawn(tap)
    assert hashlib.sha256(begin + rest).digest() == hashlib.sha256(BODY).digest()


async def test_each_body_has_a_connection_of_its_own(
    tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    async with asked(good, tls, authority, tmp_path) as (transport, site):
        for _ in range(3):
            async with transport.open(large(site)) as answer, answer.tap() as tap:
                assert tap is not None
                assert await drawn(tap) == BODY
        await site.deserted()
    assert [seen.connection for seen in site.seen] == [1, 2, 3]


async def test_bug_26_a_connection_with_bytes_left_is_not_used_again(
    tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    async with asked(good, tls, authority, tmp_path) as (transport, site):
        async with transport.open(large(site)) as answer, answer.tap() as tap:
            assert tap is not None
            await tap.grant()
            await run_sync(tap.draw, memoryview(bytearray(1000)))
        async with transport.open(large(site)) as answer:
            assert b"".join([piece async for piece in answer.chunks()]) == BODY
        assert [seen.connection for seen in site.seen] == [1, 2]


async def test_more_than_was_announced_taints_nothing(
    tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    """What a host sends behind a body is not the reply to the next request."""

    async def chatty(_seen: Seen, wire: Wire) -> None:
        await wire.send(reply(BODY) + reply(b"z" * 3_000_000))

    async with asked(chatty, tls, authority, tmp_path) as (transport, site):
        for _ in range(2):
            async with transport.open(large(site)) as answer, answer.tap() as tap:
                assert tap is not None
                assert await drawn(tap) == BODY
            await anyio.sleep(0.05)  # the surplus arrives
        assert [seen.connection for seen in site.seen] == [1, 2]


@pytest.mark.parametrize("end", [Wire.close, Wire.reset], ids=["closed", "reset"])
async def test_rule_32_what_came_before_a_break_is_given(
    end: object, tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    async def breaking(_seen: Seen, wire: Wire) -> None:
        await wire.send(HEAD, BODY[:2_000_000])
        await (wire.close() if end is Wire.close else wire.reset())

    async with (
        asked(breaking, tls, authority, tmp_path) as (transport, site),
        transport.open(large(site)) as answer,
        answer.tap() as tap,
    ):
        assert tap is not None
        found = bytearray()
        with pytest.raises(Unreachable):
            await drawn(tap, found)
    assert BODY.startswith(found)
    if end is Wire.close:
        assert len(found) == 2_000_000


async def test_rule_54_silence_is_not_waited_for_without_end(
    tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    async def silent(_seen: Seen, wire: Wire) -> None:
        await wire.send(HEAD, BODY[:1_500_000])
        await wire.hang()

    async with (
        asked(silent, tls, authority, tmp_path) as (transport, site),
        transport.open(large(site)) as answer,
        answer.tap() as tap,
    ):
        assert isinstance(tap, ThreadReader)
        await drawn(tap, left=1_500_000)
        tap._patience = BRIEF.total_seconds()
        with pytest.raises(Stalled, match="no bytes"):
            await drawn(tap)
        assert tap.left == 1_500_000


async def test_rule_54_a_drip_is_not_either(
    tls: ssl.SSLContext | None, authority: trustme.CA, tmp_path: Path
) -> None:
    async def dripping(_seen: Seen, wire: Wire) -> None:
        await wire.send(HEAD, *[b"."] * 200, pause=0.01)
        await wire.hang()

    async with (
        asked(dripping, tls, authority, tmp_path, BRIEF) as (transport, site),
        transport.open(large(site)) as answer,
        answer.tap() as tap,
    ):
        assert tap is not None
        with pytest.raises(Stalled, match="too slowly"):
            await drawn(tap)


async def test_rule_31_time_in_which_nobody_draws_is_not_counted(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = timedelta()
    monkeypatch.setattr(
        "reelkeep.transport.direct_reader.time",
        SimpleNamespace(monotonic=lambda: time.monotonic() + passed.total_seconds()),
    )
    async with (
        asked(good, None, authority, tmp_path) as (transport, site),
        transport.open(large(site)) as answer,
        answer.tap() as tap,
    ):
        assert tap is not None
        found = bytearray()
        await drawn(tap, found, left=len(BODY) // 2)
        passed = 2 * AMPLE
        assert await drawn(tap, found) == BODY


async def test_a_slice_is_over_soon_though_nothing_comes(
    authority: trustme.CA, tmp_path: Path
) -> None:
    go = anyio.Event()

    async def waiting(_seen: Seen, wire: Wire) -> None:
        await wire.send(HEAD)
        await go.wait()
        await wire.send(BODY)

    async with (
        asked(waiting, None, authority, tmp_path) as (transport, site),
        transport.open(large(site)) as answer,
        answer.tap() as tap,
    ):
        assert tap is not None
        await tap.grant()
        assert await run_sync(tap.draw, memoryview(bytearray(10))) == 0
        go.set()
        assert await drawn(tap) == BODY


async def test_rule_28_a_thread_that_was_left_alone_ends_before_its_connection(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """A task that is cancelled without anyio does not wait for its thread."""
    drawing = anyio.Event()

    async def waiting(_seen: Seen, wire: Wire) -> None:
        await wire.send(HEAD)
        await wire.hang()

    async with asked(waiting, None, authority, tmp_path) as (transport, site):

        async def work() -> None:
            async with transport.open(large(site)) as answer, answer.tap() as tap:
                assert tap is not None
                await tap.grant()
                drawing.set()
                await asyncio.to_thread(tap.draw, memoryview(bytearray(10)))

        task = asyncio.create_task(work())
        await drawing.wait()
        await anyio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    "script",
    [
        reply(b"x" * 100_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n"
        + b"x" * 100_000
        + b"\r\n0\r\n\r\n",
    ],
    ids=["small", "chunked"],
)
async def test_what_cannot_or_need_not_be_drawn_is_read_as_ever(
    script: bytes, authority: trustme.CA, tmp_path: Path
) -> None:
    async def sending(_seen: Seen, wire: Wire) -> None:
        await wire.send(script)

    async with (
        asked(sending, None, authority, tmp_path) as (transport, site),
        transport.open(large(site)) as answer,
    ):
        async with answer.tap() as tap:
            assert tap is None
        assert b"".join([piece async for piece in answer.chunks()]) == b"x" * 100_000
