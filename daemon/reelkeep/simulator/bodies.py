"""Send the bytes of a file, whole or as a fault demands."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from aiohttp import web

from reelkeep.simulator.replies import reset
from reelkeep.simulator.switches import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelkeep.simulator.state import RequestJournal
    from reelkeep.simulator.switches import Fault
    from reelkeep.simulator.world import SimFile

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRequest:
    """What a request says of ranges, and the validators that the file has now."""

    range: str | None
    if_range: str | None
    validators: tuple[str, ...]  #: The strong ETag and Last-Modified, as sent.


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRange:
    """The bytes `start <= offset < stop` of a file of `size` bytes, and how they are called."""

    status: int  #: 200, 206 or 416
    start: int
    stop: int
    content_range: str | None = None

    @property
    def length(self) -> int:
        """Bytes that are sent."""
        return self.stop - self.start


def choose(
    asked: RangeRequest, size: int, *, mode: str, flaw: Flaw | None, at: int = 0
) -> SentRange:
    """Return what is sent for `asked`; `mode` is honour, ignore or refuse (Z9)."""
    whole = SentRange(status=200, start=0, stop=size)
    stale = asked.if_range is not None and asked.if_range not in asked.validators
    if asked.range is None or mode == "ignore" or flaw is Flaw.IGNORE_RANGE or stale:
        return whole
    matched = _RANGE.fullmatch(asked.range.strip())
    if matched is None or matched.groups() == ("", ""):
        return whole  # several ranges or another unit: a server may ignore them
    start, stop = _bounds(matched[1], matched[2], size)
    if start >= stop or mode == "refuse" or flaw is Flaw.REFUSE_RANGE:
        return SentRange(status=416, start=0, stop=0, content_range=f"bytes */{size}")
    return _partial(start, stop, size, flaw, at)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _partial(start: int, stop: int, size: int, flaw: Flaw | None, at: int) -> SentRange:
    if flaw is Flaw.WRONG_RANGE:
        start = max(0, min(start + at, stop - 1))
    label = f"bytes {start}-{stop - 1}/{size}"
    if flaw is Flaw.LYING_RANGE:
        return SentRange(status=206, start=0, stop=stop - start, content_range=label)
    return SentRange(status=206, start=start, stop=stop, content_range=label)


SMALL = 1 << 16  #: Bytes up to which a body is sent in one piece.
_DROP = 512
_CUTS = frozenset({Flaw.TRUNCATE, Flaw.CUT_SILENTLY, Flaw.RESET, Flaw.STALL, Flaw.DRIP})


class _Unframed(web.StreamResponse):
    """A reply whose end is told by closing the connection alone, under HTTP/1.1 too."""

    _length_check = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One body on its way."""

    file: SimFile
    span: SentRange
    fault: Fault | None
    framing: str  #: sent, chunked or close
    rate: int  #: Bytes a second; 0 is no limit.
    latency: float  #: Seconds before the first byte.

    @property
    def flaw(self) -> Flaw | None:
        """What goes wrong, if anything does."""
        return self.fault.flaw if self.fault else None

    def turning_point(self) -> int:
        """Return the offset in the file from which the fault shows."""
        if self.fault is None or self.flaw not in _CUTS:
            return self.span.stop
        at = self.fault.at
        point = at + self.file.content.size if at < 0 else at
        return max(self.span.start, min(point, self.span.stop))

    def pieces(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield the bytes between two offsets, one of them inverted if the fault says so."""
        bad = None
        if self.fault is not None and self.flaw is Flaw.CORRUPT:
            bad = self.fault.at % max(1, self.file.content.size)
        for piece in self.file.content.read(start, stop):
            if bad is not None and start <= bad < start + len(piece):
                changed = bytearray(piece)
                changed[bad - start] ^= 0xFF
                yield bytes(changed)
            else:
                yield piece
            start += len(piece)


async def deliver(
    request: web.BaseRequest, headers: dict[str, str], delivery: Delivery, journal: RequestJournal
) -> web.StreamResponse:
    """Send head and body, and count what was sent."""
    if delivery.latency:
        await anyio.sleep(delivery.latency)
    if request.method == "HEAD" or delivery.span.status == 416:
        length = (
            {} if delivery.span.status == 416 else {"Content-Length": str(delivery.span.length)}
        )
        return web.Response(status=delivery.span.status, headers=headers | length)
    if (body := _at_once(delivery)) is not None:
        journal.bytes_served[delivery.file.key] += len(body)
        extra = {"Content-Encoding": "gzip"} if delivery.flaw is Flaw.GZIP else {}
        return web.Response(status=delivery.span.status, headers=headers | extra, body=body)
    return await _stream(request, headers, delivery, journal)


def _at_once(delivery: Delivery) -> bytes | None:
    """Return the whole body if nothing is gained by sending it in pieces."""
    span, content = delivery.span, delivery.file.content
    if delivery.fault is not None and delivery.flaw in (Flaw.GZIP, Flaw.GROW):
        body = content.bytes(span.start, span.stop)
        if delivery.flaw is Flaw.GZIP:
            return gzip.compress(body, 1)
        extra = delivery.fault.at
        return body + bytes(extra) if extra > 0 else body[: max(0, len(body) + extra)]
    piecemeal = delivery.flaw in _CUTS | {Flaw.CHUNKED, Flaw.CLOSE}
    plain = delivery.framing == "sent" and not piecemeal and not delivery.rate
    if plain and span.length <= SMALL:
        return b"".join(delivery.pieces(span.start, span.stop))
    return None


async def _stream(
    request: web.BaseRequest, headers: dict[str, str], delivery: Delivery, journal: RequestJournal
) -> web.StreamResponse:
    reply = _head(headers, delivery)
    await reply.prepare(request)
    key, point, stop = delivery.file.key, delivery.turning_point(), delivery.span.stop
    pieces = delivery.pieces(delivery.span.start, point)
    for piece in pieces:
        await _write(reply, piece, delivery.rate)
        journal.bytes_served[key] += len(piece)
    if delivery.flaw in (Flaw.TRUNCATE, Flaw.CUT_SILENTLY, Flaw.RESET):
        _break_off(request, delivery)
        return reply
    await _after_turning(reply, delivery, point, stop)
    journal.bytes_served[key] += stop - point
    if isinstance(reply, _Unframed):
        _break_off(request, delivery)
        return reply
    await reply.write_eof()
    return reply


def _head(headers: dict[str, str], delivery: Delivery) -> web.StreamResponse:
    silent = delivery.framing == "close" or delivery.flaw in (Flaw.CUT_SILENTLY, Flaw.CLOSE)
    kind = _Unframed if silent else web.StreamResponse
    reply = kind(status=delivery.span.status, headers=headers)
    if silent:
        reply.force_close()
    elif delivery.framing == "chunked" or delivery.flaw is Flaw.CHUNKED:
        reply.enable_chunked_encoding()
    else:
        reply.content_length = delivery.span.length
    return reply


async def _write(reply: web.StreamResponse, piece: bytes | memoryview, rate: int) -> None:
    """Write, at most `rate` bytes a second, in steps of a twentieth of a second."""
    if not rate:
        await reply.write(piece)
        return
    step = max(1, rate // 20)
    for at in range(0, len(piece), step):
        await reply.write(piece[at : at + step])
        await anyio.sleep(len(piece[at : at + step]) / rate)


async def _after_turning(
    reply: web.StreamResponse, delivery: Delivery, point: int, stop: int
) -> None:
    """Send the rest of a body that stalls or drips."""
    if delivery.fault is None:
        return
    if delivery.flaw is Flaw.STALL:
        await anyio.sleep(delivery.fault.seconds)
    for piece in delivery.pieces(point, stop):
        if delivery.flaw is Flaw.STALL:
            await reply.write(piece)
            continue
        for at in range(0, len(piece), _DROP):
            await reply.write(piece[at : at + _DROP])
            await anyio.sleep(delivery.fault.seconds)


def _break_off(request: web.BaseRequest, delivery: Delivery) -> None:
    """Close the connection: with a reset, or after what is buffered has gone out."""
    if delivery.flaw is Flaw.RESET:
        reset(request)
    elif request.transport is not None:
        request.transport.close()
