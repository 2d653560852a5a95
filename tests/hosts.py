"""Download hosts that do whatever hosts were seen to do, as functions of a request.

`Mischief` is one way to answer; `stage.py` has the host that plays it over a real socket.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from fakes.shelf import Shelf
from fakes.transport import FakeReply
from servers import Seen, Wire

STEP = 20_000
"""After so many bytes those hosts break that break."""

End = Callable[[Wire], Awaitable[None]]


@dataclass(frozen=True)
class Act:
    """What goes over the wire, and how it ends; without an end the connection stays."""

    pieces: Sequence[bytes]
    end: End | None = None
    pause: float = 0.0


Mischief = Callable[[Seen, Shelf], Act]

_RANGE = re.compile(r"bytes (\d+)-(\d+)/")


def head(status: int, headers: dict[str, str], version: str = "1.1", more: bytes = b"") -> bytes:
    """Return the head of a reply; `more` are raw lines of it, or what comes before it."""
    lines = [f"HTTP/{version} {status} Status", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, ""]).encode() + more + b"\r\n"


def body_of(reply: FakeReply) -> bytes:
    (body,) = reply.pieces
    assert isinstance(body, bytes)
    return body


def on_wire(reply: FakeReply, *, end: End | None = None, version: str = "1.1") -> Act:
    return Act([head(reply.status, dict(reply.headers), version), body_of(reply)], end)


def in_chunks(reply: FakeReply, content: bytes, *, end: End | None = None) -> Act:
    """Return `reply` with `content`, which is framed already, for its body."""
    headers = {**reply.headers, "Transfer-Encoding": "chunked"}
    headers.pop("Content-Length", None)
    return Act([head(reply.status, headers), content], end)


def chunk(body: bytes, *, size: str = "", extension: str = "") -> bytes:
    """Return `body` as one chunk; `size` may be a lie."""
    return f"{size or f'{len(body):x}'}{extension}\r\n".encode() + body + b"\r\n"


LAST = b"0\r\n\r\n"


def good(seen: Seen, shelf: Shelf) -> Act:
    return on_wire(shelf(seen.headers))


def extent(reply: FakeReply) -> tuple[int, int]:
    """Return the first byte of the body, and the one after its last, in the file."""
    match = _RANGE.match(reply.headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2]) + 1) if match else (0, len(body_of(reply)))


# --- what is said ---------------------------------------------------------------------------------


def changed(
    *, ranged_only: bool = True, body: bytes | None = None, lines: bytes = b"", **headers: str
) -> Mischief:
    """Return a host whose replies (to ranged requests) have other headers; empty ones are left out.

    `{start}`, `{size}` and the like in a value are those of the right Content-Range. `lines` come
    as they are.
    """

    def act(seen: Seen, shelf: Shelf) -> Act:
        reply = shelf(seen.headers)
        if ranged_only and reply.status != 206:
            return on_wire(reply)
        size, (start, stop) = len(shelf.content), extent(reply)
        known = {
            "start": start, "before": start - 1, "after": start + 1, "end": stop - 1,
            "size": size, "more": size + 1, "rest": stop - start, "less": stop - start - 1,
            "last": stop, "stop": stop - 2, "longer": stop - start + 1,
        }  # fmt: skip
        named = dict(reply.headers)
        for name, value in headers.items():
            named[name.replace("_", "-")] = value.format(**known)
        named = {name: value for name, value in named.items() if value}
        content = body_of(reply) if body is None else body
        if "Content_Length" not in headers:
            named["Content-Length"] = str(len(content))
        if b"Content-Length" in lines:
            del named["Content-Length"]
        raw_lines = lines.replace(b"{rest}", str(len(content)).encode())
        return Act([head(reply.status, named, more=raw_lines), content], Wire.close)

    return act


def answering(
    status: int, body: bytes = b"no", *, ranged_only: bool = False, **headers: str
) -> Mischief:
    """Return a host that answers so (to ranged requests)."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        if ranged_only and "Range" not in seen.headers:
            return good(seen, shelf)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Content-Length"] = str(len(body))
        return on_wire(FakeReply(status=status, headers=named, pieces=[body]))

    return act


def raw(*pieces: bytes, end: End | None = Wire.close) -> Mischief:
    return lambda _seen, _shelf: Act(pieces, end)


def after(*pieces: bytes, then: Mischief = good) -> Mischief:
    """Return a host that says `pieces` before its reply."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        told = then(seen, shelf)
        return replace(told, pieces=[*pieces, *told.pieces])

    return act


def framed(content: Callable[[bytes], bytes], *, end: End | None = None) -> Mischief:
    """Return a host that frames its bodies in chunks, as `content` does."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        reply = shelf(seen.headers)
        return in_chunks(reply, content(body_of(reply)), end=end)

    return act


def http_date(ahead: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)


# --- how it breaks --------------------------------------------------------------------------------


def breaking(end: End, *, framing: str = "length", at: int = STEP) -> Mischief:
    """Return a host that breaks after so many bytes of each body."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        reply = shelf(seen.headers)
        body = body_of(reply)
        headers = dict(reply.headers)
        if framing != "length":
            del headers["Content-Length"]
        if framing == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            body = chunk(body) + LAST
        version = "1.0" if framing == "close" else "1.1"
        pieces = [head(reply.status, headers, version), body[:at]]
        return Act(pieces, None if at >= len(body) and framing != "close" else end)

    return act


def ending(end: End) -> Mischief:
    """Return a host that says all, and ends its connections so."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        return replace(good(seen, shelf), end=end)

    return act


def dripping(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    body = body_of(reply)
    drops = [body[at : at + 10] for at in range(0, 1000, 10)]
    return Act([head(reply.status, dict(reply.headers)), *drops], Wire.hang, pause=0.01)


# --- ranges ---------------------------------------------------------------------------------------


def ignoring(seen: Seen, shelf: Shelf) -> Act:
    """The whole file, whatever was asked for."""
    headers = seen.headers.copy()
    headers.popall("Range", None)
    return good(replace(seen, headers=headers), shelf)


def slice_with_200(seen: Seen, shelf: Shelf) -> Act:
    return on_wire(replace(shelf(seen.headers), status=200))


def shorter(most: int) -> Mischief:
    """Return a host that gives so many bytes of a range, and says so."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        reply = shelf(seen.headers)
        if reply.status != 206:
            return on_wire(reply)
        (start, _), some = extent(reply), body_of(reply)[:most]
        told = f"bytes {start}-{start + len(some) - 1}/{len(shelf.content)}"
        headers = {**reply.headers, "Content-Range": told, "Content-Length": str(len(some))}
        return on_wire(replace(reply, headers=headers, pieces=[some]))

    return act


def overlong(seen: Seen, shelf: Shelf) -> Act:
    """More bytes than the Content-Range says."""
    reply = shelf(seen.headers)
    if reply.status != 206:
        return on_wire(reply)
    return in_chunks(reply, chunk(body_of(reply) + b"more") + LAST)


def unasked(seen: Seen, shelf: Shelf) -> Act:
    """A 206 though nobody asked for a range."""
    if "Range" in seen.headers:
        return good(seen, shelf)
    size = len(shelf.content)
    told = {"Content-Range": f"bytes 0-{size - 1}/{size}"}
    return on_wire(shelf.reply(206, shelf.content, told))


def another_tag(seen: Seen, shelf: Shelf) -> Act:
    """A new ETag each time, and If-Range is ignored."""
    shelf.etag = f'"{len(shelf.asked)}"'
    plain = {name: value for name, value in seen.headers.items() if name != "If-Range"}
    return on_wire(shelf(plain))


def both_framings(seen: Seen, shelf: Shelf) -> Act:
    reply = shelf(seen.headers)
    headers = {**reply.headers, "Transfer-Encoding": "chunked"}
    return Act([head(reply.status, headers), chunk(body_of(reply)) + LAST])


# --- redirects ------------------------------------------------------------------------------------


def chain(length: int) -> Mischief:
    """Return a host that redirects so often before it answers."""

    def act(seen: Seen, shelf: Shelf) -> Act:
        path, _, hop = seen.target.partition("&hop=")
        following = int(hop or 0) + 1
        if following > length:
            return good(seen, shelf)
        return answering(302, Location=f"{path}&hop={following}")(seen, shelf)

    return act
