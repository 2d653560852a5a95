"""Answer as the hosts of signed, expiring download URLs do (G5, Z7, Z9, Z10), faults included."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

import anyio
from aiohttp import web

from reelkeep.simulator.replies import bearer, reset, scripted
from reelkeep.simulator.signing import jwt_claims
from reelkeep.simulator.switches import FORBIDDEN, Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reelkeep.simulator.access import AccessCheck
    from reelkeep.simulator.state import RequestJournal, SimulatorState
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


_FILES_SCOPE = "cloud_recording:read:list_recording_files:admin"
_PAGE = b"""<!DOCTYPE html><html><head><title>Error - Zoom</title></head>
<body><h1>Only the host can download this recording</h1></body></html>"""


@dataclass(frozen=True, slots=True)
class Redirects:
    """The web host's side of a download."""

    scene: SimulatorState
    gate: AccessCheck

    def answer(self, request: web.BaseRequest, locator: str) -> web.Response:
        """Answer the request for one `download_url`."""
        key, _, signature = locator.partition(".")
        file = self.scene.world.file(key)
        if file is None or not self.scene.signer.check(key, signature, self.scene.now()):
            return self._refusal()
        allowed = self._allowed(request, file)
        if allowed is None:
            return _json(401)
        if not allowed:
            return self._refusal()
        if not self._is_there(file):
            return web.Response(status=404, body=_PAGE, content_type="text/html")
        if self._is_too_fresh(file):
            return _json(self.scene.switches.downloads.fresh_status)
        return web.Response(status=302, headers={"Location": self.scene.signed_url(file)})

    def _allowed(self, request: web.BaseRequest, file: SimFile) -> bool | None:
        """Tell whether the token opens this file; None if it only lacks the scope (Z18)."""
        token = bearer(request)
        if not token and self.scene.switches.downloads.query_token:
            token = request.query.get("access_token", "")
        claims = jwt_claims(token, self.scene.signer.secret)
        if claims and claims.get("iss") == "download":
            return self.scene.now().timestamp() < int(claims["exp"])
        if file.key.startswith("vs-"):
            return self.gate.is_sdk(token)
        scopes = self.gate.tokens.scopes(token)
        if scopes is None:
            return False
        return True if _FILES_SCOPE in scopes else None

    def _is_there(self, file: SimFile) -> bool:
        if file.missing or file.deleted or not file.ready(self.scene.now()):
            return False
        if self.scene.switches.downloads.trashed:
            return True
        world = self.scene.world
        trashed = [one.all_files for one in world.meetings if one.trashed_at]
        trashed += [one.all_files for one in world.sessions if one.trashed_at]
        lost = {one.key for files in trashed for one in files}
        return file.trashed_at is None and file.key not in lost

    def _is_too_fresh(self, file: SimFile) -> bool:
        wait, ready = self.scene.switches.downloads.fresh_for, file.completed_from
        return ready is not None and self.scene.now() < ready + wait

    def _refusal(self) -> web.Response:
        """Return what a bad token gets; success, by its status, in the default (Z8)."""
        answer = self.scene.switches.downloads.bad_answer
        if answer == "html":
            return web.Response(body=_PAGE, content_type="text/html", charset="utf-8")
        return _json(200 if answer == "json" else int(answer))


def _json(status: int) -> web.Response:
    return web.Response(status=status, body=FORBIDDEN, content_type="application/json")


_OF_STATUS = {403: "AccessDenied", 404: "NoSuchKey", 405: "MethodNotAllowed"}


class Downloads:
    """Handles the requests to one host."""

    def __init__(self, scene: SimulatorState) -> None:
        self._scene = scene
        self._generation: dict[str, int] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.method not in ("GET", "HEAD"):
            return _error(405)
        key, signature = _address(request)
        file = self._scene.world.file(key)
        now = self._scene.now()
        if refusal := self._refuse_credentials(request):
            return refusal
        if file is None or not self._scene.signer.check(key, signature, now):
            return _error(403)
        if file.missing or file.deleted or file.external:
            return _error(404)
        return await self._serve(request, file)

    def _refuse_credentials(self, request: web.BaseRequest) -> web.Response | None:
        """Refuse what must, or must not, come with an Authorization header."""
        sent = "Authorization" in request.headers
        if sent or "access_token" in request.query:
            self._scene.journal.leaks.append(request.raw_path.partition("?")[0])
        switches = self._scene.switches.downloads
        refused = (sent and switches.refuse_authorization) or (
            not sent and switches.require_authorization
        )
        return _error(403) if refused else None

    async def _serve(self, request: web.BaseRequest, file: SimFile) -> web.StreamResponse:
        journal = self._scene.journal
        fault = self._scene.faults.take(file.key, body=True)
        if fault:
            journal.faults[fault.flaw.value] += 1
        if fault and fault.flaw is Flaw.STATUS:
            return scripted(fault)
        if fault and fault.flaw is Flaw.RESET_EARLY:
            reset(request)
            return web.Response(status=500)
        journal.downloads[file.key] += 1
        journal.running += 1
        journal.busiest = max(journal.busiest, journal.running)
        try:
            return await self._send(request, file, fault)
        finally:
            journal.running -= 1

    async def _send(
        self, request: web.BaseRequest, file: SimFile, fault: Fault | None
    ) -> web.StreamResponse:
        switches = self._scene.switches.downloads
        headers = self._headers(file, fault)
        span = self._span(request, file, fault, headers)
        if span.content_range is not None:
            headers["Content-Range"] = span.content_range
        if fault and fault.flaw is Flaw.HEADERS:
            headers = {k: v for k, v in (headers | fault.headers).items() if v}
        delivery = Delivery(
            file=file,
            span=span,
            fault=fault,
            framing=switches.length,
            rate=switches.rate,
            latency=switches.latency,
        )
        return await deliver(request, headers, delivery, self._scene.journal)

    def _span(
        self, request: web.BaseRequest, file: SimFile, fault: Fault | None, headers: dict[str, str]
    ) -> SentRange:
        validators = tuple(headers[name] for name in ("ETag", "Last-Modified") if name in headers)
        asked = RangeRequest(
            range=request.headers.get("Range"),
            if_range=request.headers.get("If-Range"),
            validators=validators,
        )
        flaw, at = (fault.flaw, fault.at) if fault else (None, 0)
        mode = self._scene.switches.downloads.ranges
        return choose(asked, file.content.size, mode=mode, flaw=flaw, at=at)

    def _headers(self, file: SimFile, fault: Fault | None) -> dict[str, str]:
        switches = self._scene.switches.downloads
        if fault and fault.flaw is Flaw.NEW_ETAG:
            self._generation[file.key] = self._generation.get(file.key, 0) + 1
        headers = {
            "Content-Type": file.content.kind.value,
            "Content-Disposition": _disposition(file.name),
            "Cache-Control": "max-age=0,s-maxage=86400",
        }
        if switches.ranges != "ignore":
            headers["Accept-Ranges"] = "bytes"
        if switches.etag:
            mark = f"{file.key}/{file.content.size}/{self._generation.get(file.key, 0)}"
            headers["ETag"] = f'"{hashlib.sha256(mark.encode()).hexdigest()[:36]}"'
        if switches.last_modified:
            headers["Last-Modified"] = format_datetime(file.modified, usegmt=True)
        return headers | self._digests(file)

    def _digests(self, file: SimFile) -> dict[str, str]:
        wanted, headers = self._scene.switches.downloads.digests, dict[str, str]()
        if "repr-digest" in wanted:
            raw = base64.b64encode(bytes.fromhex(file.content.sha256)).decode()
            headers["Repr-Digest"] = f"sha-256=:{raw}:"
        if "content-md5" in wanted:
            digest = hashlib.md5(file.content.bytes(), usedforsecurity=False).digest()
            headers["Content-MD5"] = base64.b64encode(digest).decode()
        if "zoom-file-sha256" in wanted:
            headers["Zoom-File-SHA256"] = file.content.sha256
        return headers


def _address(request: web.BaseRequest) -> tuple[str, str]:
    """Return key and signature of a URL of either provider."""
    parts = request.raw_path.partition("?")[0].split("/")
    if len(parts) == 5 and parts[1] == "g2a":
        return unquote(parts[3]), parts[2]
    if len(parts) == 8 and parts[1:3] == ["cmr", "replay"]:
        return unquote(parts[6]), request.query.get("Signature", "")
    return "", ""


def _disposition(name: str) -> str:
    if name.isascii():
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name)}"


def _error(status: int) -> web.Response:
    code = _OF_STATUS[status]
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return web.Response(status=status, text=text, content_type="application/xml")
