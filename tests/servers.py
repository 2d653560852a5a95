"""Small servers on raw sockets, for replies that no HTTP library would let us write."""

from __future__ import annotations

import asyncio
import fcntl
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
from multidict import CIMultiDict

_SIOCOUTQNSD = 0x894B  # linux/sockios.h


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request, as it came over the wire."""

    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes
    connection: int  #: The how many-th connection it came on, from 1.


class Wire:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes, pause: float = 0.0) -> None:
        """Send `pieces`, with a pause after each."""
        for piece in pieces:
            if self._writer.is_closing():
                raise ConnectionResetError("the connection is closed")
            self._writer.write(piece)
            await self._writer.drain()
            await anyio.sleep(pause)

    async def reset(self) -> None:
        """End the connection with a TCP reset, once the client's side has all that was sent."""
        await self._sent()
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, linger
        )
        self._writer.transport.abort()

    async def close(self) -> None:
        """End the connection as a server does that has said all."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def truncate(self) -> None:
        """End the connection without the farewell of TLS; plain HTTP has none anyway."""
        await self._sent()
        self._socket.shutdown(socket.SHUT_WR)
        await self.hang()

    async def garble(self) -> None:
        """Send a TLS record that nobody can read; in plain HTTP, reset the connection."""
        await self._sent()
        if self._bottom is self._writer.transport:
            await self.reset()
        self._bottom.write(b"\x17\x03\x03\x00\x40" + b"?" * 64)
        await self.hang()

    async def linger(self) -> None:
        """Close after everybody else would have."""
        await anyio.sleep(0.1)
        await self.close()

    async def hang(self) -> None:
        """Say nothing more until the test is over."""
        await anyio.sleep_forever()

    @property
    def _bottom(self) -> asyncio.Transport:
        """The transport of the socket, which lies beneath that of TLS."""
        top: Any = self._writer.transport
        secured: asyncio.Transport = getattr(top, "_ssl_protocol", top)
        bottom: asyncio.Transport | None = getattr(secured, "_transport", secured)
        if bottom is None:
            raise ConnectionResetError("the client has gone")
        return bottom

    @property
    def _socket(self) -> Any:
        return self._bottom.get_extra_info("socket")

    async def _sent(self) -> None:
        """Wait until the client's kernel has all that was sent."""
        while self._bottom.get_write_buffer_size() or self._underway:  # noqa: ASYNC110 - no bell
            await anyio.sleep(0.001)

    @property
    def _underway(self) -> int:
        """Bytes that the kernel has not sent; those that nobody acknowledged yet count no more."""
        if self._socket.fileno() < 0:
            raise ConnectionResetError("the client has gone")
        return int(struct.unpack("i", fcntl.ioctl(self._socket, _SIOCOUTQNSD, bytes(4)))[0])

    async def tunnel(self, port: int) -> None:
        """Pass bytes to and from a local `port`, as a proxy does after CONNECT."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_pump, self._reader, writer)
                group.start_soon(_pump, reader, self._writer)
        finally:
            _abort(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(1 << 16):
            writer.write(piece)
            await writer.drain()
    writer.close()


Script = Callable[[Seen, Wire], Awaitable[None]]


@dataclass(slots=True)
class Site:
    """A running server, and what it was asked."""

    port: int
    scheme: str = "http"
    host: str = "127.0.0.1"
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0

    def url(self, target: str = "/") -> str:
        """Return the URL of `target` here."""
        return f"{self.scheme}://{self.host}:{self.port}{target}"

    async def deserted(self) -> None:
        """Wait until every connection is closed."""
        with anyio.fail_after(120):
            while self.open_connections:  # noqa: ASYNC110 - each server task counts for itself
                await anyio.sleep(0.01)


@asynccontextmanager
async def serving(
    script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1",
    address: str = "127.0.0.1", port: int = 0, buffer: int | None = None,
) -> AsyncIterator[Site]:  # fmt: skip
    """Run `script` for each request, on `port` of a loopback `address`, or on a free one.

    `host` is what it is called in URLs; `buffer` is what the kernel holds of its bytes, about.
    """
    writers: set[asyncio.StreamWriter] = set()
    async with anyio.create_task_group() as group:

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            if buffer is not None:
                writer.transport.set_write_buffer_limits(high=buffer)
            group.start_soon(serve, reader, writer)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await _serve(site, script, reader, writer)
            finally:
                writers.discard(writer)

        # asyncio lets no bytes wait for others on sockets that say themselves that they are TCP
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        if buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)  # its sockets inherit
        server = await asyncio.start_server(connected, sock=listener, ssl=tls)
        port = listener.getsockname()[1]
        site = Site(port, "http" if tls is None else "https", host)
        try:
            yield site
        finally:
            server.close()
            group.cancel_scope.cancel()
            for writer in writers:  # also those of connections that nobody has served yet
                _abort(writer)


async def _serve(
    site: Site, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    site.connections += 1
    site.open_connections += 1
    connection = site.connections
    wire = Wire(reader, writer)
    try:
        while True:
            request = await _request(reader, connection)
            site.seen.append(request)
            await script(request, wire)
    except (OSError, EOFError):
        pass
    finally:
        site.open_connections -= 1
        _abort(writer)


def _abort(writer: asyncio.StreamWriter) -> None:
    with suppress(AttributeError):  # it may be closed, and not know it: asyncio of Python 3.11
        writer.transport.abort()


async def _request(reader: asyncio.StreamReader, connection: int) -> Seen:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _version = first.split(" ")
    headers: CIMultiDict[str] = CIMultiDict()
    for line in lines:
        name, value = line.split(": ", 1)
        headers.add(name, value)
    body = await reader.readexactly(int(headers.get("Content-Length", 0)))
    return Seen(method=method, target=target, headers=headers, body=body, connection=connection)


def replying(*pieces: bytes, pause: float = 0.0) -> Script:
    """Return a script that sends `pieces` and keeps the connection."""

    async def script(_request: Seen, wire: Wire) -> None:
        await wire.send(*pieces, pause=pause)

    return script


def reply(body: bytes = b"", *, status: int = 200, **headers: str) -> bytes:
    """Return a whole reply with a Content-Length. In the names of headers, `_` stands for `-`."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
